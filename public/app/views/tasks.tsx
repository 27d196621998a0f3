import type { JSX } from 'preact'
import { navigate } from '../router.ts'
import { Button } from '../ui/button.tsx'
import { Page } from '../ui/page.tsx'
import { useResource } from '../ui/resource.ts'
import { Empty, Loading, Problem } from '../ui/states.tsx'
import { useEvery } from '../work/live.ts'
import { isGoing, type Agent, type Task } from '../work/types.ts'
import { WorkRow } from '../work/work-row.tsx'

/** Every task: what is done when and by whom, and how it went last. */
export function TasksPage(): JSX.Element {
  const list = useResource<Task[]>('/api/tasks')
  const agents = useResource<Agent[]>('/api/agents')
  const going = (list.data ?? []).some(({ last_run }) => last_run !== null && isGoing(last_run))
  useEvery(3000, going, list.reload)
  const nameOf = ({ agent_id }: Task) =>
    agent_id === null ? 'Steward' : (agents.data?.find(({ id }) => id === agent_id)?.name ?? 'An agent')
  const create = (
    <Button look="primary" icon="plus" onClick={() => navigate('/tasks/new')}>
      New task
    </Button>
  )
  return (
    <Page title="Tasks" intro="Things that are done at their times, by Steward or by an agent." actions={create}>
      <Problem error={list.error} retry={() => void list.reload()} />
      {!list.data && list.loading && <Loading />}
      {list.data?.length === 0 && <NoTasks />}
      <ul class="rows plain-list">
        {(list.data ?? []).map((task) => (
          <WorkRow key={task.id} of="tasks" work={task} who={nameOf(task)} reload={list.reload} />
        ))}
      </ul>
    </Page>
  )
}

function NoTasks() {
  return (
    <Empty icon="task" title="No tasks yet">
      <p>A task says what shall be done and when: “Every Friday at 17:00, write down what happened this week.”</p>
      <p class="empty-action">
        <Button look="primary" icon="plus" onClick={() => navigate('/tasks/new')}>
          Create your first task
        </Button>
      </p>
    </Empty>
  )
}
