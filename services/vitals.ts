import { readdirSync, statfsSync, statSync } from 'node:fs'
import { setTimeout as wait } from 'node:timers/promises'
import { SCHEMA_VERSION, type Db } from '../db/open.ts'
import type { DataFolder } from './data-folder.ts'

const SAMPLE_MS = 10

export type Vitals = ReturnType<typeof createVitals>

/** How the process and its files are, measured when somebody asks. */
export function createVitals({
  db,
  folder,
  now,
  version,
}: {
  db: Pick<Db, 'sqlite'>
  folder: Pick<DataFolder, 'dir' | 'database' | 'backups'>
  now: () => Date
  version: string
}) {
  const sqlite = () => (db.sqlite.prepare('SELECT sqlite_version() AS v').get() as { v: string }).v

  return {
    versions: () => ({ steward: version, node: process.versions.node, sqlite: sqlite(), schema: SCHEMA_VERSION }),

    uptimeSeconds: (): number => Math.round(process.uptime()),

    memory() {
      const { rss, heapTotal, heapUsed, external } = process.memoryUsage()
      return { rss_bytes: rss, heap_total_bytes: heapTotal, heap_used_bytes: heapUsed, external_bytes: external }
    },

    /** How much later than it should a timer fires now, in milliseconds. */
    async eventLoopDelayMs(): Promise<number> {
      const began = performance.now()
      await wait(SAMPLE_MS)
      return Math.max(0, Math.round((performance.now() - began - SAMPLE_MS) * 1000) / 1000)
    },

    database: () => ({ size_bytes: sizeOf(folder.database), wal_bytes: sizeOf(`${folder.database}-wal`) }),

    disk() {
      const { bavail, blocks, bsize } = statfsSync(folder.dir)
      return { free_bytes: bavail * bsize, total_bytes: blocks * bsize }
    },

    /** Seconds since the newest file among the backups was written; undefined where there is none. */
    backupAgeSeconds(): number | undefined {
      const times = readdirSync(folder.backups)
        .filter((name) => !name.startsWith('.'))
        .map((name) => modifiedAt(`${folder.backups}/${name}`))
      return times.length === 0 ? undefined : Math.max(0, (now().getTime() - Math.max(...times)) / 1000)
    },
  }
}

const sizeOf = (file: string): number => statSync(file, { throwIfNoEntry: false })?.size ?? 0

const modifiedAt = (file: string): number => statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0
