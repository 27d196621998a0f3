import type { Deps } from './deps.ts'
import type { Log } from './log.ts'
import type { Notifications } from './notifications.ts'
import type { Settings } from './settings.ts'
import type { Turn, Usage } from './usage.ts'
import { nextDayIn } from './budgets/house-day.ts'
import { type BudgetScope, type Limit, type Refusal, refusalAmong } from './budgets/limits.ts'
import { toMicros, toMicrosUp, toUsd } from './budgets/money.ts'
import { createBudgetNotices, type Period } from './budgets/notices.ts'

export { estimateInputTokens, estimateUsd } from './models/estimate.ts'

export type Reservation = { ok: true; settle: () => void } | Refusal

/** The run and those it works for, from the root to itself. */
export type Ancestor = { runId: string; maxCostUsd: number | null }

const LOOK_MS = 60_000
const SETTING = { day: 'daily_budget_usd', month: 'monthly_budget_usd' } as const

export type Budgets = ReturnType<typeof createBudgets>

type BudgetsDeps = Deps & {
  timezone: string
  settings: Settings
  usage: Usage
  notify: Notifications['add']
  log: Pick<Log, 'error'>
}

/**
 * What may be spent: by the house in a day and in a month of its own time zone, and by a run with all that it set going.
 * `reserve` before a model call, `record` what it cost, `settle` once that is committed: then what is spent passes no cap, as
 * long as a call costs no more than its estimate. Reservations live in memory, since a crash ends every call.
 */
export function createBudgets({ db, now, timezone, settings, usage, notify, log }: BudgetsDeps) {
  // @NOTE A run's cost is NULL once one of its turns had no known price; the others still count.
  const spentByTree = db.prepare<[string], { usd: number }>(
    `WITH RECURSIVE tree (id) AS (SELECT ? UNION SELECT runs.id FROM tree JOIN runs ON runs.parent_run_id = tree.id)
     SELECT coalesce(sum(coalesce(cost_usd, (SELECT sum(cost_usd) FROM steps WHERE run_id = runs.id))), 0) AS usd
     FROM tree JOIN runs ON runs.id = tree.id`,
  )
  const notices = createBudgetNotices({ db, now, notify })

  const listeners = new Set<() => void>()
  const reservedByRun = new Map<string, number>()
  const caps = { day: settings.get(SETTING.day), month: settings.get(SETTING.month) }
  let reserved = 0
  let someoneWaits = false
  let known: { day: string; spent: { day: number; month: number } } | undefined
  let seenDay = usage.today()
  let timer: NodeJS.Timeout | undefined

  function current() {
    const day = usage.today()
    if (known?.day !== day)
      known = {
        day,
        spent: { day: usage.spentMicros(day, day), month: usage.spentMicros(`${day.slice(0, 7)}-01`, day) },
      }
    return known
  }

  function periodOf(scope: 'day' | 'month', capUsd: number): Period {
    const { day, spent } = current()
    const name = scope === 'day' ? `day:${day}` : `month:${day.slice(0, 7)}`
    return { scope, name, cap: toMicros(capUsd), spent: spent[scope], reserved }
  }

  function periods(): Period[] {
    return (['day', 'month'] as const).flatMap((scope) => {
      const cap = settings.get(SETTING[scope])
      return cap === null ? [] : [periodOf(scope, cap)]
    })
  }

  function limitsOf(ancestors: readonly Ancestor[]): Limit[] {
    const trees = ancestors.flatMap(({ runId, maxCostUsd }): Limit[] => {
      if (maxCostUsd === null) return []
      const spent = toMicros(spentByTree.get(runId)!.usd)
      return [{ scope: 'run', cap: toMicros(maxCostUsd), spent, reserved: reservedByRun.get(runId) ?? 0 }]
    })
    return [...trees, ...periods()]
  }

  function release(ancestors: readonly Ancestor[], amount: number): void {
    reserved -= amount
    for (const { runId } of ancestors) {
      const left = (reservedByRun.get(runId) ?? 0) - amount
      if (left > 0) reservedByRun.set(runId, left)
      else reservedByRun.delete(runId)
    }
    if (someoneWaits) freed()
  }

  function freed(): void {
    someoneWaits = false
    for (const listener of listeners) guarded(listener)
  }

  function guarded(work: () => void): void {
    try {
      work()
    } catch (error) {
      log.error({ err: error }, 'could not act on a budget')
    }
  }

  function check(): void {
    for (const period of periods()) notices.check(period)
  }

  function changed(): void {
    for (const scope of ['day', 'month'] as const) {
      const [before, after] = [caps[scope], settings.get(SETTING[scope])]
      caps[scope] = after
      if (before !== null && (after === null || after > before)) notices.raised(periodOf(scope, after ?? Infinity))
    }
    check()
    freed()
  }

  function look(): void {
    const today = usage.today()
    if (today !== seenDay) {
      seenDay = today
      notices.newDay()
      freed()
    }
    const midnight = nextDayIn(timezone, now()).getTime() - now().getTime()
    clearTimeout(timer)
    timer = setTimeout(look, Math.min(LOOK_MS, midnight)).unref()
  }

  settings.onChange((values) => {
    if (SETTING.day in values || SETTING.month in values) guarded(changed)
  })

  return {
    /**
     * Sets aside what a model call may cost, all of it or nothing. An estimate of null (no known price) sets nothing aside and
     * is refused only where a cap is spent; a call that costs nothing is never refused.
     */
    reserve({ ancestors, estimateUsd }: { ancestors: readonly Ancestor[]; estimateUsd: number | null }): Reservation {
      const amount = estimateUsd === null ? 0 : toMicrosUp(estimateUsd)
      const refusal = refusalAmong(limitsOf(ancestors), estimateUsd === null ? null : amount)
      if (refusal) {
        someoneWaits ||= !refusal.full
        return refusal
      }
      reserved += amount
      for (const { runId } of ancestors) reservedByRun.set(runId, (reservedByRun.get(runId) ?? 0) + amount)
      let open = true
      const settle = () => {
        if (!open) return
        open = false
        release(ancestors, amount)
      }
      return { ok: true, settle }
    },

    /** Counts a turn in the caller's transaction; the owners hear of 80 and 100 % after the commit. */
    record(turn: Turn): void {
      const counted = current()
      usage.add(turn)
      db.afterCommit(() => {
        counted.spent.day += toMicros(turn.costUsd ?? 0)
        counted.spent.month += toMicros(turn.costUsd ?? 0)
        guarded(check)
      })
    },

    /** A run is held because of that budget: the owners are told, once a period. */
    held(scope: BudgetScope): void {
      const period = periods().find((one) => one.scope === scope)
      if (period) notices.usedUp(period)
    },

    /** Called when held runs may be looked at again: something was freed, a limit changed, a new day began. */
    onFreed: (listener: () => void): void => void listeners.add(listener),

    /** How the house stands today and this month. */
    state() {
      const { spent } = current()
      const of = (scope: 'day' | 'month') => ({
        spent_usd: toUsd(spent[scope]),
        reserved_usd: toUsd(reserved),
        limit_usd: settings.get(SETTING[scope]),
      })
      return { day: of('day'), month: of('month') }
    },

    /** Looks whether a new day began, now and at the next midnight; each minute too, since clocks are set and machines sleep. */
    watch: look,
    close: (): void => clearTimeout(timer),
  }
}
