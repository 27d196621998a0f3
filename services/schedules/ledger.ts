import { cursorsOf } from '../cursors.ts'
import type { Deps } from '../deps.ts'
import type { Span } from './due.ts'

export type OccurrenceState = 'ran' | 'skipped' | 'missed' | 'merged'

/** One time a schedule was due, or a row of them, and what became of it. */
export type Occurrence = {
  due_at: string
  until_at: string
  count: number
  state: OccurrenceState
  reason: string
  run_id: string | null
  recorded_at: string
}

/** `until` cuts off what is due after it; both ends belong to the span. */
export type OccurrenceFilter = { from?: string | undefined; to?: string | undefined }

const COLUMNS = 'due_at, until_at, count, state, reason, run_id, recorded_at'

/** Above so many rows the counting stops. */
const MOST_COUNTED = 10_000
const CURSORS = cursorsOf('occurrences')
const FIRST = '0000'
const LAST = '9999'

export type Ledger = ReturnType<typeof createLedger>

/** Every time a schedule was due, what became of it. Rows are written once and stay; callers hold the transaction. */
export function createLedger({ db, now }: Deps) {
  const insert = db.prepare(
    `INSERT INTO occurrences (schedule_id, due_at, until_at, count, state, reason, run_id, recorded_at)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
  )
  const last = db.prepare<[string], Occurrence>(
    `SELECT ${COLUMNS} FROM occurrences WHERE schedule_id = ? ORDER BY due_at DESC LIMIT 1`,
  )
  const lastRan = db.prepare<[string], { runId: string }>(
    `SELECT run_id AS runId FROM occurrences WHERE schedule_id = (SELECT ?) AND state = 'ran' ORDER BY due_at DESC LIMIT 1`,
  )
  // @NOTE rows do not overlap, so only the last one that begins before `from` can reach into the span.
  const inSpan = `schedule_id = @id AND due_at <= @to AND until_at >= @from AND due_at >= coalesce(
    (SELECT max(due_at) FROM occurrences WHERE schedule_id = @id AND due_at <= @from), '')`
  const page = db.prepare<[object], Occurrence>(
    `SELECT ${COLUMNS} FROM occurrences WHERE ${inSpan} AND due_at < @cursor ORDER BY due_at DESC LIMIT @limit`,
  )
  const sums = db.prepare<[object], { state: OccurrenceState; n: number; rows: number }>(
    `SELECT state, sum(count) AS n, count(*) AS rows FROM (
       SELECT state, count FROM occurrences WHERE ${inSpan} ORDER BY due_at DESC LIMIT ${MOST_COUNTED}
     ) GROUP BY state`,
  )

  function summary(id: string, span: { from: string; to: string }) {
    const counts: Record<OccurrenceState, number> = { ran: 0, skipped: 0, missed: 0, merged: 0 }
    let total = 0
    for (const { state, n, rows } of sums.all({ id, ...span })) {
      counts[state] = n
      total += rows
    }
    return { counts, total, ...(total === MOST_COUNTED ? { total_is_min: true } : {}) }
  }

  return {
    record(id: string, span: Span, outcome: { state: OccurrenceState; reason: string; runId: string | null }): void {
      const { state, reason, runId } = outcome
      insert.run(id, span.dueAt, span.untilAt, span.count, state, reason, runId, now().toISOString())
    },

    /** The newest row. */
    last: (id: string): Occurrence | undefined => last.get(id),

    /** The run of the newest time that ran. */
    lastRunId: (id: string): string | undefined => lastRan.get(id)?.runId,

    /** Newest first. `counts` are of occurrences, `total` of rows. */
    list(id: string, filter: OccurrenceFilter & { limit: number; cursor?: string | undefined }) {
      const span = { from: filter.from ?? FIRST, to: filter.to ?? LAST }
      const rows = page.all({ id, ...span, cursor: CURSORS.from(filter.cursor) ?? LAST, limit: filter.limit + 1 })
      const items = rows.slice(0, filter.limit)
      return {
        items,
        next_cursor: rows.length > filter.limit ? CURSORS.to(items.at(-1)!.due_at) : null,
        ...summary(id, span),
      }
    },
  }
}
