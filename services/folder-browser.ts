import { readdirSync, realpathSync, type Dirent } from 'node:fs'
import { isAbsolute, join, resolve } from 'node:path'
import { AppError, invalidField } from './errors.ts'
import { isInside } from './policy/paths.ts'

export type FolderListing = { path: string; entries: { name: string; type: 'dir' | 'file' }[] }

const MOST_ENTRIES = 1000

/** Shows an administrator what is on the server's disk, to pick a folder; closed and hidden places are left out. */
export function createFolderBrowser({ neverPaths }: { neverPaths: readonly string[] }) {
  const closed = (path: string) =>
    neverPaths.some((never) => isInside(path, never)) || path.split('/').some((part) => part.startsWith('.'))

  function list(path: string): FolderListing {
    if (!isAbsolute(path) || path.includes('\0')) throw invalidField('path', 'Give the whole path, from / on.')
    // @NOTE also before anything is looked up, so that nobody learns what there is in a closed place.
    if (closed(resolve(path))) throw staysClosed()
    const real = resolved(path)
    if (closed(real)) throw staysClosed()
    const entries = read(real)
      .filter((entry) => (entry.isDirectory() || entry.isFile()) && !closed(join(real, entry.name)))
      .map((entry) => ({ name: entry.name, type: entry.isDirectory() ? ('dir' as const) : ('file' as const) }))
    return { path: real, entries: entries.sort(foldersFirst).slice(0, MOST_ENTRIES) }
  }

  return { list }
}

const staysClosed = () => new AppError('forbidden', 'That place stays closed.')

function foldersFirst(a: { name: string; type: string }, b: { name: string; type: string }): number {
  return a.type === b.type ? a.name.localeCompare(b.name) : a.type === 'dir' ? -1 : 1
}

function resolved(path: string): string {
  try {
    return realpathSync(path)
  } catch {
    throw new AppError('not_found', `There is no folder ${path} on this server.`)
  }
}

function read(path: string): Dirent[] {
  try {
    return readdirSync(path, { withFileTypes: true })
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code
    if (code === 'ENOTDIR') throw invalidField('path', `${path} is not a folder.`)
    throw new AppError('forbidden', `${path} cannot be read by Steward.`)
  }
}
