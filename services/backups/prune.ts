import { dayIn } from '../budgets/house-day.ts'
import type { Cause } from './manifest.ts'

export type Prunable = { name: string; at: Date; cause: Cause }
export type KeepRule = { daily: number; weekly: number; timezone: string }

/** Those that Steward makes by itself; what somebody asked for is theirs to remove. */
const PRUNED: readonly Cause[] = ['daily', 'update']
const DAY_MS = 24 * 3600_000

/**
 * The names of the backups that may go: of the automatic ones, all but the newest of each of the last `daily` days and `weekly`
 * weeks (from Monday) that have one. The newest of all stays, and so does whatever is in `always`.
 */
export function toPrune(all: readonly Prunable[], rule: KeepRule, always: ReadonlySet<string>): string[] {
  const sorted = all.toSorted((a, b) => b.at.getTime() - a.at.getTime())
  const automatic = sorted.filter(({ cause }) => PRUNED.includes(cause))
  const kept = new Set([
    ...always,
    ...sorted.slice(0, 1).map(({ name }) => name),
    ...newestOfEach(automatic, rule.daily, ({ at }) => dayIn(rule.timezone, at)),
    ...newestOfEach(automatic, rule.weekly, ({ at }) => mondayOf(dayIn(rule.timezone, at))),
  ])
  return automatic.map(({ name }) => name).filter((name) => !kept.has(name))
}

/** `sorted` is from the newest on. */
function newestOfEach(sorted: readonly Prunable[], most: number, spanOf: (one: Prunable) => string): string[] {
  const newest = new Map<string, string>()
  for (const one of sorted) if (!newest.has(spanOf(one)) && newest.size < most) newest.set(spanOf(one), one.name)
  return [...newest.values()]
}

function mondayOf(day: string): string {
  const at = Date.parse(`${day}T00:00:00Z`)
  return new Date(at - ((new Date(at).getUTCDay() + 6) % 7) * DAY_MS).toISOString().slice(0, 10)
}
