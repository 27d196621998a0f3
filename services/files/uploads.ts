import { createHash } from 'node:crypto'
import { readdirSync, rmSync } from 'node:fs'
import { constants, open, rm, statfs } from 'node:fs/promises'
import { join } from 'node:path'
import { AppError } from '../errors.ts'
import { closing } from './open.ts'
import { createYoungGarbage } from './young-garbage.ts'

const { O_CREAT, O_EXCL, O_NOFOLLOW, O_WRONLY } = constants
const MIB = 1024 * 1024

/** A file that arrived whole and is safe on the disk, but is nowhere yet. */
export type Staged = { name: string; at: string; size: number; sha256: string }

/** How many more bytes one upload may bring, over all its files. */
export type Allowance = { left: number; most: number }

export type Uploads = ReturnType<typeof createUploads>

/**
 * Where uploads arrive before they take their place: one folder beside those of the users, on the same disk, emptied at
 * every start.
 */
export function createUploads({ dir, newId }: { dir: string; newId: () => string }) {
  for (const name of readdirSync(dir)) rmSync(join(dir, name), { recursive: true, force: true })

  /** Writes what comes, as it comes. What does not arrive whole leaves nothing behind. Throws AppError `too_large`. */
  async function receive(name: string, chunks: AsyncIterable<Buffer>, allowance: Allowance): Promise<Staged> {
    const at = join(dir, newId())
    const hash = createHash('sha256')
    const garbage = createYoungGarbage()
    let size = 0
    try {
      const handle = await open(at, O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW, 0o600)
      await closing(handle, async () => {
        for await (const chunk of chunks) {
          take(allowance, chunk.length)
          hash.update(chunk)
          await handle.writeFile(chunk)
          size += chunk.length
          garbage.add(chunk.length)
        }
        await handle.sync()
      })
    } catch (error) {
      await discard({ at })
      throw error
    }
    return { name, at, size, sha256: hash.digest('hex') }
  }

  function discard({ at }: Pick<Staged, 'at'>): Promise<void> {
    return rm(at, { force: true }).catch(() => {})
  }

  /** Throws AppError `unavailable` where so much would not fit on the disk. */
  async function assertRoom(bytes: number): Promise<void> {
    const { bavail, bsize } = await statfs(dir).catch(() => ({ bavail: Infinity, bsize: 1 }))
    if (bytes <= bavail * bsize) return
    throw new AppError('unavailable', 'There is not enough space on the disk for this. Make room and try again.')
  }

  return { receive, discard, assertRoom }
}

function take(allowance: Allowance, bytes: number): void {
  allowance.left -= bytes
  if (allowance.left < 0) throw tooLarge(allowance.most)
}

/** The refusal of an upload above the limit that is set. */
export function tooLarge(most: number): AppError {
  const limit = most >= MIB ? `${Math.floor(most / MIB).toLocaleString('en')} MiB` : `${most} bytes`
  return new AppError('too_large', `This is more than the ${limit} that one upload may have.`, { detail: { most } })
}
