import { statfsSync } from 'node:fs'
import type { Db } from '../db/open.ts'
import { SCHEMA_VERSION } from '../db/open.ts'
import type { Models } from './models/index.ts'
import type { Settings } from './settings.ts'

const LITTLE_SPACE = 200 * 1024 * 1024

export type HealthReport = {
  status: 'ok' | 'degraded' | 'unhealthy'
  checks: Record<string, string>
  warnings: string[]
  issues: string[]
}

export type HealthDeps = {
  db: Db
  dataDir: string
  models: Pick<Models, 'providers'>
  settings: Pick<Settings, 'get'>
}

/** Whether the house is in order. `issues` make it unhealthy, a full disk degraded; other warnings are for the owner to know. */
export function createHealth({ db, dataDir, models, settings }: HealthDeps) {
  function disk(): string | undefined {
    const { bavail, bsize } = statfsSync(dataDir)
    return bavail * bsize < LITTLE_SPACE ? 'There is hardly any space left on the disk.' : undefined
  }

  function database(): string | undefined {
    return db.sqlite.pragma('user_version', { simple: true }) === SCHEMA_VERSION
      ? undefined
      : 'The database has another schema.'
  }

  function modelWarning(): string | undefined {
    return models.providers().some((name) => name !== 'rehearsal')
      ? undefined
      : 'No model provider is set up; only the rehearsal model answers.'
  }

  function guardWarning(): string | undefined {
    return settings.get('flow_guard')
      ? undefined
      : 'The flow guard is off: what others wrote can make Steward act without asking you. Turn it on under Settings → Security.'
  }

  return {
    ready(): HealthReport {
      const found = { database: attempt(database), disk: attempt(disk) }
      const warning = modelWarning()
      const issues = found.database === undefined ? [] : [found.database]
      const warnings = [found.disk, guardWarning(), warning].filter((one) => one !== undefined)
      return {
        status: issues.length > 0 ? 'unhealthy' : found.disk !== undefined ? 'degraded' : 'ok',
        checks: {
          database: found.database ?? 'ok',
          schema: found.database ?? 'ok',
          vault: 'ok',
          disk: found.disk ?? 'ok',
          models: warning ?? 'ok',
        },
        warnings,
        issues,
      }
    },
  }
}

function attempt(check: () => string | undefined): string | undefined {
  try {
    return check()
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}
