import type { JSX } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import { api } from '../api.ts'
import { counted, fullTime } from '../format.ts'
import { navigate } from '../router.ts'
import type { PageProps } from '../routes.ts'
import { Button } from '../ui/button.tsx'
import { Page, Section } from '../ui/page.tsx'
import { useResource, type Resource } from '../ui/resource.ts'
import { Badge, Loading, Problem } from '../ui/states.tsx'
import { complain, tell } from '../ui/toast.tsx'
import { AgentGrants } from '../work/agent-grants.tsx'
import { pauseAgent, removeWork, startNow, stopAgent } from '../work/acts.ts'
import { ScheduleWords } from '../work/cron.tsx'
import { Facts } from '../work/facts.tsx'
import { useEvery } from '../work/live.ts'
import { NewestRun } from '../work/newest-run.tsx'
import { Occurrences } from '../work/occurrences.tsx'
import { RunCostChart } from '../work/run-cost-chart.tsx'
import { RunTable } from '../work/run-table.tsx'
import { costOf, tokens } from '../work/run-words.tsx'
import { SayDialog } from '../work/say-dialog.tsx'
import { limitsWords, toolsWords } from '../work/terms-words.ts'
import { isGoing, type Agent, type AgentDetail } from '../work/types.ts'
import { upcoming } from '../work/upcoming.ts'

/** One agent: what it is, what it does right now, what it did, and what can be done with it. */
export function AgentPage({ params }: PageProps): JSX.Element {
  const found = useResource<AgentDetail>(`/api/agents/${params['id']}`)
  const { data } = found
  const going = data?.runs.some(isGoing) ?? false
  useEvery(going ? 3000 : 15_000, data !== undefined, found.reload)
  useEffect(() => void (data && (document.title = `${data.agent.name} · Steward`)), [data?.agent.name])
  if (!data) {
    return (
      <Page title="Agent">
        <Problem error={found.error} retry={() => void found.reload()} />
        {found.loading && <Loading />}
      </Page>
    )
  }
  return (
    <Page title={data.agent.name} actions={<State agent={data.agent} />}>
      <Acts agent={data.agent} going={going} reload={found.reload} />
      <AgentFacts detail={data} />
      <Work detail={data} found={found} />
    </Page>
  )
}

function State({ agent }: { agent: Agent }) {
  if (agent.paused) return <Badge kind="ask">paused</Badge>
  return agent.enabled ? <Badge kind="good">on</Badge> : <Badge>off</Badge>
}

type ActsProps = { agent: Agent; going: boolean; reload: () => Promise<void> }

function Acts({ agent, going, reload }: ActsProps) {
  const [saying, setSaying] = useState<'run' | 'message' | null>(null)
  const close = () => setSaying(null)
  return (
    <div class="acts">
      <Button look="primary" icon="play" onClick={() => setSaying('run')}>
        Run now
      </Button>
      <Button icon="chat" onClick={() => setSaying('message')}>
        Message
      </Button>
      {going && (
        <Button icon="stop" onClick={() => void stopAgent(agent, reload).catch(complain)}>
          Stop
        </Button>
      )}
      <Button icon={agent.paused ? 'play' : 'pause'} onClick={() => void pauseAgent(agent, reload).catch(complain)}>
        {agent.paused ? 'Resume' : 'Pause'}
      </Button>
      <Button icon="pencil" onClick={() => navigate(`/agents/${agent.id}/edit`)}>
        Edit
      </Button>
      <Button look="quiet" icon="trash" onClick={() => void removeWork('agents', agent).catch(complain)}>
        Delete
      </Button>
      {saying === 'run' && <RunDialog agent={agent} reload={reload} onClose={close} />}
      {saying === 'message' && <MessageDialog agent={agent} reload={reload} onClose={close} />}
    </div>
  )
}

type DialogProps = { agent: Agent; reload: () => Promise<void>; onClose: () => void }

function RunDialog({ agent, reload, onClose }: DialogProps) {
  return (
    <SayDialog
      title={`Run ${agent.name} now`}
      label="A message for this run (optional)"
      hint="It begins afresh, with its prompt and this message."
      action="Run now"
      field="message"
      optional
      onClose={onClose}
      say={(text) => startNow('agents', agent, reload, text)}
    />
  )
}

function MessageDialog({ agent, reload, onClose }: DialogProps) {
  const say = async (content: string) => {
    await api.post(`/api/agents/${agent.id}/message`, { content })
    tell('The message is on its way.')
    await reload()
  }
  return (
    <SayDialog
      title={`Message ${agent.name}`}
      label="Message"
      hint="It goes into the one lasting conversation with this agent; it remembers what was said there."
      action="Send"
      field="content"
      onClose={onClose}
      say={say}
    />
  )
}

function AgentFacts({ detail }: { detail: AgentDetail }) {
  const { agent } = detail
  const next = upcoming(agent)
  return (
    <>
      <Facts
        facts={[
          ['Starts', <ScheduleWords when={agent} />],
          agent.schedule || agent.run_at ? ['Next', next ? fullTime(next) : 'not by itself'] : null,
          ['Model', agent.model ?? 'House default'],
          ['Tools', toolsWords(agent.allowed_tools)],
          ['Limits', limitsWords(agent)],
          ['So far', sumOf(detail)],
        ]}
      />
      <details class="prompt-box">
        <summary>Prompt</summary>
        <pre tabIndex={0}>{agent.prompt}</pre>
      </details>
    </>
  )
}

function sumOf(detail: AgentDetail): string {
  const { total_input_tokens: input_tokens, total_output_tokens: output_tokens, unknown_cost_turns: unknown } = detail
  const not = unknown ? `; ${counted(unknown, 'turn')} of unknown price not included` : ''
  return `${costOf(detail.total_cost_usd)} (${tokens({ input_tokens, output_tokens })} tokens)${not}`
}

function Work({ detail, found }: { detail: AgentDetail; found: Resource<AgentDetail> }) {
  const { agent, runs } = detail
  const newest = runs[0]
  return (
    <>
      {newest && <NewestRun key={newest.id} entry={newest} onEnd={() => void found.reload()} />}
      <RunCostChart runs={runs} />
      <Section title="Runs" actions={runs.length > 0 && <a href={`/runs?agent_id=${agent.id}`}>All its runs</a>}>
        {runs.length ? <RunTable runs={runs.slice(0, 12)} label="Runs" /> : <p class="muted">It has not run yet.</p>}
      </Section>
      <AgentGrants agent={agent} />
      {(agent.schedule || agent.run_at || agent.last_run) && (
        <Occurrences of="agents" id={agent.id} timezone={agent.timezone} turn={newest?.id} />
      )}
    </>
  )
}
