import type { JSX } from 'preact'
import { useMemo, useState } from 'preact/hooks'
import { compact, counted, dollars } from '../format.ts'
import { navigate, place } from '../router.ts'
import type { PageProps } from '../routes.ts'
import { TextField } from '../ui/field.tsx'
import { Page, Section } from '../ui/page.tsx'
import { useResource } from '../ui/resource.ts'
import { Empty, Loading, Problem } from '../ui/states.tsx'
import { BudgetBar, type Budget } from '../work/budget-bar.tsx'
import { Chart } from '../work/chart.tsx'
import { Segments } from '../work/segments.tsx'

type Group = 'day' | 'agent' | 'model'
type Sum = {
  turns: number
  unknown_turns: number
  input_tokens: number
  output_tokens: number
  cost_usd: number | null
}
type Row = Sum & { key: string; label: string }
type Usage = {
  from: string
  to: string
  group: Group
  timezone: string
  rows: Row[]
  total: Sum
  budgets: { day: Budget; month: Budget }
}

const GROUPS = [
  ['day', 'By day'],
  ['agent', 'By agent'],
  ['model', 'By model'],
] as const

const HEADS: Record<Group, string> = { day: 'Day', agent: 'Agent', model: 'Model' }

const WHAT = [
  ['cost', 'Cost'],
  ['tokens', 'Tokens'],
] as const

/** What the models were asked and what that cost, and how much of the budgets is left. */
export function UsagePage({ query }: PageProps): JSX.Element {
  const filter = filterOf(query)
  const usage = useResource<Usage>(`/api/usage?${new URLSearchParams(filter)}`)
  const { data } = usage
  return (
    <Page title="Usage" intro="What the models were asked, and what it cost.">
      <Problem error={usage.error} retry={() => void usage.reload()} />
      {!data && usage.loading && <Loading />}
      {data && <Budgets budgets={data.budgets} />}
      <Section title="In detail" intro={data && `Days of the house (${data.timezone}).`}>
        <div class="chart-head">
          <Segments
            label="Group"
            value={filter.group}
            options={GROUPS}
            onChange={(group) => show({ ...filter, group })}
          />
        </div>
        <div class="filters">
          <TextField label="From" type="date" value={filter.from} onInput={(from) => show({ ...filter, from })} />
          <TextField label="To" type="date" value={filter.to} onInput={(to) => show({ ...filter, to })} />
        </div>
        {data && <Rows usage={data} />}
      </Section>
    </Page>
  )
}

type Filter = { from: string; to: string; group: Group }

const DAY = 86_400_000

function filterOf(query: URLSearchParams): Filter {
  const group = GROUPS.find(([name]) => name === query.get('group'))?.[0] ?? 'day'
  return { from: query.get('from') || dayOf(Date.now() - 29 * DAY), to: query.get('to') || dayOf(Date.now()), group }
}

const dayOf = (at: number): string => new Date(at).toLocaleDateString('sv-SE')

function show(filter: Filter): void {
  navigate(`/usage?${new URLSearchParams(filter)}`, { replace: place.value.path === '/usage' })
}

function Budgets({ budgets: { day, month } }: { budgets: Usage['budgets'] }) {
  const none = day.limit_usd === null && month.limit_usd === null
  return (
    <Section title="Budgets" actions={<a href="/settings/limits">{none ? 'Set a budget' : 'Change'}</a>}>
      <div class="budgets">
        <BudgetBar name="Today" budget={day} />
        <BudgetBar name="This month" budget={month} />
      </div>
    </Section>
  )
}

function Rows({ usage }: { usage: Usage }) {
  const { rows, total, group } = usage
  const [chosen, setWhat] = useState<'cost' | 'tokens' | null>(null)
  const what = chosen ?? (rows.some(({ cost_usd }) => cost_usd) ? 'cost' : 'tokens')
  const bars = useMemo(
    () =>
      rows.map((row) => ({
        label: nameOf(row, group),
        value: what === 'cost' ? (row.cost_usd ?? 0) : row.input_tokens + row.output_tokens,
      })),
    [rows, what],
  )
  if (!rows.length) return <Empty icon="chart" title="Nothing was used in this time" />
  return (
    <>
      <div class="chart-head">
        <Segments label="Show" value={what} options={WHAT} onChange={setWhat} />
      </div>
      <Chart
        bars={bars}
        label={`${what === 'cost' ? 'Cost' : 'Tokens'} by ${group}`}
        of={HEADS[group]}
        what={what === 'cost' ? 'Cost' : 'Tokens'}
        format={what === 'cost' ? dollars : compact}
        table={false}
      />
      <UsageTable usage={usage} />
      {total.unknown_turns > 0 && (
        <p class="small muted unknown-price">
          {counted(total.unknown_turns, 'turn')} of unknown price {total.unknown_turns === 1 ? 'is' : 'are'} not
          included in the cost.
        </p>
      )}
    </>
  )
}

/** Days are shown as people write them; they are days of the house, not of this device. */
function nameOf({ key, label }: Row, group: Group): string {
  if (group !== 'day') return label || key
  return new Date(`${key}T12:00:00`).toLocaleDateString(undefined, { day: 'numeric', month: 'short' })
}

function UsageTable({ usage: { rows, total, group } }: { usage: Usage }) {
  return (
    <table class="table numbers" aria-label="Usage">
      <thead>
        <tr>
          <th scope="col">{HEADS[group]}</th>
          <th scope="col">Turns</th>
          <th scope="col">Tokens in</th>
          <th scope="col">Tokens out</th>
          <th scope="col">Cost</th>
        </tr>
      </thead>
      <tbody>
        {rows.map((row) => (
          <tr key={row.key}>
            <th scope="row">{nameOf(row, group)}</th>
            <Numbers sum={row} />
          </tr>
        ))}
      </tbody>
      <tfoot>
        <tr>
          <th scope="row">Total</th>
          <Numbers sum={total} />
        </tr>
      </tfoot>
    </table>
  )
}

function Numbers({ sum }: { sum: Sum }) {
  return (
    <>
      <td data-name="Turns">{sum.turns.toLocaleString()}</td>
      <td data-name="Tokens in">{sum.input_tokens.toLocaleString()}</td>
      <td data-name="Tokens out">{sum.output_tokens.toLocaleString()}</td>
      <td data-name="Cost">{sum.cost_usd === null ? 'unknown' : dollars(sum.cost_usd)}</td>
    </>
  )
}
