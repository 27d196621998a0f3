import { linkSync, renameSync, rmSync, type Stats } from 'node:fs'
import { lstat, mkdir, open, readdir, rm, stat, unlink, type FileHandle } from 'node:fs/promises'
import { basename, dirname, extname, join } from 'node:path'
import type { Db } from '../../db/open.ts'
import { AppError } from '../errors.ts'
import { withFileFaults } from './faults.ts'
import type { FileLabels } from './labels.ts'
import { canonicalPath, closing, inFolderNow, openFile, openFolder } from './open.ts'
import { copyContent, replaceFile, writeNew } from './replace.ts'
import { createTrashRows, type TrashCause, type Trashed, type TrashKind } from './trash-rows.ts'

export type { TrashCause, Trashed } from './trash-rows.ts'

const DAY_MS = 86_400_000
/** Only the last move of a process that died can be unfinished; a few more do no harm. */
const LOOKED_AT_AFTER_CRASH = 100

export type Trash = ReturnType<typeof createTrash>

type Deps = { db: Db; dir: string; now: () => Date; newId: () => string; fileLabels: FileLabels }

/** What goes to the trash by being moved: where it stands now is `at`, how it is called for people `path`. */
export type Discarded = { path: string; at: string; kind: TrashKind; size: number; stats: Stats; cause: TrashCause }

/**
 * Old versions of files, and deleted folders: each `<dir>/<id>` and a row. Copies are on the disk before their row, moves
 * begin with the row and are put right after a crash (`mend`), so no row stays without its content. Labels travel along.
 */
export function createTrash({ db, dir, now, newId, fileLabels }: Deps) {
  const rows = createTrashRows({ db, now })
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
        rows.add({ id, userId, runId, path, kind: 'file', size, mode, cause })
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

  /**
   * Takes a file or folder into the trash at once, without copying: what was deleted is moved, what is about to be
   * overwritten gets a second name until the new content takes the first. Undone by `untake`.
   */
  function take(userId: string, { path, at, kind, size, stats, cause }: Discarded): string {
    const id = newId()
    db.transact(() => {
      rows.add({ id, userId, runId: null, path, kind, size, mode: stats.mode, cause })
      fileLabels.copied(path, copyOf(id))
    })
    try {
      if (cause === 'overwritten') linkSync(at, copyOf(id))
      else renameSync(at, copyOf(id))
    } catch (error) {
      rows.drop(id)
      throw error
    }
    if (cause === 'deleted') fileLabels.moved(path, copyOf(id))
    return id
  }

  /** Takes back that a file was about to be overwritten. */
  function untake(id: string): void {
    rmSync(copyOf(id), { force: true })
    rows.drop(id)
  }

  async function putBackFile(userId: string, { id, path, mode }: Trashed): Promise<void> {
    const folder = await openFolder(dirname(path))
    await closing(folder.handle, async () => {
      const there = await statOf(folder.at(basename(path)))
      if (there?.isDirectory()) throw new AppError('conflict', `A folder stands at ${path} now. Rename it first.`)
      if (there) await keep(userId, null, path, 'overwritten')
      const target = { name: basename(path), temporary: `.steward-${newId()}`, mode }
      await replaceFile(folder, target, (handle) => copyOut(id, handle))
    })
    db.transact(() => {
      fileLabels.copied(copyOf(id), path)
      rows.markRestored(id)
    })
  }

  /** A folder goes back as it is; where its name is taken by now, beside it. */
  async function putBackFolder({ id, path }: Trashed): Promise<string> {
    const name = await freeName(path)
    inFolderNow(dirname(path), (at) => renameSync(copyOf(id), at(name)))
    const place = join(dirname(path), name)
    db.transact(() => {
      fileLabels.moved(copyOf(id), place)
      rows.drop(id)
    })
    return place
  }

  /** The newest first. */
  function list(userId: string, limit = 200): Trashed[] {
    return rows.ofUser(userId, limit)
  }

  function found(userId: string, id: string): Trashed {
    const kept = rows.find(userId, id)
    if (!kept) throw new AppError('not_found', 'There is no such file in the trash.')
    return kept
  }

  /**
   * Puts something back where it was, with the folders it was in, and says where it is now. What stands in the place of a
   * file goes to the trash first, and the copy stays until it is swept; a folder leaves the trash. Throws AppError
   * `not_found`, `conflict` and what `withFileFaults` knows.
   */
  async function restore(userId: string, id: string): Promise<string> {
    const kept = found(userId, id)
    return await withFileFaults(async () => {
      if ((await canonicalPath(kept.path)) !== kept.path) {
        throw new AppError('conflict', `The way to ${kept.path} has changed since; a link stands in it now.`)
      }
      await mkdir(dirname(kept.path), { recursive: true, mode: 0o700 })
      if (kept.kind === 'folder') return await putBackFolder(kept)
      await putBackFile(userId, kept)
      return kept.path
    })
  }

  /** Lets go of something for good. Throws AppError `not_found`. */
  async function remove(userId: string, id: string): Promise<Trashed> {
    const kept = found(userId, id)
    rows.drop(id)
    await rm(copyOf(id), { recursive: true, force: true })
    return kept
  }

  /** Removes what is older, and copies that a crash left without a row. Says how many went. */
  async function sweep(olderThanDays = 30): Promise<number> {
    const old = rows.takeOlder(new Date(now().getTime() - olderThanDays * DAY_MS))
    const strays = (await readdir(dir)).filter((name) => !rows.isKnown(name) && !old.includes(name))
    const lost = await Promise.all(strays.map((name) => isOld(copyOf(name), now())))
    const gone = [...old, ...strays.filter((_, index) => lost[index])]
    for (const name of gone) await rm(copyOf(name), { recursive: true, force: true }).catch(() => {})
    return gone.length
  }

  /**
   * After a crash: a move that was begun and never made leaves a row without content, and an overwriting that was begun one
   * whose content still stands in its own place. Both are taken back.
   */
  async function mend(): Promise<void> {
    for (const { id, path } of rows.newest(LOOKED_AT_AFTER_CRASH)) {
      const [kept, there] = [await statOf(copyOf(id)), await statOf(path)]
      if (!kept) rows.drop(id)
      else if (kept.isFile() && there?.ino === kept.ino && there.dev === kept.dev) untake(id)
    }
  }

  return { keep, take, untake, list, restore, remove, sweep, mend, bytesOf: rows.bytesOf }
}

/** A copy being made has no row yet, so only those of yesterday are taken for lost. */
async function isOld(path: string, now: Date): Promise<boolean> {
  const found = await stat(path).catch(() => undefined)
  return found !== undefined && found.mtimeMs < now.getTime() - DAY_MS
}

/** "photos", or "photos (restored)", "photos (restored 2)" where that is taken. */
async function freeName(path: string): Promise<string> {
  const [ending, folder] = [extname(path), dirname(path)]
  const stem = basename(path, ending)
  for (let n = 0; ; n++) {
    const name = `${stem}${n === 0 ? '' : n === 1 ? ' (restored)' : ` (restored ${n})`}${ending}`
    if (!(await statOf(join(folder, name)))) return name
  }
}

function statOf(path: string): Promise<Stats | undefined> {
  return lstat(path).catch(() => undefined)
}

async function syncFolder(path: string): Promise<void> {
  const handle = await open(path, 'r')
  await closing(handle, () => handle.sync())
}
