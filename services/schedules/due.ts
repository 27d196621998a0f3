import { countOccurrences, nextOccurrence, nthOccurrence } from './next.ts'

/** One occurrence, or several in a row; times are ISO. */
export type Span = { dueAt: string; untilAt: string; count: number }

/** A schedule as its row has it. */
export type ScheduleRow = {
  id: string
  userId: string
  kind: 'agent' | 'task'
  expression: string | null
  runAt: string | null
  timezone: string
  catchUp: number
  nextAt: string | null
}

/** So many of the newest occurrences of a look are told one by one; what is older is one span. */
export const MOST_SINGLES = 2_000

/** What of a schedule is due up to this moment, oldest first, each occurrence in exactly one span. */
export function dueUntil(row: ScheduleRow, until: Date): Span[] {
  if (row.nextAt === null || row.nextAt > until.toISOString()) return []
  const first = new Date(row.nextAt)
  if (row.expression === null) return [single(first)]
  const more = countOccurrences(row.expression, row.timezone, first, until)
  const older = more - MOST_SINGLES
  if (older < 0) return [single(first), ...singlesAfter(row.expression, row.timezone, first, until)]
  const last = older === 0 ? first : nthOccurrence(row.expression, row.timezone, first, older, until)
  const silence = { dueAt: row.nextAt, untilAt: last.toISOString(), count: older + 1 }
  return [silence, ...singlesAfter(row.expression, row.timezone, last, until)]
}

/** When it is due next, after this instant. */
export function nextAfter(row: Pick<ScheduleRow, 'expression' | 'runAt' | 'timezone'>, after: Date): string | null {
  if (row.expression !== null) return nextOccurrence(row.expression, row.timezone, after)?.toISOString() ?? null
  return row.runAt !== null && row.runAt > after.toISOString() ? row.runAt : null
}

function singlesAfter(expression: string, timezone: string, after: Date, until: Date): Span[] {
  const spans: Span[] = []
  let next = nextOccurrence(expression, timezone, after)
  while (next !== null && next <= until) {
    spans.push(single(next))
    next = nextOccurrence(expression, timezone, next)
  }
  return spans
}

function single(at: Date): Span {
  const dueAt = at.toISOString()
  return { dueAt, untilAt: dueAt, count: 1 }
}
