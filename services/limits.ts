import type { Actor, Audit } from './audit.ts'
import type { Db } from '../db/open.ts'
import type { Settings } from './settings.ts'

const NAMES = [
  'max_tool_calls',
  'max_autonomous_runs_per_hour',
  'max_concurrent_runs',
  'max_concurrent_chats',
  'daily_budget_usd',
  'monthly_budget_usd',
] as const
type Name = (typeof NAMES)[number]

/** How much the house does by itself, at once and for how much money; a budget of null is none. */
export type LimitValues = Record<Exclude<Name, `${string}_budget_usd`>, number> &
  Record<Extract<Name, `${string}_budget_usd`>, number | null>

export type Limits = ReturnType<typeof createLimits>

/** The limits among the settings. A change is in the audit log with what was before; all of it holds at once. */
export function createLimits({ db, settings, audit }: { db: Db; settings: Settings; audit: Pick<Audit, 'record'> }) {
  const get = (): LimitValues =>
    Object.fromEntries(NAMES.map((name) => [name, settings.get(name)])) as unknown as LimitValues

  return {
    get,

    /** Changes what is given and leaves the rest. */
    change(values: { [K in Name]?: LimitValues[K] | undefined }, by: Actor): void {
      const before = get()
      const changed = NAMES.filter((name) => values[name] !== undefined && values[name] !== before[name])
      if (changed.length === 0) return
      db.transact(() => {
        settings.change(Object.fromEntries(changed.map((name) => [name, values[name]])))
        const subject = changed.map((name) => `${name}: ${word(before[name])} → ${word(values[name]!)}`).join(', ')
        audit.record({ kind: 'setting', action: 'limits changed', subject, by })
      })
    },
  }
}

const word = (value: number | null): string => (value === null ? 'none' : String(value))
