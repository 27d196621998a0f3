import type { JSX } from 'preact'
import { useEffect } from 'preact/hooks'
import { capital, fullTime } from '../format.ts'
import { pending, refreshPending } from '../pending.ts'
import type { PageProps } from '../routes.ts'
import { Button } from '../ui/button.tsx'
import { Icon } from '../ui/icons.tsx'
import { Page, Section } from '../ui/page.tsx'
import { PendingApproval } from '../ui/pending-approval.tsx'
import { useResource } from '../ui/resource.ts'
import { Loading, Problem } from '../ui/states.tsx'
import { complain } from '../ui/toast.tsx'
import { stopRun } from '../work/acts.ts'
import { CallTable } from '../work/call-table.tsx'
import { EmailSection } from '../work/email-section.tsx'
import { Facts } from '../work/facts.tsx'
import { useEvery } from '../work/live.ts'
import { RunTable } from '../work/run-table.tsx'
import { RunTranscript } from '../work/run-transcript.tsx'
import { costOf, originWord, StatusBadge, statusWord, tokens, tookOf } from '../work/run-words.tsx'
import { isGoing, type RunDetail } from '../work/types.ts'

/** One run: what was asked, what was said and done, what was decided, and what it used. */
export function RunPage({ params }: PageProps): JSX.Element {
  const found = useResource<RunDetail>(`/api/runs/${params['id']}`)
  const run = found.data
  useEvery(2000, run !== undefined && isGoing(run), found.reload)
  useEffect(() => void (run?.status === 'waiting' && refreshPending()), [run?.status])
  const title = run ? (run.task_name ?? run.agent_name ?? (run.origin === 'chat' ? 'Answer' : 'Run')) : 'Run'
  useEffect(() => void (document.title = `${title} · Steward`), [title])
  return (
    <Page title={title} actions={run && <StatusBadge status={run.status} />}>
      <Problem error={found.error} retry={() => void found.reload()} />
      {!run && found.loading && <Loading />}
      {run && <Whole run={run} reload={found.reload} />}
    </Page>
  )
}

function Whole({ run, reload }: { run: RunDetail; reload: () => Promise<void> }) {
  const stop = () => void stopRun(run.id).then(reload, complain)
  return (
    <>
      <div class="acts">
        {isGoing(run) && (
          <Button icon="stop" onClick={stop}>
            Stop
          </Button>
        )}
        <Links run={run} />
      </div>
      {isGoing(run) && run.reason && <Reason run={run} />}
      <Asks run={run} />
      <Section title="What was asked">
        <pre class="asked" tabIndex={0}>
          {run.input}
        </pre>
        {run.attachments.length > 0 && (
          <p class="small muted">With {run.attachments.map(({ name }) => name).join(', ')}</p>
        )}
      </Section>
      {run.email && <EmailSection email={run.email} />}
      <Section title="What happened">
        <div class="run-box">
          <RunTranscript run={run} />
        </div>
      </Section>
      <Section title="In numbers">
        <RunFacts run={run} />
      </Section>
      {run.children.length > 0 && (
        <Section title="Other agents it asked">
          <RunTable runs={run.children} label="Runs it asked for" />
        </Section>
      )}
      {run.calls.length > 0 && (
        <Section title="Decisions" intro="Every tool call, and why it was done or not.">
          <CallTable calls={run.calls} />
        </Section>
      )}
    </>
  )
}

function Links({ run }: { run: RunDetail }) {
  const chat = run.origin === 'chat'
  return (
    <>
      {chat && <a href={`/chat/${run.conversation_id}`}>Open the conversation</a>}
      {run.agent_id && <a href={`/agents/${run.agent_id}`}>{run.agent_name ?? 'The agent'}</a>}
      {run.task_id && <a href={`/tasks/${run.task_id}`}>{run.task_name ?? 'The task'}</a>}
      {run.parent_run_id && <a href={`/runs/${run.parent_run_id}`}>The run that asked for it</a>}
    </>
  )
}

function Reason({ run }: { run: RunDetail }) {
  return (
    <div class="notice" role="status">
      <Icon name="clock" />
      <span>{capital(run.reason ?? statusWord(run.status))}</span>
    </div>
  )
}

/** Questions of the agents it asked; its own stand in its transcript. */
function Asks({ run }: { run: RunDetail }) {
  const of = run.children.map(({ id }) => id)
  const list = (pending.value ?? []).filter(({ run_id }) => of.includes(run_id))
  return (
    <>
      {list.map((approval) => (
        <PendingApproval key={approval.id} approval={approval} />
      ))}
    </>
  )
}

function RunFacts({ run }: { run: RunDetail }) {
  return (
    <Facts
      facts={[
        ['Started', `${originWord(run.origin)}, ${fullTime(run.created_at)}`],
        run.ended_at ? ['Ended', fullTime(run.ended_at)] : null,
        run.started_at ? ['Took', tookOf(run)] : null,
        run.model ? ['Model', run.model] : null,
        ['Tokens', tokens(run)],
        ['Cost', costOf(run.cost_usd)],
        run.tool_calls > 0 ? ['Tool calls', run.tool_calls.toLocaleString()] : null,
        run.attempts > 1 ? ['Attempts', run.attempts.toLocaleString()] : null,
        ['Words it read', run.integrity === 'owner' ? 'only yours' : 'also of others'],
      ]}
    />
  )
}
