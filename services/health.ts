import { statfsSync } from 'node:fs'
import type { Db } from '../db/open.ts'
import { SCHEMA_VERSION } from '../db/open.ts'
import type { Listeners } from './mail/listeners.ts'
import { CHECK } from './master-key.ts'
import type { Models } from './models/index.ts'
import type { Scheduler } from './schedules/scheduler.ts'
import type { Settings } from './settings.ts'
import type { Vault } from './vault.ts'

const LITTLE_SPACE = 200 * 1024 * 1024
/** It looks once a second. */
const LONGEST_SILENCE_MS = 30_000

/** `off`: not there, or not set up. */
export type CheckState = 'ok' | 'degraded' | 'unhealthy' | 'off'

export const CHECKS = ['database', 'vault', 'schema', 'disk', 'scheduler', 'mail', 'telegram', 'models'] as const
export type CheckName = (typeof CHECKS)[number]

/** What a check found, with a sentence for the owner where there is something to say. */
type Found = { state: CheckState; words?: string }

export type HealthReport = {
  status: 'ok' | 'degraded' | 'unhealthy'
  checks: Record<CheckName, CheckState>
  warnings: string[]
  issues: string[]
}

export type HealthDeps = {
  db: Pick<Db, 'sqlite' | 'prepare'>
  vault: Pick<Vault, 'open'>
  dataDir: string
  models: Pick<Models, 'providers'>
  settings: Pick<Settings, 'get'>
  scheduler: Pick<Scheduler, 'silence'>
  mail: Pick<Listeners, 'counts'>
  telegram: { trouble(): 'off' | 'trouble' | undefined }
  /** What the owner should know of beside the checks. */
  trouble: () => string | undefined
}

export type Health = ReturnType<typeof createHealth>

const OK: Found = { state: 'ok' }
const OFF: Found = { state: 'off' }

/**
 * Whether the house is in order. What is `unhealthy` is an issue, the rest are warnings; a warning about what the owner chose
 * (the flow guard, no model) leaves the house healthy. Nothing here says more than anybody may hear.
 */
export function createHealth(deps: HealthDeps) {
  const { db, vault, dataDir, models, settings, scheduler, mail, telegram, trouble } = deps
  const look: Record<CheckName, () => Found> = {
    database() {
      db.prepare('SELECT 1 FROM users LIMIT 1').get()
      return OK
    },

    vault() {
      const row = db.prepare<[string], { value: string }>('SELECT value FROM settings WHERE name = ?').get(CHECK.row)
      if (row) vault.open(row.value, CHECK)
      return OK
    },

    schema() {
      if (db.sqlite.pragma('user_version', { simple: true }) === SCHEMA_VERSION) return OK
      return { state: 'unhealthy', words: 'The database has another schema.' }
    },

    disk() {
      const { bavail, bsize } = statfsSync(dataDir)
      if (bavail * bsize >= LITTLE_SPACE) return OK
      return { state: 'degraded', words: 'There is hardly any space left on the disk.' }
    },

    scheduler() {
      const silence = scheduler.silence()
      if (silence !== undefined && silence < LONGEST_SILENCE_MS) return OK
      return { state: 'degraded', words: 'The scheduler does not look for what is due.' }
    },

    mail() {
      const { connected, connecting, error } = mail.counts()
      const all = connected + connecting + error
      if (all === 0) return OFF
      if (error === 0) return OK
      const which = all === 1 ? 'The mail account' : `${error} of ${all} mail accounts`
      return { state: 'degraded', words: `${which} cannot be listened to. Settings → Mail says why.` }
    },

    telegram() {
      const trouble = telegram.trouble()
      if (trouble === 'off') return OFF
      if (trouble === undefined) return OK
      return { state: 'degraded', words: 'A Telegram bot cannot be listened to; its page says why.' }
    },

    models() {
      if (models.providers().some((name) => name !== 'rehearsal')) return OK
      return { state: 'off', words: 'No model provider is set up; only the rehearsal model answers.' }
    },
  }

  function guardWarning(): string[] {
    if (settings.get('flow_guard')) return []
    return [
      'The flow guard is off: what others wrote can make Steward act without asking you. Turn it on under Settings → Security.',
    ]
  }

  const troubles = (): string[] => [trouble()].filter((one) => one !== undefined)

  /** Every check with what it found and how many milliseconds it took. */
  function examine() {
    return CHECKS.map((name) => {
      const began = performance.now()
      const found = attempt(name, look[name])
      return { name, ...found, ms: performance.now() - began }
    })
  }

  function reportOf(found: ReturnType<typeof examine>): HealthReport {
    const words = (bad: boolean) =>
      found.flatMap((one) => (one.words !== undefined && (one.state === 'unhealthy') === bad ? [one.words] : []))
    const issues = words(true)
    const isDegraded = found.some(({ state }) => state === 'degraded')
    return {
      status: issues.length > 0 ? 'unhealthy' : isDegraded ? 'degraded' : 'ok',
      checks: Object.fromEntries(found.map(({ name, state }) => [name, state])) as Record<CheckName, CheckState>,
      warnings: [...words(false), ...attemptWarnings(guardWarning), ...attemptWarnings(troubles)],
      issues,
    }
  }

  return {
    ready: (): HealthReport => reportOf(examine()),

    /** The same, with how long each check took. */
    detailed(): HealthReport & { latencies_ms: Record<CheckName, number> } {
      const found = examine()
      const latencies = Object.fromEntries(found.map(({ name, ms }) => [name, Math.round(ms * 1000) / 1000]))
      return { ...reportOf(found), latencies_ms: latencies as Record<CheckName, number> }
    },
  }
}

const FAULTS: Partial<Record<CheckName, string>> = {
  database: 'The database cannot be read.',
  vault: 'The master key does not fit the vault: credentials cannot be read.',
}

/** A check that fails is what it found. */
function attempt(name: CheckName, check: () => Found): Found {
  try {
    return check()
  } catch {
    return { state: 'unhealthy', words: FAULTS[name] ?? `The check of the ${name} failed.` }
  }
}

function attemptWarnings(warnings: () => string[]): string[] {
  try {
    return warnings()
  } catch {
    return []
  }
}
