import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import type { Secure } from '../../../services/shapes/mail-ports.ts'
import { api } from '../api.ts'
import { SettingsFrame } from '../frame/settings-frame.tsx'
import { Button } from '../ui/button.tsx'
import { askConfirm } from '../ui/confirm.tsx'
import { Dialog } from '../ui/dialog.tsx'
import { useResource } from '../ui/resource.ts'
import { Badge, Empty, Loading, Problem } from '../ui/states.tsx'
import { complain, tell } from '../ui/toast.tsx'
import { isAdmin } from '../session.ts'
import { useEvery } from '../work/live.ts'
import { EmailAccountDialog } from './email-account-dialog.tsx'
import { AccountBadge, AccountState } from './email-account-state.tsx'
import { MailListening } from './mail-listening.tsx'

const LIVE_MS = 4_000

export type EmailAccount = {
  id: string
  label: string
  enabled: boolean
  address: string
  agent_id: string | null
  account_type: 'trigger' | 'handling'
  folders: string[]
  extra_tools: string[]
  allowed_senders: string[] | null
  authserv_id: string | null
  telegram_chat_id: string | null
  auth: 'password' | 'oauth2'
  tls_ca: string | null
  imap_host: string | null
  imap_port: number | null
  imap_secure: Secure | null
  imap_username: string | null
  imap_password_set: boolean
  smtp_host: string | null
  smtp_port: number | null
  smtp_secure: Secure | null
  smtp_username: string | null
  smtp_password_set: boolean
  status: 'connected' | 'connecting' | 'off' | 'error'
  last_error: string | null
  last_message_at: string | null
}

type Half = { ok: boolean; error?: string; folders?: string[]; idle?: boolean } | null
type Checked = { imap: Half; smtp: Half }

/** The mail accounts: where mail is read and by which server it is sent. */
export function EmailAccountsPage(): JSX.Element {
  const list = useResource<EmailAccount[]>('/api/email-accounts')
  const [editing, setEditing] = useState<EmailAccount | 'new' | null>(null)
  useEvery(LIVE_MS, editing === null && (list.data?.length ?? 0) > 0, list.reload)
  const saved = async () => {
    setEditing(null)
    await list.reload()
  }
  return (
    <SettingsFrame
      actions={
        <Button look="primary" icon="plus" onClick={() => setEditing('new')}>
          Add account
        </Button>
      }
    >
      <p>
        Passwords are kept encrypted and never shown again. The first account of an administrator that can send also
        carries Steward’s own letters, such as a link for a forgotten password.
      </p>
      <Problem error={list.error} retry={() => void list.reload()} />
      {!list.data && list.loading && <Loading />}
      {list.data?.length === 0 && (
        <Empty icon="mail" title="No mail accounts yet">
          Add one with the server names and the password (often an app password) of your mail service.
        </Empty>
      )}
      <ul class="rows plain-list">
        {(list.data ?? []).map((account) => (
          <AccountRow key={account.id} account={account} edit={() => setEditing(account)} reload={list.reload} />
        ))}
      </ul>
      {isAdmin() && (list.data?.length ?? 0) > 0 && <MailListening />}
      {editing && (
        <EmailAccountDialog
          account={editing === 'new' ? null : editing}
          onClose={() => setEditing(null)}
          onSaved={() => void saved()}
        />
      )}
    </SettingsFrame>
  )
}

type RowProps = { account: EmailAccount; edit: () => void; reload: () => Promise<void> }

function AccountRow({ account, edit, reload }: RowProps) {
  const [checked, setChecked] = useState<Checked | 'asking' | null>(null)
  const of = <span class="visually-hidden"> {account.label}</span>
  const test = async () => {
    setChecked('asking')
    setChecked(await api.post<Checked>(`/api/email-accounts/${account.id}/test`, {}).catch(failed))
  }
  const failed = (error: unknown) => {
    complain(error)
    return null
  }
  return (
    <li class="row card-row">
      <div class="row-text">
        <a class="work-name break" href={`/settings/mail/${account.id}`}>
          {account.label}
        </a>{' '}
        <AccountBadge account={account} />
        <div class="muted small break">{account.address}</div>
        <Server what="Reads from" host={account.imap_host} port={account.imap_port} secure={account.imap_secure} />
        <Server what="Sends by" host={account.smtp_host} port={account.smtp_port} secure={account.smtp_secure} />
        <AccountState account={account} />
      </div>
      <div class="row-actions">
        <Button small look="quiet" busy={checked === 'asking'} onClick={() => void test()}>
          Test{of}
        </Button>
        <Button small onClick={edit}>
          Edit{of}
        </Button>
        <Button small look="quiet" icon="trash" onClick={() => void remove(account, reload).catch(complain)}>
          Remove{of}
        </Button>
      </div>
      {checked !== null && checked !== 'asking' && (
        <Result account={account} checked={checked} onClose={() => setChecked(null)} />
      )}
    </li>
  )
}

const WORDS: Record<Secure, string> = { tls: 'TLS', starttls: 'STARTTLS', none: 'unencrypted' }

function Server(of: { what: string; host: string | null; port: number | null; secure: Secure | null }) {
  if (of.host === null) return null
  return (
    <div class="muted small break">
      {of.what} {of.host}:{of.port} ({WORDS[of.secure ?? 'tls']})
    </div>
  )
}

function Result({ account, checked, onClose }: { account: EmailAccount; checked: Checked; onClose: () => void }) {
  return (
    <Dialog title={`Test of ${account.label}`} onClose={onClose}>
      <HalfResult name="Reading" half={checked.imap} />
      <HalfResult name="Sending" half={checked.smtp} />
      <footer class="dialog-actions">
        <Button look="primary" onClick={onClose}>
          Close
        </Button>
      </footer>
    </Dialog>
  )
}

function HalfResult({ name, half }: { name: string; half: Half }) {
  if (half === null) return null
  return (
    <section class="dialog-text">
      <h3>
        {name} {half.ok ? <Badge kind="good">works</Badge> : <Badge kind="bad">does not work</Badge>}
      </h3>
      {half.error !== undefined && <p class="break">{half.error}</p>}
      {half.folders !== undefined && half.folders.length > 0 && <p class="break">Folders: {half.folders.join(', ')}</p>}
      {half.ok && half.idle === false && <p>The server cannot announce new mail; it would be asked every minute.</p>}
    </section>
  )
}

async function remove(account: EmailAccount, reload: () => Promise<void>): Promise<void> {
  const yes = await askConfirm({
    title: `Remove ${account.label}?`,
    body: 'Steward forgets the account and its password. The mailbox itself stays as it is.',
    action: 'Remove',
    danger: true,
  })
  if (!yes) return
  await api.remove(`/api/email-accounts/${account.id}`)
  await reload()
  tell('The account was removed.')
}
