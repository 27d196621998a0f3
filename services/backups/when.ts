import { dayIn, daysBefore } from '../budgets/house-day.ts'
import type { WorkEntry } from './log.ts'

const HOUR_MS = 3600_000
const WEEK_MS = 7 * 24 * HOUR_MS
/** A day's backup that fails is tried again so often, an hour after the last time. */
const MOST_TRIES = 3

/** The day whose backup was due last: today once the time of day has come, else yesterday. */
export function dueDay(at: Date, time: string, timezone: string): string {
  const clock = new Intl.DateTimeFormat('en-GB', { timeZone: timezone, hour: '2-digit', minute: '2-digit' }).format(at)
  const today = dayIn(timezone, at)
  return clock >= time ? today : daysBefore(today, 1)
}

/**
 * Whether a daily backup is to be made now. `made` are the daily ones before, the newest first; `since` is when the house came to
 * be: what was due before is not owed. A day that was missed is made up for once, and only the last one.
 */
export function isDue(
  rule: { time: string; timezone: string },
  now: Date,
  made: readonly WorkEntry[],
  since: Date,
): boolean {
  const day = dueDay(now, rule.time, rule.timezone)
  const dayOf = (text: string) => dueDay(new Date(text), rule.time, rule.timezone)
  if (dayOf(since.toISOString()) >= day) return false
  const today = made.filter(({ started_at }) => dayOf(started_at) === day)
  const last = today[0]
  if (last === undefined) return true
  if (last.state !== 'failed' || today.length >= MOST_TRIES) return false
  return now.getTime() - Date.parse(last.ended_at ?? last.started_at) >= HOUR_MS
}

/** Whether the newest backup is to be tried: a week after the last time that went well. */
export const isDrillDue = (now: Date, last: WorkEntry | undefined): boolean =>
  last === undefined || now.getTime() - Date.parse(last.started_at) >= WEEK_MS - HOUR_MS
