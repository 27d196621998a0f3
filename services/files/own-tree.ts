import type { Dirent, Stats } from 'node:fs'
import { lstat, opendir, type FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import { closing, openFile, openFolder, type OpenFolder } from './open.ts'
import { isReserved } from './own-path.ts'

export type EntryType = 'file' | 'dir'
export type OwnEntry = { name: string; type: EntryType; size: number; modified: Date }

type Named = { name: string; type: EntryType }

/** A part of what is in a folder; `next` is the entry after which the rest begins, `total` counts all. */
export type OwnPage = { entries: OwnEntry[]; next: Named | undefined; total: number }

const byName = new Intl.Collator('en', { numeric: true })

/** Folders first, then by name as people count. */
function inOrder(a: Named, b: Named): number {
  if (a.type !== b.type) return a.type === 'dir' ? -1 : 1
  return byName.compare(a.name, b.name) || (a.name < b.name ? -1 : a.name > b.name ? 1 : 0)
}

/** What an open folder holds, after `after`. Links, devices and Steward's own names are not shown. */
export async function pageOf(folder: OpenFolder, limit: number, after: Named | undefined): Promise<OwnPage> {
  const all = (await namesIn(folder)).sort(inOrder)
  const from = after === undefined ? 0 : all.findIndex((one) => inOrder(one, after) > 0)
  const shown = from < 0 ? [] : all.slice(from, from + limit)
  const entries = await Promise.all(shown.map((one) => entryOf(folder, one)))
  const more = from >= 0 && from + limit < all.length
  return {
    entries: entries.filter((one) => one !== undefined),
    next: more ? shown.at(-1) : undefined,
    total: all.length,
  }
}

async function namesIn(folder: OpenFolder): Promise<Named[]> {
  const names: Named[] = []
  for await (const entry of await opendir(folder.at(''), { bufferSize: 256 })) {
    const type = isReserved(entry.name) ? undefined : await typeOf(folder, entry)
    if (type !== undefined) names.push({ name: entry.name, type })
  }
  return names
}

/** Some file systems say what an entry is only when asked about it. */
async function typeOf(folder: OpenFolder, entry: Dirent): Promise<EntryType | undefined> {
  if (entry.isFile()) return 'file'
  if (entry.isDirectory()) return 'dir'
  if (
    entry.isSymbolicLink() ||
    entry.isFIFO() ||
    entry.isSocket() ||
    entry.isBlockDevice() ||
    entry.isCharacterDevice()
  )
    return undefined
  const stats = await lstat(folder.at(entry.name)).catch(() => undefined)
  return stats?.isFile() ? 'file' : stats?.isDirectory() ? 'dir' : undefined
}

async function entryOf(folder: OpenFolder, { name, type }: Named): Promise<OwnEntry | undefined> {
  const stats = await lstat(folder.at(name)).catch(() => undefined)
  return stats && { name, type, size: type === 'dir' ? 0 : stats.size, modified: stats.mtime }
}

/** One thing below a folder, by its path within it. */
export type TreeEntry = { path: string; type: EntryType; stats: Stats }

/**
 * Everything below a folder, folder by folder. Each is opened as exactly the one it was found as; what goes away meanwhile or
 * turns out to lead elsewhere is left out.
 */
export async function* treeOf(root: string): AsyncGenerator<TreeEntry> {
  const open = ['']
  for (let within = open.pop(); within !== undefined; within = open.pop()) {
    for (const entry of await contentsOf(join(root, within), within)) {
      if (entry.type === 'dir') open.push(entry.path)
      yield entry
    }
  }
}

async function contentsOf(path: string, within: string): Promise<TreeEntry[]> {
  const folder = await openFolder(path).catch(() => undefined)
  if (!folder) return []
  return await closing(folder.handle, async () => {
    const found: TreeEntry[] = []
    for (const { name, type } of (await namesIn(folder)).sort(inOrder)) {
      const stats = await lstat(folder.at(name)).catch(() => undefined)
      if (stats) found.push({ path: join(within, name), type, stats })
    }
    return found
  })
}

export type TreeSize = { files: number; folders: number; bytes: number }

export async function sizeOf(root: string): Promise<TreeSize> {
  const size = { files: 0, folders: 0, bytes: 0 }
  for await (const { type, stats } of treeOf(root)) {
    if (type === 'dir') size.folders++
    else {
      size.files++
      size.bytes += stats.size
    }
  }
  return size
}

/** Opens a file of a tree for reading; undefined where it may not or can no longer be read. */
export function openOf(root: string, { path }: TreeEntry): Promise<FileHandle | undefined> {
  return openFile(join(root, path)).catch(() => undefined)
}
