import type { Dirent } from 'node:fs'
import { lstat, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { pathRefusal } from '../policy/paths.ts'

const MOST_ENTRIES = 20_000
const MOST_COVERED = 1_000

/** A name in an open folder that stays closed: hidden, acted on by systems, or one of several names of a file. */
export type Covered = { path: string; folder: boolean }

/**
 * What in a folder no tool may touch (security rule 3), for the sandbox to cover; undefined where there is too much in it to
 * be sure.
 */
export async function coveredIn(folder: string): Promise<Covered[] | undefined> {
  const lists = { folders: [{ path: folder }], neverPaths: [], ownFiles: undefined }
  const covered: Covered[] = []
  const open = [folder]
  let seen = 0
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    for (const entry of await entriesOf(next)) {
      if (++seen > MOST_ENTRIES || covered.length > MOST_COVERED) return undefined
      const path = join(next, entry.name)
      const isFolder = entry.isDirectory()
      if (entry.isSymbolicLink()) continue
      const hardLinks = isFolder ? 1 : ((await lstat(path).catch(() => undefined))?.nlink ?? 1)
      if (pathRefusal({ path, hardLinks }, lists) !== undefined) covered.push({ path, folder: isFolder })
      else if (isFolder) open.push(path)
    }
  }
  return covered
}

async function entriesOf(folder: string): Promise<Dirent[]> {
  return readdir(folder, { withFileTypes: true }).catch(() => [])
}
