import type { JSX } from 'preact'
import { dollars } from '../format.ts'

export type Budget = { spent_usd: number; reserved_usd: number; limit_usd: number | null }

/** How much of a budget is spent and reserved; without a limit only what was spent. */
export function BudgetBar({ name, budget }: { name: string; budget: Budget }): JSX.Element {
  const { spent_usd: spent, reserved_usd: reserved, limit_usd: limit } = budget
  const full = limit !== null && spent >= limit
  return (
    <div class="budget">
      <p>
        <strong>{name}</strong> <span class="grow" />
        <span class={full ? 'error-text' : ''}>
          {dollars(spent)} {limit === null ? 'spent, no limit' : `of ${dollars(limit)}`}
        </span>
      </p>
      {limit !== null && (
        <div class={full ? 'budget-bar full' : 'budget-bar'} aria-hidden="true">
          <span style={{ width: percent(spent, limit) }} />
          <span class="reserved" style={{ width: percent(Math.min(reserved, Math.max(0, limit - spent)), limit) }} />
        </div>
      )}
      <p class="small muted">{words(budget)}</p>
    </div>
  )
}

function words({ spent_usd: spent, reserved_usd: reserved, limit_usd: limit }: Budget): string {
  const held = reserved > 0 ? `${dollars(reserved)} held for what is going on. ` : ''
  if (limit === null) return held
  if (spent >= limit) return `${held}Used up: what costs money waits until it begins anew.`
  return `${held}${dollars(Math.max(0, limit - spent - reserved))} left.`
}

const percent = (part: number, whole: number): string =>
  whole > 0 ? `${Math.min(100, (part / whole) * 100).toFixed(1)}%` : '100%'
