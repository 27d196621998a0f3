import type { JSX } from 'preact'
import { duration } from '../format.ts'
import { settle, type Decision } from '../pending.ts'
import { ApprovalCard } from '../ui/approval-card.tsx'
import { Arguments } from '../ui/arguments.tsx'
import { Icon } from '../ui/icons.tsx'
import { Badge } from '../ui/states.tsx'
import { complain } from '../ui/toast.tsx'
import { toolTitle } from '../ui/tool-title.ts'
import { UncertainCard } from '../ui/uncertain-card.tsx'
import type { ToolPart } from './types.ts'

type ToolCardProps = { part: ToolPart; live: boolean; confirm: (callId: string, decision: Decision) => Promise<void> }

/** One call: its name and how it went on one line, arguments and result inside. An open question stands below it. */
export function ToolCard({ part, live, confirm }: ToolCardProps): JSX.Element {
  const title = toolTitle(part.tool_name, part.arguments)
  if (part.ask?.kind === 'uncertain') {
    const approvalId = part.ask.approval_id ?? part.call_id
    return (
      <UncertainCard
        settle={(answer) => settle(approvalId, answer)}
        toolName={title}
        args={part.ask.arguments}
        description={part.ask.description}
        reason={part.ask.reason}
      />
    )
  }
  if (part.ask) {
    return (
      <ApprovalCard
        toolName={title}
        args={part.ask.arguments}
        description={part.ask.description}
        reason={part.ask.reason}
        expiresAt={part.ask.expires_at}
        provenance={part.ask.provenance}
        mayRemember={part.ask.may_remember}
        decide={(decision) => confirm(part.call_id, decision).catch(complain)}
      />
    )
  }
  return (
    <details class={`tool ${part.success === false ? 'failed' : ''}`}>
      <summary>
        <Mark part={part} live={live} />
        <code class="tool-name">{title}</code>
        <span class="tool-hint ellipsis">{hintOf(part.arguments)}</span>
        <Outcome part={part} />
        <Icon name="down" size={14} />
      </summary>
      <div class="tool-body">
        <Arguments value={part.arguments} />
        {part.source && <p class="small muted">Read: {part.source}</p>}
        <Flags flags={part.flags} />
        <ChildLink part={part} />
        <Result part={part} />
      </div>
    </details>
  )
}

const FLAG_WORDS: Record<string, string> = {
  imperative: 'speaks to the model as if it gave orders',
  withheld: 'withheld by the second model',
  hidden: 'held hidden text, which was left out',
  leak: 'would have handed over a secret',
}

/** What the extra layers said of a result. */
function Flags({ flags }: { flags: string[] | undefined }) {
  if (!flags?.length) return null
  return (
    <p class="small">
      {flags.map((flag) => (
        <Badge key={flag} kind="ask">
          {FLAG_WORDS[flag] ?? flag}
        </Badge>
      ))}
    </p>
  )
}

/** The run that `agent.ask` started: what that agent did stands there. */
function ChildLink({ part }: { part: ToolPart }) {
  if (!part.child_run_id) return null
  return (
    <p class="small">
      <a href={`/runs/${part.child_run_id}`}>See what that agent did</a>
    </p>
  )
}

function Mark({ part, live }: { part: ToolPart; live: boolean }) {
  if (part.status !== 'finished' && live) {
    return (
      <span class="mark">
        <span class="spinner" aria-hidden="true" />
        <span class="visually-hidden">Running:</span>
      </span>
    )
  }
  const failed = part.success === false
  return (
    <span class={failed ? 'mark bad' : 'mark good'}>
      <Icon name={failed ? 'alert' : part.status === 'finished' ? 'check' : 'tool'} size={16} />
      <span class="visually-hidden">{failed ? 'Failed:' : 'Done:'}</span>
    </span>
  )
}

function Outcome({ part }: { part: ToolPart }) {
  return (
    <span class="tool-outcome">
      {part.confirmed ? <Badge kind="good">approved by you</Badge> : <DecisionBadge part={part} />}
      {part.success === false && !part.decision && <Badge kind="bad">failed</Badge>}
      {part.duration_ms ? <span class="muted small nowrap">{duration(part.duration_ms)}</span> : null}
    </span>
  )
}

const DENIED: Record<string, string> = {
  deny: 'refused',
  denied: 'denied',
  'denied by you': 'denied by you',
  expired: 'expired: nobody answered',
}

function DecisionBadge({ part: { decision, rule } }: { part: ToolPart }) {
  const words = decision === 'deny' && rule === 'owner' ? 'denied by you' : DENIED[decision ?? '']
  return words ? <Badge kind="bad">{words}</Badge> : null
}

/** The first argument that says something, beside the name. */
function hintOf(args: unknown): string {
  const values = Object.entries((args ?? {}) as Record<string, unknown>)
  const telling = values.find(([name, value]) => name !== 'operation' && typeof value === 'string' && value)
  return telling ? String(telling[1]) : ''
}

function Result({ part }: { part: ToolPart }) {
  const full = part.result === undefined || part.result === null ? part.result_summary : part.result
  if (full === undefined || full === null || full === '') return null
  const text = typeof full === 'string' ? full : JSON.stringify(full, null, 2)
  return (
    <>
      {part.decision === 'ask' && part.reason && <p class="muted small">Asked because: {part.reason}</p>}
      <h3>{part.success === false ? 'What went wrong' : 'Result'}</h3>
      <pre class="tool-result" tabIndex={0}>
        {text}
      </pre>
    </>
  )
}
