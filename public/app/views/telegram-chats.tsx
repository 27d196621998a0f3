import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import { api, elsewhere, fieldError } from '../api.ts'
import { useAction } from '../ui/action.ts'
import { Button } from '../ui/button.tsx'
import { askConfirm } from '../ui/confirm.tsx'
import { DialogForm } from '../ui/dialog-form.tsx'
import { ChoiceField, TextField } from '../ui/field.tsx'
import { Section } from '../ui/page.tsx'
import { useResource } from '../ui/resource.ts'
import { Badge, Empty, Loading, Problem } from '../ui/states.tsx'
import { complain, tell } from '../ui/toast.tsx'
import type { Agent, List } from '../work/types.ts'
import type { Grant } from '../work/grant-row.tsx'
import { TelegramAllow } from './telegram-allow.tsx'
import type { TelegramChat } from './telegram-types.ts'

type Making = 'code' | 'number' | TelegramChat | null

/** Who may talk with the bot, and whose chat each is. */
export function TelegramChats({ bot, agents }: { bot: string; agents: readonly Agent[] }): JSX.Element {
  const list = useResource<TelegramChat[]>('/api/telegram/whitelist')
  const grants = useResource<List<Grant>>('/api/grants?limit=200')
  const [making, setMaking] = useState<Making>(null)
  const done = async () => {
    setMaking(null)
    await list.reload()
  }
  return (
    <Section
      title="Chats"
      intro="Whoever is not listed here is refused once a day, and starts nothing."
      actions={
        <div class="row-actions">
          <Button look="primary" icon="plus" onClick={() => setMaking('code')}>
            Bind by a code
          </Button>
          <Button onClick={() => setMaking('number')}>Add by number</Button>
        </div>
      }
    >
      <Problem error={list.error} retry={() => void list.reload()} />
      {!list.data && list.loading && <Loading />}
      {list.data?.length === 0 && (
        <Empty icon="chat" title="No chats yet">
          Open @{bot} in Telegram, send /link, and enter here the code that it answers.
        </Empty>
      )}
      <ul class="rows plain-list">
        {(list.data ?? []).map((chat) => (
          <ChatRow
            key={chat.chat_id}
            {...{ chat, agents, grants: grants.data?.items ?? [] }}
            edit={() => setMaking(chat)}
            reload={list.reload}
            reloadGrants={grants.reload}
          />
        ))}
      </ul>
      {making === 'code' && <CodeDialog bot={bot} onClose={() => setMaking(null)} onDone={() => void done()} />}
      {making !== null && making !== 'code' && (
        <ChatDialog
          chat={making === 'number' ? null : making}
          onClose={() => setMaking(null)}
          onDone={() => void done()}
        />
      )}
    </Section>
  )
}

type RowProps = {
  chat: TelegramChat
  agents: readonly Agent[]
  grants: readonly Grant[]
  edit: () => void
  reload: () => Promise<void>
  reloadGrants: () => Promise<void>
}

function ChatRow({ chat, agents, grants, edit, reload, reloadGrants }: RowProps) {
  const of = <span class="visually-hidden"> {chat.label}</span>
  const [testing, setTesting] = useState(false)
  const test = async () => {
    setTesting(true)
    await tried(chat).catch(complain)
    setTesting(false)
  }
  return (
    <li class="row card-row">
      <div class="row-text">
        <strong class="break">{chat.label}</strong>{' '}
        {chat.owner ? <Badge kind="good">yours</Badge> : <Badge>{isGroup(chat) ? 'a group' : 'somebody else’s'}</Badge>}
        <div class="muted small break">{chat.chat_id}</div>
        {!chat.owner && <TelegramAllow chat={chat} agents={agents} grants={grants} reload={reloadGrants} />}
      </div>
      <div class="row-actions">
        <Button small look="quiet" busy={testing} onClick={() => void test()}>
          Test{of}
        </Button>
        <Button small onClick={edit}>
          Edit{of}
        </Button>
        <Button small look="quiet" icon="trash" onClick={() => void remove(chat, reload).catch(complain)}>
          Remove{of}
        </Button>
      </div>
    </li>
  )
}

