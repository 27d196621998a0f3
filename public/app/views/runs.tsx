import type { JSX } from 'preact'
import { navigate, place } from '../router.ts'
import type { PageProps } from '../routes.ts'
import { Button } from '../ui/button.tsx'
import { SelectField } from '../ui/field.tsx'
import { More } from '../ui/more.tsx'
import { Page, Section } from '../ui/page.tsx'
import { useResource } from '../ui/resource.ts'
import { Empty, Loading, Problem } from '../ui/states.tsx'
import { useEvery } from '../work/live.ts'
import { QueueSection } from '../work/queue.tsx'
import { RunTable } from '../work/run-table.tsx'
import { statusWord, STATUSES } from '../work/run-words.tsx'
import { isGoing, type Agent, type RunEntry, type Task } from '../work/types.ts'
import { useList } from '../work/use-list.ts'

type Filter = Record<'status' | 'origin' | 'agent_id' | 'task_id', string>

const NAMES = ['status', 'origin', 'agent_id', 'task_id'] as const

const ORIGINS = [
  ['', 'Any'],
  ['chat', 'Chat'],
  ['schedule', 'Schedule'],
  ['manual', 'By hand'],
  ['agent', 'Asked by an agent'],
] as const

/** Everything that went on: what waits and runs now, and every run before. */
export function RunsPage({ query }: PageProps): JSX.Element {
  const filter = Object.fromEntries(NAMES.map((name) => [name, query.get(name) ?? ''])) as Filter
  const set = new URLSearchParams(Object.entries(filter).filter(([, value]) => value))
  const runs = useList<RunEntry>(`/api/runs${set.size ? `?${set}` : ''}`)
  const agents = useResource<Agent[]>('/api/agents')
  const tasks = useResource<Task[]>('/api/tasks')
  const nameOf = (of: { agent_id: string | null; task_id: string | null }) =>
    tasks.data?.find(({ id }) => id === of.task_id)?.name ??
    agents.data?.find(({ id }) => id === of.agent_id)?.name ??
    null
  useEvery(5000, runs.list?.items.some(isGoing) ?? false, runs.reload)
  return (
    <Page wide title="Activity" intro="What Steward and its agents do now, and everything they did.">
      <QueueSection always nameOf={nameOf} />
      <Section title="Runs">
        <FilterForm filter={filter} agents={agents.data ?? []} tasks={tasks.data ?? []} />
        <Problem error={runs.error} retry={() => void runs.reload()} />
        {!runs.list && runs.loading && <Loading />}
        {runs.list?.items.length === 0 && (
          <Empty icon="pulse" title={set.size ? 'No runs match' : 'Nothing has run yet'} />
        )}
        {runs.list && runs.list.items.length > 0 && <RunTable runs={runs.list.items} label="Runs" who={nameOf} />}
        <More more={runs.more} busy={runs.loading} />
      </Section>
    </Page>
  )
}

type FilterFormProps = { filter: Filter; agents: Agent[]; tasks: Task[] }

function FilterForm({ filter, agents, tasks }: FilterFormProps) {
  const show = (part: Partial<Filter>) => {
    const set = new URLSearchParams(Object.entries({ ...filter, ...part }).filter(([, value]) => value))
    navigate(set.size ? `/runs?${set}` : '/runs', { replace: place.value.path === '/runs' })
  }
  const some = NAMES.some((name) => filter[name])
  return (
    <form class="filters" aria-label="Filter" onSubmit={(event) => event.preventDefault()}>
      <SelectField
        label="Status"
        value={filter.status}
        options={[['', 'Any'], ...STATUSES.map((status) => [status, statusWord(status)] as const)]}
        onChange={(status) => show({ status })}
      />
      <SelectField
        label="How it started"
        value={filter.origin}
        options={ORIGINS}
        onChange={(origin) => show({ origin })}
      />
      <Whose label="Agent" value={filter.agent_id} list={agents} onChange={(agent_id) => show({ agent_id })} />
      <Whose label="Task" value={filter.task_id} list={tasks} onChange={(task_id) => show({ task_id })} />
      {some && (
        <div class="filter-actions">
          <Button look="quiet" onClick={() => show({ status: '', origin: '', agent_id: '', task_id: '' })}>
            Clear
          </Button>
        </div>
      )}
    </form>
  )
}

type WhoseProps = { label: string; value: string; list: { id: string; name: string }[]; onChange: (id: string) => void }

function Whose({ label, value, list, onChange }: WhoseProps) {
  if (!list.length && !value) return null
  const gone = value && !list.some(({ id }) => id === value) ? [[value, 'A deleted one'] as const] : []
  const options = [['', 'Any'] as const, ...gone, ...list.map(({ id, name }) => [id, name] as const)]
  return <SelectField label={label} value={value} options={options} onChange={onChange} />
}
