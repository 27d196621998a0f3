import { lstat, mkdir, open, readdir, stat, unlink, type FileHandle } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import type { Db } from '../../db/open.ts'
import { AppError } from '../errors.ts'
import { withFileFaults } from './faults.ts'
import type { FileLabels } from './labels.ts'
import { canonicalPath, closing, openFile, openFolder } from './open.ts'
import { copyContent, replaceFile, writeNew } from './replace.ts'

const DAY_MS = 86_400_000

export type TrashCause = 'overwritten' | 'deleted'

/** An old version of a file. `path` is where it was, `mode` its permissions there. */
export type TrashedFile = {
  id: string
  path: string
  size: number
  mode: number
  cause: TrashCause
  runId: string | null
  createdAt: string
  restoredAt: string | null
}

export type Trash = ReturnType<typeof createTrash>

type Deps = { db: Db; dir: string; now: () => Date; newId: () => string; fileLabels: FileLabels }

/**
 * Old versions of files, each a copy `<dir>/<id>` and a row. A row is written after its copy is safe on the disk and
 * removed before it, so there is never a row without its copy. Labels travel with the file.
 */
export function createTrash({ db, dir, now, newId, fileLabels }: Deps) {
  const fields = 'id, path, size, mode, cause, run_id AS runId, created_at AS createdAt, restored_at AS restoredAt'
  const insert = db.prepare<[string, string, string | null, string, number, number, TrashCause, string]>(
    'INSERT INTO trash (id, user_id, run_id, path, size, mode, cause, created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)',
  )
  const ofUser = db.prepare<[string, number], TrashedFile>(
    `SELECT ${fields} FROM trash WHERE user_id = ? ORDER BY created_at DESC, id DESC LIMIT ?`,
  )
  const one = db.prepare<[string, string], TrashedFile>(`SELECT ${fields} FROM trash WHERE id = ? AND user_id = ?`)
  const known = db.prepare<[string], { id: string }>('SELECT id FROM trash WHERE id = ?')
  const mark = db.prepare<[string, string]>('UPDATE trash SET restored_at = ? WHERE id = ?')
  const expired = db.prepare<[string], { id: string }>('DELETE FROM trash WHERE created_at < ? RETURNING id')

  const copyOf = (id: string): string => join(dir, id)

  async function copyIn(id: string, source: FileHandle): Promise<number> {
    let size = 0
    await writeNew(copyOf(id), 0o600, async (target) => void (size = await copyContent(source, target)))
    await syncFolder(dir)
    return size
  }

  async function copyOut(id: string, target: FileHandle): Promise<void> {
    const source = await openFile(await canonicalPath(copyOf(id)))
    await closing(source, () => copyContent(source, target))
  }

  async function keepOpen(userId: string, runId: string | null, path: string, cause: TrashCause, source: FileHandle) {
    const id = newId()
    try {
      const size = await copyIn(id, source)
      const { mode } = await source.stat()
      db.transact(() => {
        insert.run(id, userId, runId, path, size, mode & 0o777, cause, now().toISOString())
        fileLabels.copied(path, copyOf(id))
      })
      return id
    } catch (error) {
      await unlink(copyOf(id)).catch(() => {})
      throw error
    }
  }

  /**
   * Keeps a copy of what is in a file now and gives its id; the file itself stays. `opened` is the file when the caller
   * has it open already, so that exactly that one is kept.
   */
  async function keep(
    userId: string,
    runId: string | null,
    path: string,
    cause: TrashCause,
    opened?: FileHandle,
  ): Promise<string> {
    if (opened) return await keepOpen(userId, runId, path, cause, opened)
    const source = await openFile(path)
    return await closing(source, () => keepOpen(userId, runId, path, cause, source))
  }

  async function putBack(userId: string, { id, path, mode }: TrashedFile): Promise<void> {
    if ((await canonicalPath(path)) !== path) {
      throw new AppError('conflict', `The way to ${path} has changed since; a link stands in it now.`)
    }
    await mkdir(dirname(path), { recursive: true, mode: 0o700 })
    const folder = await openFolder(dirname(path))
    await closing(folder.handle, async () => {
      if (await exists(folder.at(basename(path)))) await keep(userId, null, path, 'overwritten')
      const target = { name: basename(path), temporary: `.steward-${newId()}`, mode }
      await replaceFile(folder, target, (handle) => copyOut(id, handle))
    })
  }

  /** The newest first. */
  function list(userId: string, limit = 200): TrashedFile[] {
    return ofUser.all(userId, limit)
  }

  /**
   * Puts a kept file back where it was, with the folders it was in; what stands there now goes to the trash first. The
   * copy stays until it is swept. Throws AppError `not_found` and what `withFileFaults` knows.
   */
  async function restore(userId: string, id: string): Promise<TrashedFile> {
    const kept = one.get(id, userId)
    if (!kept) throw new AppError('not_found', 'There is no such file in the trash.')
    await withFileFaults(() => putBack(userId, kept))
    db.transact(() => {
      fileLabels.copied(copyOf(id), kept.path)
      mark.run(now().toISOString(), id)
    })
    return one.get(id, userId)!
  }

  /** Removes what is older, and copies that a crash left without a row. Says how many files went. */
  async function sweep(olderThanDays = 30): Promise<number> {
    const rows = expired.all(new Date(now().getTime() - olderThanDays * DAY_MS).toISOString())
    const orphans = (await readdir(dir)).filter((name) => known.get(name) === undefined)
    const old = await Promise.all(orphans.map((name) => isOld(copyOf(name), now())))
    const gone = new Set([...rows.map(({ id }) => id), ...orphans.filter((_, index) => old[index])])
    await Promise.all(Array.from(gone, (name) => unlink(copyOf(name)).catch(() => {})))
    return gone.size
  }

  return { keep, list, restore, sweep }
}

/** A copy being made has no row yet, so only those of yesterday are taken for lost. */
async function isOld(path: string, now: Date): Promise<boolean> {
  const found = await stat(path).catch(() => undefined)
  return found?.isFile() === true && found.mtimeMs < now.getTime() - DAY_MS
}

function exists(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    () => false,
  )
}

async function syncFolder(path: string): Promise<void> {
  const handle = await open(path, 'r')
  await closing(handle, () => handle.sync())
}
