import { constants, open, rename, unlink, type FileHandle } from 'node:fs/promises'
import { closing, type OpenFolder } from './open.ts'

const { O_CREAT, O_EXCL, O_NOFOLLOW, O_WRONLY } = constants
const CHUNK_BYTES = 256 * 1024

/**
 * Puts a file into a folder in one step: readers see the old content or the new, never a half, and after a crash one of
 * the two is there. `fill` writes the content into `temporary`, which is gone afterwards whatever happens.
 */
export async function replaceFile(
  folder: OpenFolder,
  { name, temporary, mode }: { name: string; temporary: string; mode: number },
  fill: (handle: FileHandle) => Promise<void>,
): Promise<void> {
  const place = folder.at(temporary)
  await unlink(place).catch(() => {})
  try {
    await writeNew(place, mode, fill)
    await rename(place, folder.at(name))
    await folder.handle.sync()
  } catch (error) {
    await unlink(place).catch(() => {})
    throw error
  }
}

/** Makes a new file, safe on the disk before this resolves. Fails if anything has that name. */
export async function writeNew(path: string, mode: number, fill: (handle: FileHandle) => Promise<void>): Promise<void> {
  const handle = await open(path, O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW, 0o600)
  await closing(handle, async () => {
    await fill(handle)
    await handle.chmod(mode & 0o777)
    await handle.sync()
  })
}

/** Copies everything from one open file to another and says how much it was. */
export async function copyContent(from: FileHandle, to: FileHandle): Promise<number> {
  let size = 0
  for await (const chunk of chunksOf(from)) {
    await to.writeFile(chunk)
    size += chunk.length
  }
  return size
}

/** The content of an open file from its start. A chunk is only good until the next one is asked for. */
export async function* chunksOf(handle: FileHandle): AsyncGenerator<Buffer> {
  const buffer = Buffer.alloc(CHUNK_BYTES)
  for (let position = 0; ;) {
    const { bytesRead } = await handle.read(buffer, 0, CHUNK_BYTES, position)
    if (bytesRead === 0) return
    position += bytesRead
    yield buffer.subarray(0, bytesRead)
  }
}
