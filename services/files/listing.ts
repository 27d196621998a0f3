import { lstat, opendir } from 'node:fs/promises'
import type { Stats } from 'node:fs'
import type { OpenFolder } from './open.ts'

const MAX_SHOWN = 500
const MAX_COUNTED = 20_000

export type Entry = { name: string; kind: 'file' | 'folder' | 'link' | 'other'; size: number; modified: Date }

/** Entries by name; `more` says how many others there are at least. */
export type Listing = { entries: Entry[]; more: number }

/** What is in an open folder, without hidden names, at most 500 entries. Links are named, not followed. */
export async function listFolder(folder: OpenFolder): Promise<Listing> {
  const names = (await visibleNames(folder.at(''))).sort((a, b) => a.localeCompare(b, 'en'))
  const shown = names.slice(0, MAX_SHOWN)
  const entries = await Promise.all(shown.map((name) => entryOf(name, folder.at(name))))
  return { entries: entries.filter((entry) => entry !== undefined), more: names.length - shown.length }
}

async function visibleNames(path: string): Promise<string[]> {
  const names: string[] = []
  for await (const { name } of await opendir(path)) {
    if (!name.startsWith('.')) names.push(name)
    if (names.length >= MAX_COUNTED) break
  }
  return names
}

async function entryOf(name: string, path: string): Promise<Entry | undefined> {
  const stat = await lstat(path).catch(() => undefined)
  return stat && { name, kind: kindOf(stat), size: stat.size, modified: stat.mtime }
}

function kindOf(stat: Stats): Entry['kind'] {
  if (stat.isFile()) return 'file'
  if (stat.isDirectory()) return 'folder'
  return stat.isSymbolicLink() ? 'link' : 'other'
}
