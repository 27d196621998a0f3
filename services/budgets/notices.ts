import type { Deps } from '../deps.ts'
import type { Notifications } from '../notifications.ts'
import { CALLED, type Limit, UNTIL } from './limits.ts'
import { inDollars, toUsd } from './money.ts'

/** A day or month: `day:2026-11-24`, `month:2026-11`. */
export type Period = Limit & { scope: 'day' | 'month'; name: string }

type Level = 80 | 100

export type BudgetNotices = ReturnType<typeof createBudgetNotices>

/** What the owners are told of budgets: each level once a period. */
export function createBudgetNotices({ db, now, notify }: Deps & { notify: Notifications['add'] }) {
  const note = db.prepare('INSERT OR IGNORE INTO budget_notices (period, level, told_at) VALUES (?, ?, ?)')
  const forget = db.prepare('DELETE FROM budget_notices WHERE period = ? AND level = ?')
  const admins = db.prepare<[], { id: string }>(`SELECT id FROM users WHERE role = 'admin' AND is_active = 1`)
  const told = new Set<string>()

  /** What stands at 100 % needs no warning of 80 % any more. */
  function tell(period: Period, level: Level): void {
    const key = `${period.name}/${level}`
    if (told.has(key)) return
    db.transact(() => {
      const isNew = note.run(period.name, level, now().toISOString()).changes > 0
      if (level === 100) note.run(period.name, 80, now().toISOString())
      if (isNew) for (const { id } of admins.all()) notify({ userId: id, kind: 'budget', ...noticeOf(period, level) })
      db.afterCommit(() => told.add(key))
    })
  }

  return {
    /** Nothing more can be spent in it, or not enough for what was to come. */
    usedUp: (period: Period): void => tell(period, 100),

    check(period: Period): void {
      const level = levelOf(period)
      if (level) tell(period, level)
    },

    /** A cap that was raised is a new one: what does not hold of it may be told again. */
    raised(period: Period): void {
      const level = levelOf(period) ?? 0
      for (const above of [80, 100].filter((one) => one > level)) {
        forget.run(period.name, above)
        told.delete(`${period.name}/${above}`)
      }
    },

    newDay: (): void => told.clear(),
  }
}

function levelOf({ cap, spent }: Period): Level | undefined {
  if (spent === 0) return undefined
  if (spent >= cap) return 100
  return spent * 10 >= cap * 8 ? 80 : undefined
}

function noticeOf({ scope, cap, spent }: Period, level: Level): { title: string; text: string } {
  const figures = `${inDollars(toUsd(spent))} of ${inDollars(toUsd(cap))} are spent`
  if (level === 80)
    return {
      title: `80 % of the ${CALLED[scope]} is spent`,
      text: `${figures}. What costs money will wait at 100 %, ${UNTIL[scope]} or until you raise the limit under Settings.`,
    }
  const rest = spent >= cap ? figures : `${figures}, and the rest is too little for the next step`
  return {
    title: `The ${CALLED[scope]} is used up`,
    text: `${rest}. What costs money waits ${UNTIL[scope]}, or until you raise the limit under Settings.`,
  }
}