const isGroup = ({ chat_id }: TelegramChat): boolean => chat_id.startsWith('-')
const pathOf = ({ chat_id }: TelegramChat): string => `/api/telegram/whitelist/${encodeURIComponent(chat_id)}`

type DialogProps = { onClose: () => void; onDone: () => void }

function CodeDialog({ bot, onClose, onDone }: DialogProps & { bot: string }) {
  const [code, setCode] = useState('')
  const { busy, error, run } = useAction()
  const save = () =>
    void run(async () => {
      const { label } = await api.post<{ label: string }>('/api/telegram/link', { code: code.trim() })
      tell(`The chat of “${label}” is yours now.`)
      onDone()
    })
  return (
    <DialogForm title="Bind a chat" action="Bind" onClose={onClose} onSubmit={save} busy={busy} disabled={!code.trim()}>
      <p class="dialog-text">
        Send /link to @{bot}, from your own private chat with it. The code is good for five minutes.
      </p>
      <TextField
        label="Code"
        mono
        value={code}
        onInput={setCode}
        error={fieldError(error, 'code')}
        hint="Only enter a code that you asked for yourself: whoever sits in that chat can do what you can."
        maxLength={20}
        required
        autofocus
      />
      <Problem error={elsewhere(error, ['code'])} />
    </DialogForm>
  )
}

const WHOSE = [
  ['own', 'Mine alone', 'What is written there are your words. It may answer questions, pause and stop.'],
  [
    'others',
    'Somebody else’s, or a group',
    'What is written there are others’ words. Only agents that you allow answer.',
  ],
] as const

function ChatDialog({ chat, onClose, onDone }: DialogProps & { chat: TelegramChat | null }) {
  const [number, setNumber] = useState(chat?.chat_id ?? '')
  const [label, setLabel] = useState(chat?.label ?? '')
  const [whose, setWhose] = useState<'own' | 'others'>(chat?.owner ? 'own' : 'others')
  const { busy, error, run } = useAction()
  const save = () =>
    void run(async () => {
      const body = { label: label.trim(), owner: whose === 'own' }
      if (chat) await api.put(pathOf(chat), body)
      else await api.post('/api/telegram/whitelist', { chat_id: number.trim(), ...body })
      onDone()
    })
  return (
    <DialogForm
      title={chat ? `Change ${chat.label}` : 'Add a chat'}
      action="Save"
      onClose={onClose}
      onSubmit={save}
      busy={busy}
      disabled={!number.trim() || !label.trim()}
    >
      {!chat && (
        <TextField
          label="Number"
          mono
          value={number}
          onInput={setNumber}
          error={fieldError(error, 'chat_id')}
          hint="As Telegram counts chats, like 123456789; groups begin with a minus. /link tells it to a private chat."
          required
          autofocus
        />
      )}
      <TextField
        label="Name"
        value={label}
        onInput={setLabel}
        error={fieldError(error, 'label')}
        placeholder="My phone"
        maxLength={64}
        required
      />
      <ChoiceField
        label="Whose chat is it?"
        value={whose}
        options={WHOSE}
        onChange={setWhose}
        error={fieldError(error, 'owner')}
      />
      <Problem error={elsewhere(error, ['chat_id', 'label', 'owner'])} />
    </DialogForm>
  )
}

async function tried(chat: TelegramChat): Promise<void> {
  const { ok, error } = await api.post<{ ok: boolean; error?: string }>('/api/telegram/test', { chat_id: chat.chat_id })
  if (ok) tell(`A message went to ${chat.label}.`)
  else complain(new Error(error))
}

async function remove(chat: TelegramChat, reload: () => Promise<void>): Promise<void> {
  const yes = await askConfirm({
    title: `Take ${chat.label} off the list?`,
    body: 'The bot no longer listens to this chat, and nothing is sent there any more.',
    action: 'Remove',
    danger: true,
  })
  if (!yes) return
  await api.remove(pathOf(chat))
  await reload()
  tell('The chat was removed.')
}
