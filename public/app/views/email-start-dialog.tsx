import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import { api, elsewhere, fieldError } from '../api.ts'
import { useAction } from '../ui/action.ts'
import { DialogForm } from '../ui/dialog-form.tsx'
import { AreaField, ChoiceField, SelectField, TextField } from '../ui/field.tsx'
import { useResource } from '../ui/resource.ts'
import { Problem } from '../ui/states.tsx'
import type { StartingAccount } from '../work/email-rule-types.ts'
import { ToolTree } from '../work/tools-field.tsx'
import type { TelegramChat } from './telegram-types.ts'
import type { Agent } from '../work/types.ts'

type EmailStartDialogProps = {
  account: StartingAccount
  agents: readonly Agent[]
  onClose: () => void
  onSaved: () => void
}

type Who = 'whitelist' | 'listed' | 'anybody'

const KINDS = [
  [
    'trigger',
    'Its mails start agents',
    'Each mail that fits a rule, the moment it comes. The agents use the tools that are theirs.',
  ],
  [
    'handling',
    'An agent looks after it',
    'Each mail starts its agent, which may list, search, read, mark, move, draft and answer in this mailbox and nothing else. What it changes or sends, you are asked about first, unless you allow it for good.',
  ],
] as const
const FIELDS = [
  'account_type',
  'agent_id',
  'allowed_senders',
  'authserv_id',
  'folders',
  'extra_tools',
  'telegram_chat_id',
]

const WHO = [
  ['whitelist', 'Senders on the email whitelist'],
  ['listed', 'Senders that are named here'],
  ['anybody', 'Anybody', 'Whoever knows the address then puts your agent to work.'],
] as const

/** Whose mails may start something, and which agent is there for those that no rule is for. */
export function EmailStartDialog({ account, agents, onClose, onSaved }: EmailStartDialogProps): JSX.Element {
  const listed = account.allowed_senders
  const [kind, setKind] = useState(account.account_type)
  const [folders, setFolders] = useState(account.folders.join('\n'))
  const [tools, setTools] = useState(account.extra_tools)
  const [agent, setAgent] = useState(account.agent_id ?? '')
  const [who, setWho] = useState<Who>(listed === null ? 'whitelist' : listed.includes('*') ? 'anybody' : 'listed')
  const [senders, setSenders] = useState(who === 'listed' ? (listed ?? []).join('\n') : '')
  const [server, setServer] = useState(account.authserv_id ?? '')
  const [chat, setChat] = useState(account.telegram_chat_id ?? '')
  const chats = useResource<TelegramChat[]>('/api/telegram/whitelist').data?.filter(({ owner }) => owner) ?? []
  const { busy, error, run } = useAction()
  const save = () =>
    void run(async () => {
      const named = senders.split(/[\s,;]+/).filter((one) => one !== '')
      await api.put(`/api/email-accounts/${account.id}`, {
        account_type: kind,
        folders: linesOf(folders),
        extra_tools: kind === 'handling' ? tools : account.extra_tools,
        agent_id: agent || null,
        allowed_senders: who === 'whitelist' ? null : who === 'anybody' ? ['*'] : named,
        authserv_id: server.trim() || null,
        telegram_chat_id: chat || null,
      })
      onSaved()
    })
  return (
    <DialogForm title="Who and what" action="Save" onClose={onClose} onSubmit={save} busy={busy}>
      <ChoiceField
        label="What this mailbox is for"
        value={kind}
        options={KINDS}
        onChange={setKind}
        error={fieldError(error, 'account_type')}
      />
      <SelectField
        label="Agent of the account"
        hint="For every mail where there are no rules, and for rules that name no other."
        value={agent}
        options={[['', 'None'], ...agents.map(({ id, name }) => [id, name] as const)]}
        onChange={setAgent}
        error={fieldError(error, 'agent_id')}
      />
      <ChoiceField label="Who may start something" value={who} options={WHO} onChange={setWho} />
      {who === 'listed' && (
        <AreaField
          label="Addresses"
          hint="One a line."
          value={senders}
          onInput={setSenders}
          error={fieldError(error, 'allowed_senders')}
          rows={3}
        />
      )}
      <TextField
        label="Mail server that proves senders (optional)"
        hint="Its name as it stands at the beginning of Authentication-Results in your mails. With it, only senders it vouches for (DMARC) start anything."
        placeholder="mx.example.org"
        value={server}
        onInput={setServer}
        error={fieldError(error, 'authserv_id')}
      />
      {(chats.length > 0 || chat !== '') && (
        <SelectField
          label="Telegram chat for its questions and results"
          value={chat}
          options={[['', 'As for everything else'], ...chatOptions(chats, chat)]}
          onChange={setChat}
          error={fieldError(error, 'telegram_chat_id')}
        />
      )}
      <AreaField
        label="Folders that are listened to"
        hint="One a line. Empty: every folder that mail comes into."
        value={folders}
        onInput={setFolders}
        error={fieldError(error, 'folders')}
        rows={2}
      />
      {kind === 'handling' && (
        <details open={tools.length > 0}>
          <summary>Further tools for the agent here</summary>
          <ToolTree chosen={tools} onChange={setTools} nothing="None: it has the mailbox and nothing else." />
        </details>
      )}
      <Problem error={elsewhere(error, FIELDS)} />
    </DialogForm>
  )
}

/** The chosen one stays to be seen, also where it is listed no more. */
function chatOptions(chats: readonly TelegramChat[], chosen: string): [id: string, label: string][] {
  const own = chats.map(({ chat_id: id, label }): [string, string] => [id, label || id])
  return chosen === '' || own.some(([id]) => id === chosen) ? own : [...own, [chosen, `${chosen} (not one of yours)`]]
}

const linesOf = (text: string): string[] =>
  text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '')
