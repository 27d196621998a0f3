import type { JSX } from 'preact'
import { useContext } from 'preact/hooks'
import { capital, counted, dollars } from '../format.ts'
import { CopyButton } from '../ui/copy.tsx'
import { Icon } from '../ui/icons.tsx'
import { AnswerContext } from './context.ts'
import type { RunItem } from './items.ts'
import type { LinkRule } from './markdown.ts'
import { Prose } from './prose.tsx'
import { isSettled, textOf } from './run-state.ts'
import { ToolCard } from './tool-card.tsx'
import type { Part, Run } from './types.ts'

/** One answer: words and calls in their order, then how it ended. Redraws alone while it grows. */
export function Answer({ item }: { item: RunItem }): JSX.Element {
  const chat = useContext(AnswerContext)
  const run = item.run.value
  const rule: LinkRule = run.integrity === 'owner' ? 'all' : chat.hosts.value
  const live = !isSettled(run)
  return (
    <article class="answer" aria-busy={live}>
      <h2 class="visually-hidden">Steward</h2>
      {run.parts.map((part, at) => (
        <PartView key={keyOf(part, at)} part={part} rule={rule} live={live} last={at === run.parts.length - 1} />
      ))}
      {live && <Progress run={run} />}
      {run.fault && <FaultView text={run.fault.error} />}
      {!live && <Ending run={run} />}
    </article>
  )
}

const keyOf = (part: Part, at: number): string => (part.type === 'tool' ? part.call_id : `${part.type}${at}`)

type PartProps = { part: Part; rule: LinkRule; live: boolean; last: boolean }

function PartView({ part, rule, live, last }: PartProps) {
  const chat = useContext(AnswerContext)
  if (part.type === 'text') return <Prose text={part.text} rule={rule} settled={!live || !last} />
  if (part.type === 'summary') return <Summary text={part.text} rule={rule} />
  if (part.type === 'tool') {
    return (
      <>
        <ToolCard part={part} live={live} confirm={chat.confirm} />
        {part.touched && <Touched source={part.source} />}
      </>
    )
  }
  return (
    <div class="images">
      {part.data_urls.map((url) => (
        <img key={url} src={url} alt="Made by Steward" />
      ))}
    </div>
  )
}

/** Where a run began to count as touched by others, and what follows from it. */
function Touched({ source }: { source: string | null | undefined }) {
  return (
    <p class="touched" role="note">
      <Icon name="shield" size={16} />
      <span>
        From here on it has read what others could have written{source ? `: ${source}` : ''}. What leaves the house is
        asked about.
      </span>
    </p>
  )
}

function Summary({ text, rule }: { text: string; rule: LinkRule }) {
  return (
    <details class="tool">
      <summary>
        <span class="mark">
          <Icon name="book" size={16} />
        </span>
        <span class="summary-name">Earlier conversation was summarised</span>
        <Icon name="down" size={14} />
      </summary>
      <div class="tool-body">
        <Prose text={text} rule={rule} settled />
      </div>
    </details>
  )
}

/** What goes on while nothing new is said. */
function Progress({ run }: { run: Run }) {
  const asks = run.parts.some((part) => part.type === 'tool' && part.ask)
  if (asks) return null
  const last = run.parts.at(-1)
  const busy = last?.type === 'tool' && last.status !== 'finished'
  if (busy && run.status === 'running') return null
  const speaking = last?.type === 'text' && run.status === 'running'
  return (
    <p class="progress" role="status">
      <span class="pulse" aria-hidden="true" />
      {speaking ? <span class="visually-hidden">Answering</span> : progressOf(run)}
    </p>
  )
}

function progressOf(run: Run): string {
  if (run.status === 'queued') {
    const ahead = run.position ? `Queued behind ${counted(run.position, 'other run')}` : 'Queued'
    return run.waitingFor ? `${ahead}: ${run.waitingFor}` : `${ahead}…`
  }
  if (run.status === 'waiting') return run.waitingFor ? capital(run.waitingFor) : 'Waiting…'
  if (run.status === 'paused') return 'Steward is paused. It goes on from here when you resume it.'
  return 'Thinking…'
}

/** An error in its own sentence; one about a credential leads to where it is set. */
export function FaultView({ text }: { text: string }): JSX.Element {
  const aboutKey = /credential|api key|\bkey\b/i.test(text)
  return (
    <div class="notice problem" role="alert">
      <Icon name="alert" />
      <span>
        {text} {aboutKey && <a href="/settings/credentials">Open Settings → Credentials</a>}
      </span>
    </div>
  )
}

const ENDINGS: Record<string, string> = {
  max_tool_calls: 'Stopped: the limit of tool calls was reached. Say “go on” to continue.',
  max_tokens: 'Cut off: the answer reached the model’s limit. Say “go on” to continue.',
  refusal: 'The model declined to answer.',
  stopped: 'Stopped by you.',
  budget: 'Stopped: the budget is used up.',
  interrupted: 'Interrupted. It was not started again by itself.',
}

function Ending({ run }: { run: Run }) {
  const text = textOf(run)
  const ended = run.stopReason ?? (run.status === 'stopped' ? 'stopped' : undefined)
  const reason = ended === undefined || (ended === 'stopped' && run.fault) ? undefined : ENDINGS[ended]
  return (
    <>
      {reason && <p class="muted small ending">{reason}</p>}
      <footer class="answer-foot">
        {text && <CopyButton text={text} />}
        {run.usage && <UsageNote run={run} usage={run.usage} />}
      </footer>
    </>
  )
}

function UsageNote({ run, usage }: { run: Run; usage: NonNullable<Run['usage']> }) {
  const { input_tokens, output_tokens, cost_usd } = usage
  const cost = !cost_usd ? '' : ` · ${dollars(cost_usd)}`
  return (
    <span class="muted small usage">
      {run.model && `${run.model} · `}
      {input_tokens.toLocaleString()} in · {output_tokens.toLocaleString()} out{cost}
    </span>
  )
}
