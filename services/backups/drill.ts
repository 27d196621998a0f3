import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { openDb } from '../../db/open.ts'
import { openSnapshot } from '../../db/snapshot.ts'
import { AppError } from '../errors.ts'
import { DATABASE, type Manifest } from './manifest.ts'
import { alone, namesIn } from './places.ts'
import { putInto, verifyBackup } from './restore.ts'

export type DrillOrder = { dataDir: string; schemaDir: string; name?: string | undefined }
export type Drilled = { name: string; tables: number; rows: number; files: number }

/**
 * Restores a backup (the newest, unless one is named) into a scratch folder beside it and looks whether everything is there:
 * every file as its checksum says, the database sound, every table with as many rows as the manifest counts, and this version
 * of Steward able to open it. The scratch folder is gone afterwards. Throws AppError `conflict` with what is wrong.
 */
export function drillBackup({ dataDir, schemaDir, name }: DrillOrder): Promise<Drilled> {
  const backups = join(dataDir, 'backups')
  return alone(backups, async () => {
    const chosen = name ?? namesIn(backups)[0]
    if (chosen === undefined) throw new AppError('not_found', 'There is no backup to try.')
    const scratch = join(backups, `.drill-${chosen}`)
    try {
      const manifest = await verifyBackup(join(backups, chosen))
      await putInto(join(backups, chosen), manifest, scratch, { share: true })
      compare(join(scratch, DATABASE), manifest)
      openDb(join(scratch, DATABASE), { schemaDir, backupDir: scratch }).close()
      const counts = Object.values(manifest.counts)
      const rows = counts.reduce((sum, count) => sum + count, 0)
      return { name: chosen, tables: counts.length, rows, files: manifest.files.length - 1 }
    } finally {
      await rm(scratch, { recursive: true, force: true })
    }
  })
}

function compare(database: string, { counts, schema_version }: Manifest): void {
  const snapshot = openSnapshot(database)
  try {
    const [damage] = snapshot.damage()
    if (damage !== undefined) throw new AppError('conflict', `The database in the backup is damaged: ${damage}.`)
    if (snapshot.version() !== schema_version)
      throw new AppError('conflict', `The database in the backup has the schema ${snapshot.version()}, not ${schema_version}.`) // prettier-ignore
    const found = snapshot.counts()
    const names = [...new Set([...Object.keys(counts), ...Object.keys(found)])]
    const other = names.filter((table) => counts[table] !== found[table])
    if (other.length === 0) return
    const told = other.map((table) => `${table} has ${found[table] ?? 'no'} rows, not ${counts[table] ?? 'none'}`)
    throw new AppError('conflict', `The restored database differs from what was backed up: ${told.join('; ')}.`)
  } finally {
    snapshot.close()
  }
}
