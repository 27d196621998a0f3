import { linkSync, lstatSync, mkdirSync, renameSync, rmSync, unlinkSync, type Stats } from 'node:fs'
import { stat, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Actor, Audit } from '../audit.ts'
import { AppError, invalidField } from '../errors.ts'
import type { Labels } from '../shapes/labels.ts'
import { withFileFaults } from './faults.ts'
import type { FileLabels } from './labels.ts'
import { closing, inFolderNow, openFile, openFolder } from './open.ts'
import { refuseHome, type OwnFiles } from './own-files.ts'
import { checkNewName, segmentsOf, shownAs, MOST_PATH_BYTES } from './own-path.ts'
import { sizeOf, type OwnEntry } from './own-tree.ts'
import type { Trash, TrashCause } from './trash.ts'
import type { Staged } from './uploads.ts'

/** Whoever put a file here, others may have written it. */
const UPLOADED: Labels = { integrity: 'third_party', privacy: 'private' }

type Deps = {
  /** The folder with one folder a user, links followed. */
  root: string
  trashDir: string
  newId: () => string
  files: OwnFiles
  trash: Trash
  fileLabels: FileLabels
  audit: Pick<Audit, 'record'>
}

export type Owner = { userId: string; actor: Actor }
export type OwnChanges = ReturnType<typeof createOwnChanges>

/**
 * Changes in what users keep. Each is decided and done in one uninterrupted step on an open folder; what is deleted or
 * overwritten goes to the trash; all of it is in the audit log.
 */
export function createOwnChanges({ root, trashDir, newId, files, trash, fileLabels, audit }: Deps) {
  let ways: Promise<Ways> | undefined
  const waysToTrash = () => (ways ??= lookForWays(root, trashDir, newId()))

  function record(action: string, names: readonly string[], by: Owner, outcome?: string): void {
    const subject = shownAs(names)
    audit.record({ kind: 'file', action, subject, by: by.actor, ...(outcome === undefined ? {} : { outcome }) })
  }

  /** The folder of these names, made where it is missing. */
  async function ensureFolder(userId: string, names: readonly string[]): Promise<string> {
    const place = files.placeOf(userId, names)
    const folder = await openFolder(place).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return undefined
      throw error
    })
    if (folder) await folder.handle.close()
    else for (let depth = 0; depth <= names.length; depth++) makeIfMissing(userId, names.slice(0, depth))
    return place
  }

  function makeIfMissing(userId: string, names: readonly string[]): void {
    const place = files.placeOf(userId, names)
    const name = names.at(-1) ?? userId
    inFolderNow(dirname(place), (at) => {
      const there = statNow(at(name))
      if (there?.isDirectory()) return
      if (there) throw new AppError('conflict', `${shownAs(names)} is a file, not a folder.`)
      if (names.length > 0) checkNewName(name, 'path')
      mkdirSync(at(name), { mode: 0o700 })
    })
  }

  /** Makes a folder, with those it is in. Throws AppError `conflict` where something has this name. */
  async function makeFolder(path: string, by: Owner): Promise<OwnEntry & { path: string }> {
    const names = segmentsOf(path)
    const name = names.at(-1)
    if (name === undefined) throw invalidField('path', 'Say which folder to make.')
    checkNewName(name, 'path')
    const made = await withFileFaults(async () => {
      const parent = await ensureFolder(by.userId, names.slice(0, -1))
      return inFolderNow(parent, (at) => {
        assertFree(statNow(at(name)), names)
        mkdirSync(at(name), { mode: 0o700 })
        return lstatSync(at(name))
      })
    })
    record('folder made', names, by)
    return { path: shownAs(names), name, type: 'dir', size: 0, modified: made.mtime }
  }

  /** Throws AppError where no file can take this place, so that nobody sends it in vain. */
  async function assertPlace(path: string, name: string, { userId }: Owner): Promise<void> {
    const names = segmentsOf(path)
    checkNewName(name, 'file')
    if (Buffer.byteLength(shownAs([...names, name])) > MOST_PATH_BYTES)
      throw invalidField('path', 'This path is too long.')
    await withFileFaults(async () => {
      const folder = await openFolder(files.placeOf(userId, names)).catch((error: NodeJS.ErrnoException) => {
        if (error.code === 'ENOENT') return undefined
        throw error
      })
      if (!folder) return names.forEach((missing) => checkNewName(missing, 'path'))
      await closing(folder.handle, async () => assertFile(statNow(folder.at(name)), name))
    })
  }

  /** Puts what arrived in its place. Readers see the old content or the new; the old one goes to the trash. */
  async function place(path: string, staged: Staged, by: Owner): Promise<OwnEntry> {
    const names = [...segmentsOf(path), staged.name]
    const { stats, replaced } = await withFileFaults(async () => {
      const folder = await ensureFolder(by.userId, names.slice(0, -1))
      const full = join(folder, staged.name)
      const { canLink } = await waysToTrash()
      const copied = canLink ? undefined : await copyFirst(full, 'overwritten', by)
      return inFolderNow(folder, (at) => {
        const before = statNow(at(staged.name))
        assertFile(before, staged.name)
        if (!canLink) assertSame(before, copied)
        const kept =
          canLink && before ? takeAway(full, at(staged.name), before, 'overwritten', before.size, by) : undefined
        try {
          fileLabels.remember(full, staged.sha256, UPLOADED, null)
          renameSync(staged.at, at(staged.name))
        } catch (error) {
          if (kept !== undefined) trash.untake(kept)
          throw error
        }
        return { stats: lstatSync(at(staged.name)), replaced: before !== undefined }
      })
    })
    record('uploaded', names, by, `${staged.size} bytes${replaced ? ', in place of the version before' : ''}`)
    return { name: staged.name, type: 'file', size: staged.size, modified: stats.mtime }
  }

  function takeAway(path: string, at: string, stats: Stats, cause: TrashCause, size: number, by: Owner): string {
    const kind = stats.isDirectory() ? 'folder' : 'file'
    return trash.take(by.userId, { path, at, kind, size, stats, cause })
  }

  /** Where the trash is another disk, or the disk knows no second names: a copy, and what it is a copy of. */
  async function copyFirst(path: string, cause: TrashCause, { userId }: Owner): Promise<Stats | undefined> {
    const handle = await openFile(path).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return undefined
      throw error
    })
    if (!handle) return undefined
    return await closing(handle, async () => {
      const stats = await handle.stat()
      await trash.keep(userId, null, path, cause, handle)
      return stats
    })
  }

  /** Gives something another name, or another folder. Throws AppError `conflict` where that place is taken. */
  async function move(path: string, to: { name?: string | undefined; folder?: string | undefined }, by: Owner) {
    const names = segmentsOf(path)
    refuseHome(names)
    const name = to.name ?? names.at(-1)!
    if (to.name !== undefined) checkNewName(name, 'name')
    const target = [...(to.folder === undefined ? names.slice(0, -1) : segmentsOf(to.folder)), name]
    if (shownAs(target).startsWith(`${shownAs(names)}/`))
      throw invalidField('folder', 'A folder cannot be moved into itself.')
    if (shownAs(target) === shownAs(names)) return
    await withFileFaults(async () => moveNow(names, target, by.userId))
    record('moved', names, by, `to ${shownAs(target)}`)
  }

  function moveNow(names: readonly string[], target: readonly string[], userId: string): void {
    const [from, to] = [files.placeOf(userId, names), files.placeOf(userId, target)]
    inFolderNow(dirname(from), (fromAt) =>
      inFolderNow(dirname(to), (toAt) => {
        const moved = assertOrdinary(statNow(fromAt(names.at(-1)!)))
        const there = statNow(toAt(target.at(-1)!))
        if (!there || !isSame(there, moved)) assertFree(there, target)
        renameSync(fromAt(names.at(-1)!), toAt(target.at(-1)!))
        fileLabels.moved(from, to)
      }),
    )
  }

  /** Moves a file, or a folder with all in it, to the trash. */
  async function remove(path: string, by: Owner): Promise<void> {
    const names = segmentsOf(path)
    refuseHome(names)
    const full = files.placeOf(by.userId, names)
    const size = await withFileFaults(async () => {
      const { canMove } = await waysToTrash()
      const bytes = (await sizeOf(full)).bytes
      const copied = canMove ? undefined : await copyFirst(full, 'deleted', by)
      return inFolderNow(dirname(full), (at) => {
        const there = assertOrdinary(statNow(at(names.at(-1)!)))
        const total = there.isDirectory() ? bytes : there.size
        if (canMove) takeAway(full, at(names.at(-1)!), there, 'deleted', total, by)
        else {
          assertSame(there, copied)
          unlinkSync(at(names.at(-1)!))
          fileLabels.forget(full)
        }
        return total
      })
    })
    record('deleted', names, by, `${size} bytes`)
  }

  return { makeFolder, assertPlace, place, move, remove }
}

