import { join } from 'node:path'
import { createBackups, type BackupsDeps } from './backups/backups.ts'
import type { Config } from './config.ts'
import { createDiskUse } from './disk-use.ts'
import { createHousekeeping, type HousekeepingDeps } from './housekeeping/housekeeping.ts'
import { createRetentionSettings } from './housekeeping/retention.ts'

export type CareDeps = Omit<HousekeepingDeps & BackupsDeps, 'dataDir' | 'schemaDir' | 'timezone'> & {
  config: Pick<Config, 'dataDir' | 'timezone'>
  programDir: string
}

/** What looks after the data: how long it is kept, its backups, and what takes the disk. */
export function createCare({ config, programDir, ...rest }: CareDeps) {
  const deps = { ...rest, ...config, schemaDir: join(programDir, 'db') }
  return {
    housekeeping: createHousekeeping(deps),
    backups: createBackups(deps),
    retention: createRetentionSettings(deps),
    diskUse: createDiskUse(deps),
  }
}
