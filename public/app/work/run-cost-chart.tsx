import type { JSX } from 'preact'
import { useMemo, useState } from 'preact/hooks'
import { compact, dollars } from '../format.ts'
import { Section } from '../ui/page.tsx'
import { Chart } from './chart.tsx'
import { Segments } from './segments.tsx'
import type { RunEntry } from './types.ts'

type What = 'cost' | 'tokens'

const WHAT = [
  ['cost', 'Cost'],
  ['tokens', 'Tokens'],
] as const

/** What runs used, day by day. */
export function RunCostChart({ runs }: { runs: RunEntry[] }): JSX.Element | null {
  const priced = runs.some(({ cost_usd }) => cost_usd)
  const [what, setWhat] = useState<What>(priced ? 'cost' : 'tokens')
  const bars = useMemo(() => byDay(runs, what), [runs, what])
  if (runs.length < 2) return null
  return (
    <Section
      title="Tokens and cost"
      intro={`The last ${runs.length} runs, day by day.`}
      actions={<Segments label="Show" value={what} options={WHAT} onChange={setWhat} />}
    >
      <Chart
        bars={bars}
        label={what === 'cost' ? 'Cost by day' : 'Tokens by day'}
        of="Day"
        what={what === 'cost' ? 'Cost' : 'Tokens'}
        format={what === 'cost' ? dollars : compact}
      />
    </Section>
  )
}

function byDay(runs: RunEntry[], what: What) {
  const days = new Map<string, number>()
  for (const run of runs.toSorted((a, b) => a.created_at.localeCompare(b.created_at))) {
    const day = new Date(run.created_at).toLocaleDateString(undefined, { day: 'numeric', month: 'short' })
    const value = what === 'cost' ? (run.cost_usd ?? 0) : run.input_tokens + run.output_tokens
    days.set(day, (days.get(day) ?? 0) + value)
  }
  return [...days].map(([label, value]) => ({ label, value }))
}