type Ways = {
  /** The trash is on the same disk. */
  canMove: boolean
  /** And there a file can have a second name for a moment. */
  canLink: boolean
}

async function lookForWays(root: string, trashDir: string, name: string): Promise<Ways> {
  const canMove = (await stat(root)).dev === (await stat(trashDir)).dev
  const [first, second] = [join(root, `.${name}`), join(trashDir, `.${name}`)]
  try {
    await writeFile(first, '', { mode: 0o600 })
    linkSync(first, second)
    return { canMove, canLink: canMove }
  } catch {
    return { canMove, canLink: false }
  } finally {
    for (const path of [first, second]) rmSync(path, { force: true })
  }
}

function statNow(path: string): Stats | undefined {
  return lstatSync(path, { throwIfNoEntry: false })
}

function assertOrdinary(stats: Stats | undefined): Stats {
  if (!stats) throw new AppError('not_found', 'There is no such file or folder.')
  if (stats.isDirectory()) return stats
  if (!stats.isFile()) throw new AppError('forbidden', 'This is a link or no ordinary file, and stays as it is.')
  if (stats.nlink > 1) throw new AppError('forbidden', 'This file has several names on the disk (hard links).')
  return stats
}

function assertFile(stats: Stats | undefined, name: string): void {
  if (stats && assertOrdinary(stats).isDirectory()) throw new AppError('conflict', `A folder is called ${name} here.`)
}

function assertFree(stats: Stats | undefined, names: readonly string[]): void {
  if (stats) throw new AppError('conflict', `${shownAs(names)} is there already.`)
}

const isSame = (a: Stats, b: Stats): boolean => a.ino === b.ino && a.dev === b.dev

function assertSame(now: Stats | undefined, copied: Stats | undefined): void {
  if (!now && !copied) return
  if (now && copied && isSame(now, copied) && now.mtimeMs === copied.mtimeMs && now.size === copied.size) return
  throw new AppError('conflict', 'Somebody else changed this file at the same moment. Look again and repeat.')
}
