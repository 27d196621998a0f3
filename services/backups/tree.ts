import { createHash } from 'node:crypto'
import { constants, createReadStream, type Stats } from 'node:fs'
import { chmod, copyFile, link, lstat, mkdir, open, readdir, utimes } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { BackedUpFile } from './manifest.ts'

/** What lies below a folder: paths with `/`, in order; links, devices and unfinished files are left out. */
export type Found = { path: string; kind: 'file' | 'folder'; stat: Stats }

/** Uploads that have not arrived whole. */
const HALF_DONE = 'files/.uploads'

export async function* walk(root: string, below: string): AsyncGenerator<Found> {
  const names = await readdir(join(root, below)).catch(() => [])
  for (const name of names.sort()) {
    if (name.startsWith('.steward-') || `${below}/${name}` === HALF_DONE) continue
    const path = `${below}/${name}`
    const stat = await lstat(join(root, path)).catch(() => undefined)
    if (stat?.isFile()) yield { path, kind: 'file', stat }
    if (!stat?.isDirectory()) continue
    yield { path, kind: 'folder', stat }
    yield* walk(root, path)
  }
}

/** The SHA-256 of a file in hex, read in parts. */
export async function hashFile(file: string): Promise<string> {
  const hash = createHash('sha256')
  for await (const chunk of createReadStream(file, { highWaterMark: 256 * 1024 })) hash.update(chunk as Buffer)
  return hash.digest('hex')
}

/** A copy (shared with the original where the file system can share what is the same), safe on the disk, 0600, as old as it. */
export async function copyPrivate(from: string, to: string, { mtimeMs }: { mtimeMs: number }): Promise<void> {
  await mkdir(dirname(to), { recursive: true, mode: 0o700 })
  await copyFile(from, to, constants.COPYFILE_FICLONE | constants.COPYFILE_EXCL)
  await chmod(to, 0o600)
  await utimes(to, new Date(), new Date(mtimeMs))
  await sync(to)
}

/** Makes a second name for a file that is never written again; false where the file system cannot. */
export async function linked(from: string, to: string): Promise<boolean> {
  await mkdir(dirname(to), { recursive: true, mode: 0o700 })
  return link(from, to).then(
    () => true,
    () => false,
  )
}

export async function sync(path: string): Promise<void> {
  const handle = await open(path, 'r')
  try {
    await handle.sync().catch(() => {})
  } finally {
    await handle.close()
  }
}

/** A file of a backup as it is described in the manifest. */
export async function described(folder: string, path: string): Promise<BackedUpFile> {
  const file = join(folder, path)
  const { size, mtimeMs } = await lstat(file)
  return { path, size, mtime_ms: Math.trunc(mtimeMs), sha256: await hashFile(file) }
}
