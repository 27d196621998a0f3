import type { JSX } from 'preact'
import { useEffect } from 'preact/hooks'
import { fullTime } from '../format.ts'
import { navigate } from '../router.ts'
import type { PageProps } from '../routes.ts'
import { Button } from '../ui/button.tsx'
import { Page, Section } from '../ui/page.tsx'
import { useResource, type Resource } from '../ui/resource.ts'
import { Badge, Loading, Problem } from '../ui/states.tsx'
import { complain } from '../ui/toast.tsx'
import { removeWork, startNow, switchTask } from '../work/acts.ts'
import { ScheduleWords } from '../work/cron.tsx'
import { Facts } from '../work/facts.tsx'
import { useEvery } from '../work/live.ts'
import { NewestRun } from '../work/newest-run.tsx'
import { Occurrences } from '../work/occurrences.tsx'
import { RunCostChart } from '../work/run-cost-chart.tsx'
import { RunTable } from '../work/run-table.tsx'
import { costOf, tokens } from '../work/run-words.tsx'
import { limitsWords, toolsWords } from '../work/terms-words.ts'
import { isGoing, type Agent, type TaskDetail } from '../work/types.ts'
import { upcoming } from '../work/upcoming.ts'

/** One task: what is done, when, by whom, and every time it was due. */
export function TaskPage({ params }: PageProps): JSX.Element {
  const found = useResource<TaskDetail>(`/api/tasks/${params['id']}`)
  const task = found.data
  const going = task?.runs.some(isGoing) ?? false
  useEvery(going ? 3000 : 15_000, task !== undefined, found.reload)
  useEffect(() => void (task && (document.title = `${task.name} · Steward`)), [task?.name])
  if (!task) {
    return (
      <Page title="Task">
        <Problem error={found.error} retry={() => void found.reload()} />
        {found.loading && <Loading />}
      </Page>
    )
  }
  return (
    <Page title={task.name} actions={task.enabled ? <Badge kind="good">on</Badge> : <Badge>off</Badge>}>
      <Acts task={task} reload={found.reload} />
      <TaskFacts task={task} />
      <Work task={task} found={found} />
    </Page>
  )
}

function Acts({ task, reload }: { task: TaskDetail; reload: () => Promise<void> }) {
  return (
    <div class="acts">
      <Button look="primary" icon="play" onClick={() => void startNow('tasks', task, reload).catch(complain)}>
        Run now
      </Button>
      <Button icon={task.enabled ? 'pause' : 'play'} onClick={() => void switchTask(task, reload).catch(complain)}>
        Switch {task.enabled ? 'off' : 'on'}
      </Button>
      <Button icon="pencil" onClick={() => navigate(`/tasks/${task.id}/edit`)}>
        Edit
      </Button>
      <Button look="quiet" icon="trash" onClick={() => void removeWork('tasks', task).catch(complain)}>
        Delete
      </Button>
    </div>
  )
}

function TaskFacts({ task }: { task: TaskDetail }) {
  const next = upcoming(task)
  return (
    <>
      <Facts
        facts={[
          ['Starts', <ScheduleWords when={task} />],
          task.schedule || task.run_at ? ['Next', next ? fullTime(next) : 'not by itself'] : null,
          ['Done by', task.agent_id ? <AgentLink id={task.agent_id} /> : 'Steward'],
          ['Model', task.model ?? (task.agent_id ? 'The agent’s' : 'House default')],
          ['Tools', task.agent_id && !task.allowed_tools ? 'The agent’s' : toolsWords(task.allowed_tools)],
          ['Limits', limitsWords(task)],
          ['So far', `${costOf(task.cost_usd)} (${tokens(task)} tokens)`],
        ]}
      />
      <details class="prompt-box">
        <summary>What shall be done</summary>
        <pre tabIndex={0}>{task.prompt}</pre>
      </details>
    </>
  )
}

function AgentLink({ id }: { id: string }) {
  const agents = useResource<Agent[]>('/api/agents')
  return <a href={`/agents/${id}`}>{agents.data?.find((agent) => agent.id === id)?.name ?? 'its agent'}</a>
}

function Work({ task, found }: { task: TaskDetail; found: Resource<TaskDetail> }) {
  const { runs } = task
  const newest = runs[0]
  return (
    <>
      <Occurrences of="tasks" id={task.id} timezone={task.timezone} turn={newest?.id} />
      {newest && <NewestRun key={newest.id} entry={newest} onEnd={() => void found.reload()} />}
      <RunCostChart runs={runs} />
      <Section title="Runs" actions={runs.length > 0 && <a href={`/runs?task_id=${task.id}`}>All its runs</a>}>
        {runs.length ? <RunTable runs={runs.slice(0, 12)} label="Runs" /> : <p class="muted">It has not run yet.</p>}
      </Section>
    </>
  )
}
