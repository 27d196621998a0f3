import { existsSync, statfsSync } from 'node:fs'
import { mkdir, rename, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { openSnapshot, type Snapshot } from '../../db/snapshot.ts'
import { AppError } from '../errors.ts'
import { syncFolder, writePrivateFile } from '../private-file.ts'
import { DATABASE, FOLDERS, MANIFEST, readManifest, type BackedUpFile, type Cause, type Manifest } from './manifest.ts'
import { alone, nameOf, namesIn } from './places.ts'
import { copyPrivate, described, linked, sync, walk, type Found } from './tree.ts'

/** `fresh`: nothing is shared with an earlier backup. */
export type BackupOrder = { dataDir: string; appVersion: string; cause: Cause; fresh?: boolean; now?: () => Date }
export type MadeBackup = { name: string; folder: string; manifest: Manifest; bytes: number }

/** Left free on the disk, whatever a backup needs. */
const SPARE_BYTES = 64 * 1024 * 1024

/**
 * Makes a backup of a data folder in its `backups/`, whether Steward runs on it or not: the database as it is at one instant,
 * `files/` and `trash/`, and a manifest with what is in it. Never the master key. It appears under its name when it is whole
 * and on the disk; one that was cut off never does. Files that are as they were in the newest backup share its copies, which
 * nothing ever writes to. Throws AppError `conflict` where one is being made, `unavailable` where there is no room.
 */
export function makeBackup({
  dataDir,
  appVersion,
  cause,
  fresh = false,
  now = () => new Date(),
}: BackupOrder): Promise<MadeBackup> {
  const source = join(dataDir, DATABASE)
  if (!existsSync(source)) throw new AppError('not_found', `There is no database at ${source}, so nothing to back up.`)
  const backups = join(dataDir, 'backups')
  return alone(backups, async () => {
    const [newest] = namesIn(backups)
    const name = nameOf(now())
    const folder = join(backups, `.making-${name}`)
    await mkdir(folder, { mode: 0o700 })
    const snapshot = openSnapshot(source)
    try {
      const manifest: Manifest = { ...told(snapshot), app_version: appVersion, created_at: now().toISOString(), cause, folders: [], files: [] } // prettier-ignore
      await refuseFull(dataDir, source)
      await snapshot.copyTo(join(folder, DATABASE))
      await sync(join(folder, DATABASE))
      manifest.files.push(await described(folder, DATABASE))
      await copyFolders(dataDir, folder, manifest, fresh ? undefined : earlier(backups, newest))
      for (const path of ['', ...manifest.folders]) syncFolder(join(folder, path))
      writePrivateFile(join(folder, MANIFEST), `${JSON.stringify(manifest, null, 1)}\n`)
      syncFolder(folder)
      await rename(folder, join(backups, name))
      syncFolder(backups)
      const bytes = manifest.files.reduce((sum, { size }) => sum + size, 0)
      return { name, folder: join(backups, name), manifest, bytes }
    } finally {
      snapshot.close()
    }
  })
}

function told(
  snapshot: Snapshot,
): Pick<Manifest, 'format' | 'schema_version' | 'master_key_id' | 'audit_head' | 'counts'> {
  const setting = (name: string) =>
    snapshot.all<{ value: string }>('SELECT value FROM settings WHERE name = ?', name)[0]?.value
  const head = JSON.parse(setting('audit_head') ?? 'null') as { id: number; mac: string } | null
  return {
    format: 1,
    schema_version: snapshot.version(),
    master_key_id: keyIdOf(setting('vault_check')),
    audit_head: head && { id: head.id, mac: head.mac },
    counts: snapshot.counts(),
  }
}

/** Sealed values name the key they are under: v1.<key id>.… */
export const keyIdOf = (sealed: string | undefined): string | null => sealed?.split('.')[1] ?? null

type Earlier = { folder: string; files: Map<string, BackedUpFile> } | undefined

function earlier(backups: string, name: string | undefined): Earlier {
  if (name === undefined) return undefined
  try {
    const folder = join(backups, name)
    return { folder, files: new Map(readManifest(folder).files.map((file) => [file.path, file])) }
  } catch {
    return undefined
  }
}

async function copyFolders(dataDir: string, to: string, manifest: Manifest, before: Earlier): Promise<void> {
  for (const top of FOLDERS) {
    manifest.folders.push(top)
    await mkdir(join(to, top), { mode: 0o700 })
    for await (const found of walk(dataDir, top)) {
      if (found.kind === 'folder') {
        manifest.folders.push(found.path)
        await mkdir(join(to, found.path), { recursive: true, mode: 0o700 })
        continue
      }
      const file = await shared(found, to, before).then((one) => one ?? copied(dataDir, found, to))
      if (file) manifest.files.push(file)
    }
  }
}

/** The earlier backup's copy under another name, where the file has not been touched since. */
async function shared({ path, stat }: Found, to: string, before: Earlier): Promise<BackedUpFile | undefined> {
  const known = before?.files.get(path)
  if (!before || known?.size !== stat.size || known.mtime_ms !== Math.trunc(stat.mtimeMs)) return undefined
  return (await linked(join(before.folder, path), join(to, path))) ? known : undefined
}

/** Nothing where the file is gone meanwhile. */
async function copied(dataDir: string, { path, stat }: Found, to: string): Promise<BackedUpFile | undefined> {
  try {
    await copyPrivate(join(dataDir, path), join(to, path), stat)
  } catch (error) {
    if ((error as { code?: string }).code === 'ENOENT') return undefined
    throw error
  }
  return { ...(await described(to, path)), mtime_ms: Math.trunc(stat.mtimeMs) }
}

async function refuseFull(dataDir: string, database: string): Promise<void> {
  const { bavail, bsize } = statfsSync(dataDir)
  const wal = await stat(`${database}-wal`).catch(() => ({ size: 0 }))
  const needed = (await stat(database)).size + wal.size + SPARE_BYTES
  if (bavail * bsize >= needed) return
  throw new AppError('unavailable', `There is no room for a backup: it needs ${inMib(needed)} MiB and ${inMib(bavail * bsize)} MiB are free.`) // prettier-ignore
}

const inMib = (bytes: number): number => Math.ceil(bytes / 1024 / 1024)
