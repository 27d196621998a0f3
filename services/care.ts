import { createDiskUse } from './disk-use.ts'
import { createHousekeeping, type HousekeepingDeps } from './housekeeping/housekeeping.ts'
import { createRetentionSettings } from './housekeeping/retention.ts'
import type { Settings } from './settings.ts'

export type CareDeps = HousekeepingDeps & { settings: Settings; dataDir: string }

/** What looks after the data: how long it is kept, and what takes the disk. */
export function createCare(deps: CareDeps) {
  return {
    housekeeping: createHousekeeping(deps),
    retention: createRetentionSettings(deps),
    diskUse: createDiskUse(deps),
  }
}
