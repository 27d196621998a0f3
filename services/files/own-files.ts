import { existsSync } from 'node:fs'
import type { FileHandle } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { isPacked } from './media.ts'
import type { ArchiveEntry } from '../archives.ts'
import { AppError, invalidField } from '../errors.ts'
import { withFileFaults } from './faults.ts'
import { closing, openFile, openFolder } from './open.ts'
import { segmentsOf, shownAs } from './own-path.ts'
import { openOf, pageOf, sizeOf, treeOf, type EntryType, type OwnPage, type TreeSize } from './own-tree.ts'

const CHUNK_BYTES = 256 * 1024
const LEFT_OUT = 'NOT IN THIS ARCHIVE.txt'

export type OwnFiles = ReturnType<typeof createOwnFiles>

/**
 * What each user keeps in `<root>/<user id>`, for reading. Paths begin at that folder and never leave it: links are neither
 * followed nor shown, and each file or folder is opened as exactly the one at its path.
 */
export function createOwnFiles({ root }: { root: string }) {
  const home = (userId: string): string => join(root, userId)
  const placeOf = (userId: string, names: readonly string[]): string => join(home(userId), ...names)

  /** Opens a folder; undefined for the folder of a user who has kept nothing yet. */
  async function folderAt(userId: string, names: readonly string[]) {
    try {
      return await openFolder(placeOf(userId, names))
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT' && names.length === 0) return undefined
      throw error
    }
  }

  /** A path as it is written in answers. Throws AppError `invalid`. */
  const shownPath = (path: string): string => shownAs(segmentsOf(path))

  /** A part of what is in a folder. */
  async function list(userId: string, path: string, limit: number, after?: { name: string; type: EntryType }) {
    const names = segmentsOf(path)
    const empty: OwnPage = { entries: [], next: undefined, total: 0 }
    const page = await withFileFaults(async () => {
      const folder = await folderAt(userId, names)
      return folder ? await closing(folder.handle, () => pageOf(folder, limit, after)) : empty
    })
    return { path: shownAs(names), ...page }
  }

  /** Opens a file for reading; closing it is the caller's. */
  async function open(userId: string, path: string): Promise<{ handle: FileHandle; name: string }> {
    const names = segmentsOf(path)
    if (names.length === 0) throw invalidField('path', 'Say which file.')
    const handle = await withFileFaults(() => openFile(placeOf(userId, names)))
    return { handle, name: names.at(-1)! }
  }

  /**
   * Everything in a folder, as an archive wants it. What cannot be read (links, files with several names, what went away
   * meanwhile) is named in a list at the end.
   */
  async function archiveOf(
    userId: string,
    path: string,
  ): Promise<{ name: string; entries: AsyncIterable<ArchiveEntry> }> {
    const names = segmentsOf(path)
    await withFileFaults(async () => {
      const folder = await folderAt(userId, names)
      await folder?.handle.close()
    })
    return { name: names.at(-1) ?? 'files', entries: entriesOf(placeOf(userId, names)) }
  }

  /** How much there is in a user's folder. */
  const usage = (userId: string): Promise<TreeSize> => sizeOf(home(userId))

  /** Where a user's folder is on the disk; undefined while there is none. */
  function folderOf(userId: string): string | undefined {
    return existsSync(home(userId)) ? home(userId) : undefined
  }

  return { home, placeOf, shownPath, list, open, archiveOf, usage, folderOf }
}

async function* entriesOf(root: string): AsyncGenerator<ArchiveEntry> {
  const leftOut: string[] = []
  for await (const entry of treeOf(root)) {
    if (entry.type === 'dir') {
      yield { name: `${entry.path}/`, mtime: entry.stats.mtime }
      continue
    }
    const handle = await openOf(root, entry)
    if (!handle) leftOut.push(entry.path)
    else yield* fileEntry(handle, entry.path, entry.stats.mtime)
  }
  if (leftOut.length > 0) yield { name: LEFT_OUT, content: `${leftOut.join('\n')}\n` }
}

/** The file is closed by its reader, or here where nobody came to read it. */
async function* fileEntry(handle: FileHandle, name: string, mtime: Date): AsyncGenerator<ArchiveEntry> {
  let taken = false
  try {
    yield {
      name,
      mtime,
      compress: !isPacked(basename(name)),
      content: () => {
        taken = true
        return handle.createReadStream({ highWaterMark: CHUNK_BYTES })
      },
    }
  } finally {
    if (!taken) await handle.close()
  }
}

/** The refusal of what only works below a user's folder. */
export function refuseHome(names: readonly string[]): void {
  if (names.length === 0)
    throw new AppError('invalid', 'Your whole folder cannot be changed at once. Choose something in it.')
}
