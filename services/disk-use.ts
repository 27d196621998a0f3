import { lstat, readdir, statfs } from 'node:fs/promises'
import { join } from 'node:path'

/** Bytes, as the disk counts them; what has several names counts once. */
export type DiskUse = {
  database: number
  files: number
  trash: number
  backups: number
  other: number
  free: number
  total: number
}

const FRESH_MS = 30_000
const BLOCK = 512

/** What the data folder takes of the disk, by what it is for. Counting takes a while where there are many files, so an answer is good for half a minute. */
export function createDiskUse({ dataDir, now }: { dataDir: string; now: () => Date }) {
  let last: { at: number; use: Promise<DiskUse> } | undefined

  return {
    get(): Promise<DiskUse> {
      const at = now().getTime()
      if (last && at - last.at < FRESH_MS) return last.use
      const use = measure(dataDir)
      use.catch(() => (last = undefined))
      last = { at, use }
      return use
    },
  }
}

async function measure(dataDir: string): Promise<DiskUse> {
  const use = { database: 0, files: 0, trash: 0, backups: 0, other: 0 }
  const seen = new Set<string>()
  for (const name of await readdir(dataDir)) {
    const part = name.startsWith('steward.sqlite') ? 'database' : name in use ? (name as keyof typeof use) : 'other'
    use[part] += await sizeOf(join(dataDir, name), seen)
  }
  const { bavail, blocks, bsize } = await statfs(dataDir)
  return { ...use, free: bavail * bsize, total: blocks * bsize }
}

/** What goes away meanwhile counts nothing. */
async function sizeOf(path: string, seen: Set<string>): Promise<number> {
  const stat = await lstat(path).catch(() => undefined)
  if (!stat) return 0
  if (stat.nlink > 1 && !stat.isDirectory()) {
    const name = `${stat.dev}:${stat.ino}`
    if (seen.has(name)) return 0
    seen.add(name)
  }
  let size = stat.blocks === undefined ? stat.size : stat.blocks * BLOCK
  if (stat.isDirectory())
    for (const name of await readdir(path).catch(() => [])) size += await sizeOf(join(path, name), seen)
  return size
}
