import type { Chosen } from './uploads.ts'
import { within } from './places.ts'

/** The files of a drop, those in dropped folders too, each with the folder it goes to. */
export async function droppedFiles(data: DataTransfer, folder: string): Promise<Chosen[]> {
  const entries = Array.from(data.items, (item) => item.webkitGetAsEntry()).filter((entry) => entry !== null)
  if (entries.length === 0) return Array.from(data.files, (file) => ({ file, folder }))
  const found = await Promise.all(entries.map((entry) => filesIn(entry, folder)))
  return found.flat()
}

async function filesIn(entry: FileSystemEntry, folder: string): Promise<Chosen[]> {
  if (entry.isFile) return [{ file: await fileOf(entry as FileSystemFileEntry), folder }]
  const inside = await childrenOf(entry as FileSystemDirectoryEntry)
  const found = await Promise.all(inside.map((child) => filesIn(child, within(folder, entry.name))))
  return found.flat()
}

function fileOf(entry: FileSystemFileEntry): Promise<File> {
  return new Promise((resolve, reject) => entry.file(resolve, reject))
}

/** Browsers give out what is in a folder a hundred at a time. */
async function childrenOf(folder: FileSystemDirectoryEntry): Promise<FileSystemEntry[]> {
  const reader = folder.createReader()
  const all: FileSystemEntry[] = []
  for (;;) {
    const some = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject))
    if (some.length === 0) return all
    all.push(...some)
  }
}
