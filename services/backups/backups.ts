import { join } from 'node:path'
import type { Actor, Audit } from '../audit.ts'
import type { createCloseStack } from '../close.ts'
import type { Deps } from '../deps.ts'
import { AppError } from '../errors.ts'
import type { Log } from '../log.ts'
import type { Notifications } from '../notifications.ts'
import type { Settings } from '../settings.ts'
import type { Vault } from '../vault.ts'
import { createWorkLog, type WorkCause, type WorkKind } from './log.ts'
import { readManifest, type Cause } from './manifest.ts'
import { alone, instantOf, namesIn, removeBackup } from './places.ts'
import { toPrune } from './prune.ts'
import { takeRestoreNote } from './restore-note.ts'
import { inThread } from './thread.ts'
import { isDrillDue, isDue } from './when.ts'
import type { Job, Outcome } from './worker.ts'

export type BackupEntry = {
  id: string
  created_at: string
  cause: Cause
  app_version: string
  schema_version: number
  size: number
  files: number
  rows: number
  key_fits: boolean
}

export const BACKUP_SETTINGS = ['backup_enabled', 'backup_time', 'backup_keep_daily', 'backup_keep_weekly'] as const
export type BackupSettings = { enabled: boolean; time: string; keep_daily: number; keep_weekly: number }

export type BackupsDeps = Deps & {
  log: Pick<Log, 'error' | 'info'>
  settings: Settings
  audit: Pick<Audit, 'record'>
  notifications: Pick<Notifications, 'add'>
  vault: Pick<Vault, 'keyId'>
  timezone: string
  dataDir: string
  schemaDir: string
  version: string
  /** Where `worker.ts` is, built or not. */
  worker: URL
}

const LOOK_MS = 60_000
const SHOWN = 20
const STALE_DAYS = 3
const DAY_MS = 24 * 3600_000

export type Backups = ReturnType<typeof createBackups>

/**
 * Backups by the day and by hand, and the weekly drill that restores the newest one into a scratch folder. The work is done in
 * a thread of its own, one piece at a time; what became of each is kept, and what fails is told to the administrators.
 */
