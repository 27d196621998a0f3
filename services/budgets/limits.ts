import { inDollars, toUsd } from './money.ts'

export type BudgetScope = 'run' | 'day' | 'month'

/** One cap with what counts against it, in millionths of a dollar. */
export type Limit = { scope: BudgetScope; cap: number; spent: number; reserved: number }

/**
 * `full`: what is spent leaves too little, and no reservation that ends will change that; else the rest is only reserved by
 * others. `roomUsd` is what could be reserved now under all caps.
 */
export type Refusal = { ok: false; scope: BudgetScope; full: boolean; sentence: string; roomUsd: number }

export const CALLED = { run: 'budget of this run', day: 'daily budget', month: 'monthly budget' }
export const UNTIL = { day: 'until tomorrow', month: 'until the month is over' }

/** What stands in the way of an amount (null: not known); what no waiting for others will change goes first. */
export function refusalAmong(limits: readonly Limit[], amount: number | null): Refusal | undefined {
  const refusals = limits.flatMap((limit) => refusalOf(limit, amount) ?? [])
  const refusal = refusals.find(({ full }) => full) ?? refusals[0]
  return refusal && { ...refusal, roomUsd: toUsd(roomIn(limits)) }
}

function roomIn(limits: readonly Limit[]): number {
  return Math.max(0, Math.min(...limits.map(({ cap, spent, reserved }) => cap - spent - reserved)))
}

function refusalOf(limit: Limit, amount: number | null): Omit<Refusal, 'roomUsd'> | undefined {
  const { scope, cap, spent, reserved } = limit
  const full = amount === null ? spent >= cap : amount > 0 && spent + amount > cap
  const taken = amount !== null && amount > 0 && spent + reserved + amount > cap
  if (!full && !taken) return undefined
  return { ok: false, scope, full, sentence: sentenceOf(limit, full) }
}

function sentenceOf({ scope, cap, spent }: Limit, full: boolean): string {
  const budget = `The ${CALLED[scope]} of ${inDollars(toUsd(cap))}`
  if (!full) return `${budget} is reserved by what goes on now; this waits for it to end.`
  const how = spent >= cap ? 'is spent' : `has too little left for the next step (${inDollars(toUsd(cap - spent))})`
  return scope === 'run' ? `${budget} ${how}.` : `${budget} ${how}. Wait ${UNTIL[scope]}, or raise it under Settings.`
}
