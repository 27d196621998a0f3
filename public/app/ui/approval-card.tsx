import type { ComponentChildren, JSX } from 'preact'
import { useEffect, useId, useState } from 'preact/hooks'
import { duration } from '../format.ts'
import type { Decision, Provenance, Remember } from '../pending.ts'
import { Button } from './button.tsx'
import { SelectField, TextField } from './field.tsx'
import { Icon } from './icons.tsx'
import { parseObject } from './json.ts'
import { Arguments } from './arguments.tsx'
import { ProvenanceList } from './provenance.tsx'

type ApprovalCardProps = {
  toolName: string
  args: unknown
  description: string
  reason: string
  expiresAt: string | null
  provenance?: Provenance[] | undefined
  mayRemember?: Remember[] | undefined
  where?: ComponentChildren
  /** The arguments stand as they are. */
  fixed?: boolean
  decide: (decision: Decision) => Promise<void> | void
}

/** Asks before Steward acts: what would happen, why it is asked, with which arguments, and until when. */
export function ApprovalCard(props: ApprovalCardProps): JSX.Element {
  const [draft, setDraft] = useState<string | null>(null)
  const [note, setNote] = useState<string | null>(null)
  const [reach, setReach] = useState<Reach>('once')
  const id = useId()
  const changed = draft === null ? null : parseObject(draft)
  const decide = (approved: boolean) =>
    props.decide({
      approved,
      ...(note?.trim() ? { note: note.trim() } : {}),
      ...(approved && changed?.value ? { arguments: changed.value } : {}),
      ...(approved && reach !== 'once' ? { remember: reach } : {}),
    })
  return (
    <section class="approval" aria-labelledby={`${id}-title`}>
      <header>
        <Icon name="shield" />
        <h2 id={`${id}-title`}>May I?</h2>
        <code class="tool-name">{props.toolName}</code>
        <Countdown until={props.expiresAt} />
      </header>
      <p class="approval-what">{props.description}</p>
      <p class="approval-why">
        <span class="muted">Why I ask:</span> {props.reason}
      </p>
      {draft === null ? (
        <Arguments value={props.args} />
      ) : (
        <ArgumentsEditor draft={draft} error={changed?.error} onInput={setDraft} />
      )}
      <ProvenanceList rows={props.provenance} />
      <ReachField may={props.mayRemember} value={reach} onChange={setReach} />
      {note !== null && (
        <TextField label="Note for Steward (optional)" value={note} onInput={setNote} maxLength={2000} autofocus />
      )}
      {props.where}
      <Answers decide={decide} edited={draft !== null} invalid={Boolean(changed?.error)}>
        {!props.fixed && (
          <Button look="quiet" onClick={() => setDraft(draft === null ? pretty(props.args) : null)}>
            {draft === null ? 'Edit' : 'Discard changes'}
          </Button>
        )}
        <Button look="quiet" onClick={() => setNote(note === null ? '' : null)}>
          {note === null ? 'Add a note' : 'No note'}
        </Button>
      </Answers>
    </section>
  )
}

type Reach = Remember | 'once'

const REACHES: Record<Reach, string> = {
  once: 'this once',
  conversation: 'for this conversation: do not ask again here',
  agent: 'always for this agent, also when you are away',
}

type ReachFieldProps = { may: Remember[] | undefined; value: Reach; onChange: (reach: Reach) => void }

/** How far the yes reaches. What is made of it stands under Settings → Grants. */
function ReachField({ may, value, onChange }: ReachFieldProps) {
  if (!may?.length) return null
  const options = (['once', ...may] as const).map((reach) => [reach, REACHES[reach]] as const)
  return (
    <SelectField
      label="Approve"
      value={value}
      options={options}
      onChange={onChange}
      hint={
        value === 'once'
          ? undefined
          : 'To this place only. Given before others’ words were read, it ends once they are. Settings → Grants lists it.'
      }
    />
  )
}

type AnswersProps = {
  decide: (approved: boolean) => Promise<void> | void
  edited: boolean
  invalid: boolean
  children: ComponentChildren
}

function Answers({ decide, edited, invalid, children }: AnswersProps) {
  const [busy, setBusy] = useState(false)
  const answer = async (approved: boolean) => {
    setBusy(true)
    await decide(approved)
    setBusy(false)
  }
  return (
    <footer>
      <Button look="primary" icon="check" busy={busy} disabled={invalid} onClick={() => void answer(true)}>
        {edited ? 'Approve with changes' : 'Approve'}
      </Button>
      <Button icon="close" busy={busy} onClick={() => void answer(false)}>
        Deny
      </Button>
      <span class="grow" />
      {children}
    </footer>
  )
}

const pretty = (value: unknown): string => JSON.stringify(value ?? {}, null, 2)

type EditorProps = { draft: string; error: string | undefined; onInput: (text: string) => void }

function ArgumentsEditor({ draft, error, onInput }: EditorProps) {
  const id = useId()
  return (
    <div class="field">
      <label for={id}>Arguments (JSON)</label>
      <textarea
        id={id}
        class="input mono"
        rows={Math.min(14, draft.split('\n').length + 1)}
        spellcheck={false}
        value={draft}
        onInput={(event) => onInput(event.currentTarget.value)}
        aria-invalid={error ? true : undefined}
        aria-describedby={`${id}-hint`}
      />
      <small id={`${id}-hint`} class={error ? 'hint error' : 'hint'}>
        {error ?? 'Exactly this will be done; the change is recorded.'}
      </small>
    </div>
  )
}

/** The time left, told by the minute and, near the end, by the second. */
function Countdown({ until }: { until: string | null }) {
  const left = useTimeLeft(until)
  if (left === null) return null
  return <span class="muted small nowrap countdown">{left > 0 ? `${duration(rounded(left))} left` : 'expired'}</span>
}

const rounded = (ms: number): number => (ms > 120_000 ? Math.ceil(ms / 60_000) * 60_000 : Math.ceil(ms / 1000) * 1000)

function useTimeLeft(until: string | null): number | null {
  const [now, setNow] = useState(Date.now)
  const left = until === null ? null : Date.parse(until) - now
  useEffect(() => {
    if (left === null || left <= 0) return
    const timer = setTimeout(() => setNow(Date.now()), left > 120_000 ? 15_000 : 1000)
    return () => clearTimeout(timer)
  }, [now, until])
  return left
}
