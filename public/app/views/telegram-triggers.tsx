import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import { api, elsewhere, fieldError } from '../api.ts'
import { useAction } from '../ui/action.ts'
import { Button } from '../ui/button.tsx'
import { DialogForm } from '../ui/dialog-form.tsx'
import { CheckField, SelectField, TextField } from '../ui/field.tsx'
import { Section } from '../ui/page.tsx'
import { useResource } from '../ui/resource.ts'
import { Badge, Empty, Loading, Problem } from '../ui/states.tsx'
import { complain, tell } from '../ui/toast.tsx'
import type { Agent } from '../work/types.ts'
import type { TelegramTrigger } from './telegram-types.ts'

const LIST = '/api/telegram/triggers'

/** Words that pick an agent for a message, in the order in which they are tried, and a way to try them. */
export function TelegramTriggers({ agents }: { agents: readonly Agent[] }): JSX.Element {
  const list = useResource<TelegramTrigger[]>(LIST)
  const [editing, setEditing] = useState<TelegramTrigger | 'new' | null>(null)
  const names = new Map(agents.map(({ id, name }) => [id, name]))
  const saved = async () => {
    setEditing(null)
    await list.reload()
  }
  return (
    <Section
      title="Triggers"
      intro="A message in which all of these words occur, in any order and case, is answered by that agent. The first that fits counts."
      actions={
        <Button icon="plus" disabled={agents.length === 0} onClick={() => setEditing('new')}>
          New trigger
        </Button>
      }
    >
      <Problem error={list.error} retry={() => void list.reload()} />
      {!list.data && list.loading && <Loading />}
      {list.data?.length === 0 && (
        <Empty icon="robot" title="No triggers">
          {agents.length === 0 ? 'Make an agent first; then words can pick it.' : 'The default answers everything.'}
        </Empty>
      )}
      <ol class="rows plain-list">
        {(list.data ?? []).map((trigger, at, all) => (
          <li key={trigger.id} class="row card-row">
            <div class="row-text">
              <strong class="break">{trigger.trigger_word}</strong> {!trigger.enabled && <Badge>off</Badge>}
              <div class="muted small break">{names.get(trigger.agent_id) ?? 'an agent that is gone'}</div>
            </div>
            <div class="row-actions">
              <Button
                small
                look="quiet"
                disabled={at === 0}
                onClick={() => void swap(trigger, all[at - 1]!, list.reload).catch(complain)}
              >
                Earlier<span class="visually-hidden"> {trigger.trigger_word}</span>
              </Button>
              <Button small onClick={() => setEditing(trigger)}>
                Edit<span class="visually-hidden"> {trigger.trigger_word}</span>
              </Button>
              <Button small look="quiet" icon="trash" onClick={() => void remove(trigger, list.reload).catch(complain)}>
                Remove<span class="visually-hidden"> {trigger.trigger_word}</span>
              </Button>
            </div>
          </li>
        ))}
      </ol>
      {(list.data?.length ?? 0) > 0 && <Tester names={names} />}
      {editing && (
        <TriggerDialog
          trigger={editing === 'new' ? null : editing}
          agents={agents}
          onClose={() => setEditing(null)}
          onSaved={() => void saved()}
        />
      )}
    </Section>
  )
}

function Tester({ names }: { names: ReadonlyMap<string, string> }) {
  const [text, setText] = useState('')
  const [found, setFound] = useState<TelegramTrigger | null | undefined>(undefined)
  const { busy, error, run } = useAction()
  const test = (event: Event) => {
    event.preventDefault()
    void run(async () => {
      const { trigger } = await api.post<{ trigger: TelegramTrigger | null }>(`${LIST}/test`, { text })
      setFound(trigger)
    })
  }
  return (
    <form class="form" onSubmit={test}>
      <TextField
        label="Try a message"
        value={text}
        onInput={(value) => (setText(value), setFound(undefined))}
        placeholder="How will the weather be tomorrow?"
        maxLength={4096}
      />
      <Button type="submit" small busy={busy} disabled={!text.trim()}>
        Which fits?
      </Button>
      <p role="status" class="small break">
        {found === null && 'None fits: the default answers.'}
        {found && `“${found.trigger_word}” fits: ${names.get(found.agent_id) ?? 'its agent'} answers.`}
      </p>
      <Problem error={error} />
    </form>
  )
}

type DialogProps = {
  trigger: TelegramTrigger | null
  agents: readonly Agent[]
  onClose: () => void
  onSaved: () => void
}

function TriggerDialog({ trigger, agents, onClose, onSaved }: DialogProps) {
  const [words, setWords] = useState(trigger?.trigger_word ?? '')
  const [agentId, setAgentId] = useState(trigger?.agent_id ?? agents[0]?.id ?? '')
  const [enabled, setEnabled] = useState(trigger?.enabled ?? true)
  const { busy, error, run } = useAction()
  const save = () =>
    void run(async () => {
      const body = { trigger_word: words.trim(), agent_id: agentId, enabled }
      if (trigger) await api.put(`${LIST}/${trigger.id}`, body)
      else await api.post(LIST, body)
      onSaved()
    })
  return (
    <DialogForm
      title={trigger ? 'Change the trigger' : 'New trigger'}
      action="Save"
      onClose={onClose}
      onSubmit={save}
      busy={busy}
      disabled={!words.trim()}
    >
      <TextField
        label="Words"
        value={words}
        onInput={setWords}
        error={fieldError(error, 'trigger_word')}
        placeholder="weather"
        maxLength={200}
        required
        autofocus
      />
      <SelectField
        label="Agent"
        value={agentId}
        options={agents.map(({ id, name }) => [id, name] as const)}
        onChange={setAgentId}
        error={fieldError(error, 'agent_id')}
      />
      <CheckField label="Switched on" checked={enabled} onChange={setEnabled} />
      <Problem error={elsewhere(error, ['trigger_word', 'agent_id'])} />
    </DialogForm>
  )
}

/** The one before it comes after it. */
async function swap(trigger: TelegramTrigger, before: TelegramTrigger, reload: () => Promise<void>): Promise<void> {
  const same = trigger.position === before.position
  await api.put(`${LIST}/${trigger.id}`, { position: before.position })
  await api.put(`${LIST}/${before.id}`, { position: same ? trigger.position + 1 : trigger.position })
  await reload()
}

async function remove(trigger: TelegramTrigger, reload: () => Promise<void>): Promise<void> {
  await api.remove(`${LIST}/${trigger.id}`)
  await reload()
  tell('The trigger was removed.')
}