export function createBackups(deps: BackupsDeps) {
  const { db, now, log, settings, audit, vault, dataDir, timezone } = deps
  const folder = join(dataDir, 'backups')
  const done = createWorkLog({ db, now })
  const admins = db.prepare<[], { id: string }>(`SELECT id FROM users WHERE role = 'admin' AND is_active = 1`)
  const since = db.prepare<[], { at: string | null }>('SELECT min(created_at) AS at FROM users')
  const dailyOnes = db.prepare<[], never>(
    `SELECT id, kind, cause, state, backup, problem, started_at, ended_at FROM backup_runs
     WHERE kind = 'backup' AND cause = 'daily' ORDER BY id DESC LIMIT 10`,
  )
  const known = new Map<string, Omit<BackupEntry, 'key_fits'> & { keyId: string | null }>()
  let queue: Promise<unknown> = Promise.resolve()
  let stop: (() => unknown) | undefined
  let isOver = false

  const settingsNow = (): BackupSettings => ({
    enabled: settings.get('backup_enabled'),
    time: settings.get('backup_time'),
    keep_daily: settings.get('backup_keep_daily'),
    keep_weekly: settings.get('backup_keep_weekly'),
  })

  function summary(name: string) {
    const before = known.get(name)
    if (before) return before
    const { files, counts, master_key_id: keyId, ...manifest } = readManifest(join(folder, name))
    const entry = {
      id: name,
      created_at: manifest.created_at,
      cause: manifest.cause,
      app_version: manifest.app_version,
      schema_version: manifest.schema_version,
      size: files.reduce((sum, { size }) => sum + size, 0),
      files: files.length - 1,
      rows: Object.values(counts).reduce((sum, count) => sum + count, 0),
      keyId,
    }
    known.set(name, entry)
    return entry
  }

  function list(): BackupEntry[] {
    return namesIn(folder).flatMap((name) => {
      try {
        const { keyId, ...entry } = summary(name)
        return [{ ...entry, key_fits: keyId === vault.keyId }]
      } catch {
        return []
      }
    })
  }

  /** Writes down that it is to be done, and does it after the commit and after what is before it. */
  function begin(kind: WorkKind, cause: WorkCause): string {
    if (done.going().some((one) => one.kind === kind))
      throw new AppError('conflict', kind === 'backup' ? 'A backup is being made already.' : 'A restore drill is going on already.') // prettier-ignore
    const id = done.begin(kind, cause)
    db.afterCommit(() => {
      queue = queue.then(() => work(id, kind, cause)).catch((error: unknown) => log.error({ err: error }, 'a backup could not be seen to')) // prettier-ignore
    })
    return id
  }

  function jobOf(kind: WorkKind, cause: WorkCause): Job {
    if (kind === 'drill') return { kind, dataDir, schemaDir: deps.schemaDir }
    const isDamaged = done.newest('drill')?.state === 'failed'
    return { kind, dataDir, appVersion: deps.version, cause: cause === 'daily' ? 'daily' : 'manual', fresh: isDamaged }
  }

  async function work(id: string, kind: WorkKind, cause: WorkCause): Promise<void> {
    if (isOver) return
    const thread = inThread(deps.worker, jobOf(kind, cause))
    stop = thread.stop
    const outcome = await thread.outcome
    stop = undefined
    if (isOver) return
    finish(id, kind, outcome)
    if (kind === 'drill' || 'failure' in outcome) return
    await prune()
    if (cause === 'daily' && isDrillDue(now(), done.newest('drill', { state: 'done' }))) begin('drill', 'weekly')
  }

  function finish(id: string, kind: WorkKind, outcome: Outcome): void {
    const failed = 'failure' in outcome
    db.transact(() => {
      const backup = failed ? null : outcome.name
      done.end(id, { state: failed ? 'failed' : 'done', backup, problem: failed ? outcome.failure : null })
      if (failed) for (const { id: userId } of admins.all()) deps.notifications.add({ userId, kind: 'trouble', ...wordsFor(kind, outcome.failure) }) // prettier-ignore
    })
    if (failed) log.error({ kind, problem: outcome.failure }, 'a backup failed')
    else log.info({ kind, ...outcome }, kind === 'backup' ? 'backed up' : 'a backup was restored on trial')
  }

  async function prune(): Promise<void> {
    const { keep_daily: daily, keep_weekly: weekly } = settingsNow()
    const all = list().map(({ id, cause }) => ({ name: id, cause, at: new Date(instantOf(id)) }))
    const proven = done.newest('drill', { state: 'done' })?.backup
    const names = toPrune(all, { daily, weekly, timezone }, new Set(proven ? [proven] : []))
    if (names.length === 0) return
    await alone(folder, async () => {
      for (const name of names) await removeBackup(folder, name)
    })
  }

  /** What the owner should know of: a backup or drill that failed and was not made good since, or none for days. */
  function problem(): string | undefined {
    const [backup, drill] = [done.newest('backup'), done.newest('drill')]
    if (drill?.state === 'failed') return `The last restore drill failed: ${drill.problem}`
    if (backup?.state === 'failed') return `The last backup failed: ${backup.problem}`
    const born = since.get()?.at
    if (!settings.get('backup_enabled') || born == null) return undefined
    const newest = namesIn(folder)[0]
    const age = now().getTime() - Date.parse(newest === undefined ? born : instantOf(newest))
    return age > STALE_DAYS * DAY_MS ? 'No backup was made for more than three days, although they are turned on.' : undefined // prettier-ignore
  }

  function look(): void {
    const born = since.get()?.at
    const { enabled, time } = settingsNow()
    if (!enabled || born == null || done.going().length > 0) return
    if (isDue({ time, timezone }, now(), dailyOnes.all(), new Date(born))) begin('backup', 'daily')
  }

  return {
    list,
    problem,
    settings: settingsNow,

    /** What is being done, the last of each kind, and the newest results. */
    stand: () => ({
      going: done.going(),
      last_backup: done.newest('backup', { state: 'done' }) ?? null,
      last_drill: done.newest('drill') ?? null,
      results: done.latest(SHOWN),
    }),

    changeSettings(values: { [K in keyof BackupSettings]?: BackupSettings[K] | undefined }, by: Actor): void {
      const before = settingsNow()
      const names = (Object.keys(before) as (keyof BackupSettings)[]).filter(
        (name) => values[name] !== undefined && values[name] !== before[name],
      )
      if (names.length === 0) return
      db.transact(() => {
        settings.change(Object.fromEntries(names.map((name) => [`backup_${name}`, values[name]])))
        const subject = names.map((name) => `${name}: ${before[name]} → ${values[name]}`).join(', ')
        audit.record({ kind: 'setting', action: 'backup changed', subject, by })
      })
    },

    /** Begins a backup, or a drill on the newest one. Answers the id of its result. Throws `conflict` while one goes. */
    begin: (kind: WorkKind, by: Actor): string =>
      db.transact(() => {
        const id = begin(kind, 'manual')
        audit.record({ kind: 'backup', action: kind === 'backup' ? 'started' : 'drill started', subject: id, by })
        return id
      }),

    /** Looks whether one is due; called every minute. */
    look,

    /** Resolves when nothing is being done any more. */
    async settled(): Promise<void> {
      for (let last; last !== queue;) await (last = queue)
    },

    start(closing: ReturnType<typeof createCloseStack>): void {
      done.cutOff()
      takeRestoreNote(dataDir, deps)
      const timer = setInterval(() => {
        try {
          look()
        } catch (error) {
          log.error({ err: error }, 'whether a backup is due could not be looked up')
        }
      }, LOOK_MS).unref()
      closing.add('backups', async () => {
        isOver = true
        clearInterval(timer)
        await stop?.()
      })
    },
  }
}

const wordsFor = (kind: WorkKind, problem: string): { title: string; text: string } =>
  kind === 'backup'
    ? { title: 'A backup failed', text: `${problem} The last good one is kept. See Settings → Data.` }
    : { title: 'A backup could not be restored on trial', text: `${problem} The next backup copies everything anew. See Settings → Data.` } // prettier-ignore
