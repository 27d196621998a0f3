import { join } from 'node:path'
import { createBackups, type BackupsDeps } from './backups/backups.ts'
import type { Config } from './config.ts'
import type { Credentials } from './credentials.ts'
import type { DataFolder } from './data-folder.ts'
import { createDiskUse } from './disk-use.ts'
import { createDataExport } from './export/export.ts'
import { createHousekeeping, type HousekeepingDeps } from './housekeeping/housekeeping.ts'
import { createRetentionSettings } from './housekeeping/retention.ts'

export type CareDeps = Omit<HousekeepingDeps & BackupsDeps, 'dataDir' | 'schemaDir' | 'timezone'> & {
  config: Pick<Config, 'dataDir' | 'timezone'>
  folder: Pick<DataFolder, 'database'>
  credentials: Pick<Credentials, 'maskValue'>
  programDir: string
}

/** What looks after the data: how long it is kept, its backups, how it is taken out, and what takes the disk. */
export function createCare({ config, folder, programDir, credentials, ...rest }: CareDeps) {
  const deps = { ...rest, ...config, schemaDir: join(programDir, 'db') }
  return {
    housekeeping: createHousekeeping(deps),
    backups: createBackups(deps),
    retention: createRetentionSettings(deps),
    dataExport: createDataExport({ ...deps, database: folder.database, maskValue: credentials.maskValue }),
    diskUse: createDiskUse(deps),
  }
}
