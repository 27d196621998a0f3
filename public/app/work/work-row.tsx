import type { JSX } from 'preact'
import { Button } from '../ui/button.tsx'
import { Badge, Time } from '../ui/states.tsx'
import { complain } from '../ui/toast.tsx'
import { startNow, switchTask } from './acts.ts'
import { ScheduleWords } from './cron.tsx'
import { costOf, OccurrenceBadge, StatusBadge } from './run-words.tsx'
import { upcoming } from './upcoming.ts'
import type { Agent, Task } from './types.ts'

type WorkRowProps =
  | { of: 'agents'; work: Agent; reload: () => Promise<void> }
  | { of: 'tasks'; work: Task; who: string; reload: () => Promise<void> }

/** One agent or task in its list. */
export function WorkRow(props: WorkRowProps): JSX.Element {
  const { of, work, reload } = props
  return (
    <li class="row card-row">
      <div class="row-text">
        <a class="work-name" href={`/${of}/${work.id}`}>
          {work.name}
        </a>{' '}
        {!work.enabled && <Badge>off</Badge>}{' '}
        {props.of === 'agents' && props.work.paused && <Badge kind="ask">paused</Badge>}
        <div class="muted small">
          {props.of === 'tasks' && <>{props.who} · </>}
          <ScheduleWords when={work} />
          <Next work={work} />
        </div>
        <Last {...props} />
      </div>
      <div class="row-actions">
        {props.of === 'tasks' && (
          <Button small look="quiet" onClick={() => void switchTask(props.work, reload).catch(complain)}>
            Switch {work.enabled ? 'off' : 'on'}
            <span class="visually-hidden"> {work.name}</span>
          </Button>
        )}
        <Button small icon="play" onClick={() => void startNow(of, work, reload).catch(complain)}>
          Run now
          <span class="visually-hidden">: {work.name}</span>
        </Button>
      </div>
    </li>
  )
}

function Next({ work }: { work: Agent | Task }) {
  const next = upcoming(work)
  return next ? (
    <>
      {' '}
      · next <Time at={next} />
    </>
  ) : null
}

/** How it went last: a missed time is newer than an old success and is what counts. */
function Last(props: WorkRowProps) {
  const { last_run: run, cost_usd } = props.work
  const missed = props.of === 'tasks' ? missedSince(props.work) : null
  return (
    <div class="small">
      {missed && (
        <>
          <OccurrenceBadge state="missed" /> <Time at={missed.due_at} />
          {missed.reason && <span class="muted"> {missed.reason}</span>}
        </>
      )}
      {!missed && run && (
        <>
          <StatusBadge status={run.status} /> <Time at={run.ended_at ?? run.created_at} />
        </>
      )}
      {!missed && !run && <span class="muted">has not run yet</span>}
      {run && <span class="muted"> · {costOf(cost_usd)} so far</span>}
    </div>
  )
}

function missedSince({ last_run, last_occurrence }: Task) {
  if (last_occurrence?.state !== 'missed') return null
  return !last_run || last_occurrence.due_at > last_run.created_at ? last_occurrence : null
}
