import type { JSX } from 'preact'
import { navigate } from '../router.ts'
import { Button } from '../ui/button.tsx'
import { Page } from '../ui/page.tsx'
import { useResource } from '../ui/resource.ts'
import { Empty, Loading, Problem } from '../ui/states.tsx'
import { useEvery } from '../work/live.ts'
import { isGoing, type Agent } from '../work/types.ts'
import { WorkRow } from '../work/work-row.tsx'

/** Every agent: when it works, how its last run went, and what it has cost. */
export function AgentsPage(): JSX.Element {
  const list = useResource<Agent[]>('/api/agents')
  const going = (list.data ?? []).some(({ last_run }) => last_run !== null && isGoing(last_run))
  useEvery(3000, going, list.reload)
  const create = (
    <Button look="primary" icon="plus" onClick={() => navigate('/agents/new')}>
      New agent
    </Button>
  )
  return (
    <Page title="Agents" intro="Helpers with a job of their own, at their own times." actions={create}>
      <Problem error={list.error} retry={() => void list.reload()} />
      {!list.data && list.loading && <Loading />}
      {list.data?.length === 0 && <NoAgents />}
      <ul class="rows plain-list">
        {(list.data ?? []).map((agent) => (
          <WorkRow key={agent.id} of="agents" work={agent} reload={list.reload} />
        ))}
      </ul>
    </Page>
  )
}

function NoAgents() {
  return (
    <Empty icon="robot" title="No agents yet">
      <p>
        An agent has a prompt, its own tools and limits, and, if you like, a schedule. One could read the news and write
        you a briefing every morning; another could keep an eye on a folder.
      </p>
      <p class="empty-action">
        <Button look="primary" icon="plus" onClick={() => navigate('/agents/new')}>
          Create your first agent
        </Button>
      </p>
    </Empty>
  )
}
