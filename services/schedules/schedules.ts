import type { Deps } from '../deps.ts'
import { invalidField } from '../errors.ts'
import { assertExpression, assertTimezone } from './check.ts'
import { dueUntil, nextAfter, type ScheduleRow } from './due.ts'
import { createLedger } from './ledger.ts'
import { nextOccurrence } from './next.ts'

/** `schedule` (cron) and `runAt` (one time, ISO) exclude each other; with neither it is done by hand only. */
export type ScheduleDraft = {
  id: string
  userId: string
  kind: 'agent' | 'task'
  schedule: string | null
  runAt: string | null
  /** IANA; null for the house's. */
  timezone: string | null
  catchUp: boolean
  enabled: boolean
}

export type Schedule = {
  schedule: string | null
  run_at: string | null
  timezone: string
  catch_up: boolean
  next_run_at: string | null
}

type Wanted = Pick<ScheduleRow, 'expression' | 'runAt' | 'timezone'>

const PREVIEWED = 5
const COLUMNS = `id, user_id AS userId, kind, expression, run_at AS runAt, timezone, catch_up AS catchUp, next_at AS nextAt`
const CHANGED = 'Its schedule was changed or switched off before this could run.'
const REMOVED = 'It was removed before this could run.'

export type Schedules = ReturnType<typeof createSchedules>

/** When agents and tasks are due: the rows that the scheduler looks at, and the ledger of what became of each time. */
export function createSchedules({ db, now, timezone: house }: Deps & { timezone: string }) {
  const ledger = createLedger({ db, now })
  const byId = db.prepare<[string], ScheduleRow>(`SELECT ${COLUMNS} FROM schedules WHERE id = ?`)
  const byIds = db.prepare<[string], ScheduleRow>(
    `SELECT ${COLUMNS} FROM schedules WHERE id IN (SELECT value FROM json_each(?))`,
  )
  const due = db.prepare<[string, number], { id: string }>(
    'SELECT id FROM schedules WHERE next_at <= ? ORDER BY next_at LIMIT ?',
  )
  const put = db.prepare(
    `INSERT INTO schedules (id, user_id, kind, expression, run_at, timezone, catch_up, next_at, updated_at)
     VALUES (@id, @userId, @kind, @expression, @runAt, @timezone, @catchUp, @nextAt, @at)
     ON CONFLICT (id) DO UPDATE SET expression = @expression, run_at = @runAt, timezone = @timezone, catch_up = @catchUp,
       next_at = @nextAt, updated_at = @at`,
  )
  const move = db.prepare('UPDATE schedules SET next_at = ? WHERE id = ?')
  const remove = db.prepare('DELETE FROM schedules WHERE id = ?')

  /** Accounts for what was due under the old row and will not run under it any more. */
  function settle(row: ScheduleRow, reason: string): void {
    for (const span of dueUntil(row, now())) ledger.record(row.id, span, { state: 'skipped', reason, runId: null })
  }

  /** Times count from now; where the clock was set back, from what is recorded already. */
  function countingFrom(id: string): Date {
    const recorded = ledger.last(id)?.until_at ?? ''
    const at = now()
    return recorded > at.toISOString() ? new Date(recorded) : at
  }

  function wantedOf(draft: ScheduleDraft, before: ScheduleRow | undefined): Wanted {
    const expression = draft.schedule === null || draft.schedule.trim() === '' ? null : assertExpression(draft.schedule)
    if (expression !== null && draft.runAt !== null)
      throw invalidField('run_at', 'Give either a schedule or one time to run at, not both.')
    const timezone = assertTimezone(draft.timezone ?? house)
    return { expression, runAt: draft.runAt === null ? null : oneTime(draft.runAt, before), timezone }
  }

  function oneTime(text: string, before: ScheduleRow | undefined): string {
    const at = new Date(text)
    if (Number.isNaN(at.getTime())) throw invalidField('run_at', 'Give a time like 2026-12-01T08:00:00Z.')
    const runAt = at.toISOString()
    if (runAt !== before?.runAt && at <= now()) throw invalidField('run_at', 'That time is already over.')
    return runAt
  }

  return {
    /**
     * Makes or changes the schedule of an agent or task; call it in the transaction of that. What was due before a change
     * is settled under the old schedule, then times count from now. Throws `invalid` for `schedule`, `timezone`, `run_at`.
     */
    set(draft: ScheduleDraft): void {
      const before = byId.get(draft.id)
      const wanted = wantedOf(draft, before)
      const { id, userId, kind, enabled } = draft
      const row = { id, userId, kind, ...wanted, catchUp: Number(draft.catchUp), at: now().toISOString() }
      if (before && isSame(before, wanted) && enabled === (before.nextAt !== null))
        return void put.run({ ...row, nextAt: before.nextAt })
      if (before) settle(before, CHANGED)
      put.run({ ...row, nextAt: enabled ? nextAfter(wanted, countingFrom(id)) : null })
    },

    find(id: string): Schedule | undefined {
      const row = byId.get(id)
      return row && toSchedule(row)
    },

    /** Those of many agents or tasks at once. */
    findMany: (ids: readonly string[]): Map<string, Schedule> =>
      new Map(byIds.all(JSON.stringify(ids)).map((row) => [row.id, toSchedule(row)])),

    /** Its ledger stays. */
    remove(id: string): void {
      const row = byId.get(id)
      if (row) settle(row, REMOVED)
      remove.run(id)
    },

    /** The next times of an expression; throws `invalid` as `set` does. */
    preview(draft: { schedule: string; timezone?: string | null | undefined }): { timezone: string; next: string[] } {
      const expression = assertExpression(draft.schedule)
      const timezone = assertTimezone(draft.timezone ?? house)
      const next: string[] = []
      let at = nextOccurrence(expression, timezone, now())
      while (at !== null && next.length < PREVIEWED) {
        next.push(at.toISOString())
        at = nextOccurrence(expression, timezone, at)
      }
      return { timezone, next }
    },

    /** What became of the times it was due, newest first. */
    occurrences: ledger.list,
    lastOccurrence: ledger.last,

    // For the scheduler, which holds the transaction.
    record: ledger.record,
    lastRunId: ledger.lastRunId,
    row: (id: string): ScheduleRow | undefined => byId.get(id),
    dueIds: (at: Date, limit: number): string[] => due.all(at.toISOString(), limit).map(({ id }) => id),
    /** Its next time is the one after this instant. */
    moveOn: (row: ScheduleRow, after: Date): void => void move.run(nextAfter(row, after), row.id),
  }
}

const isSame = (row: ScheduleRow, wanted: Wanted): boolean =>
  row.expression === wanted.expression && row.runAt === wanted.runAt && row.timezone === wanted.timezone

const toSchedule = (row: ScheduleRow): Schedule => ({
  schedule: row.expression,
  run_at: row.runAt,
  timezone: row.timezone,
  catch_up: row.catchUp === 1,
  next_run_at: row.nextAt,
})
