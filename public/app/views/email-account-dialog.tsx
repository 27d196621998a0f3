import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import { USUAL_PORTS, type Secure } from '../../../services/shapes/mail-ports.ts'
import { api, elsewhere, fieldError } from '../api.ts'
import { useAction } from '../ui/action.ts'
import { DialogForm } from '../ui/dialog-form.tsx'
import { AreaField, CheckField, SelectField, TextField } from '../ui/field.tsx'
import { Problem } from '../ui/states.tsx'
import type { EmailAccount } from './email-accounts.tsx'

type Half = 'imap' | 'smtp'
/** As it stands in the fields of one server; an empty host is no server, an empty password leaves it as it is. */
type Server = { host: string; port: string; secure: Secure; username: string; password: string }

const SECURE = [
  ['tls', 'TLS'],
  ['starttls', 'STARTTLS'],
  ['none', 'None (this machine only)'],
] as const
const FIELDS = ['label', 'address', 'tls_ca', ...(['imap', 'smtp'] as const).flatMap(fieldsOf)]

type EmailAccountDialogProps = { account: EmailAccount | null; onClose: () => void; onSaved: () => void }

/** Makes or changes a mail account. */
export function EmailAccountDialog({ account, onClose, onSaved }: EmailAccountDialogProps): JSX.Element {
  const [label, setLabel] = useState(account?.label ?? '')
  const [address, setAddress] = useState(account?.address ?? '')
  const [imap, setImap] = useState(serverOf('imap', account))
  const [smtp, setSmtp] = useState(serverOf('smtp', account))
  const [token, setToken] = useState(account?.auth === 'oauth2')
  const [ca, setCa] = useState(account?.tls_ca ?? '')
  const [enabled, setEnabled] = useState(account?.enabled ?? true)
  const { busy, error, run } = useAction()
  const save = () =>
    void run(async () => {
      const body = {
        label: label.trim(),
        enabled,
        auth: token ? 'oauth2' : 'password',
        tls_ca: ca.trim() || null,
        ...(address.trim() ? { address: address.trim() } : {}),
        ...bodyOf('imap', imap),
        ...bodyOf('smtp', smtp),
      }
      if (account) await api.put(`/api/email-accounts/${account.id}`, body)
      else await api.post('/api/email-accounts', body)
      onSaved()
    })
  return (
    <DialogForm
      title={account ? `Change ${account.label}` : 'Add a mail account'}
      action="Save"
      onClose={onClose}
      onSubmit={save}
      busy={busy}
      disabled={!label.trim() || (!imap.host.trim() && !smtp.host.trim())}
    >
      <TextField
        label="Name"
        value={label}
        onInput={setLabel}
        error={fieldError(error, 'label')}
        maxLength={64}
        autofocus
        required
      />
      <TextField
        label="Address (optional)"
        hint="Where it differs from the name you sign in with."
        placeholder="me@example.org"
        value={address}
        onInput={setAddress}
        error={fieldError(error, 'address')}
      />
      <ServerFields
        half="imap"
        title="Reading (IMAP)"
        server={imap}
        set={setImap}
        kept={account?.imap_password_set}
        error={error}
      />
      <ServerFields
        half="smtp"
        title="Sending (SMTP)"
        server={smtp}
        set={setSmtp}
        kept={account?.smtp_password_set}
        error={error}
      />
      <CheckField
        label="The passwords are OAuth2 access tokens"
        hint="For services that take no passwords (XOAUTH2)."
        checked={token}
        onChange={setToken}
      />
      <details>
        <summary>A certificate authority of your own</summary>
        <AreaField
          label="Certificate (PEM)"
          value={ca}
          onInput={setCa}
          error={fieldError(error, 'tls_ca')}
          rows={4}
          mono
        />
      </details>
      <CheckField label="Switched on" checked={enabled} onChange={setEnabled} />
      <Problem error={elsewhere(error, FIELDS)} />
    </DialogForm>
  )
}

type ServerFieldsProps = {
  half: Half
  title: string
  server: Server
  set: (server: Server) => void
  kept: boolean | undefined
  error: unknown
}

function ServerFields({ half, title, server, set, kept, error }: ServerFieldsProps) {
  const change = (values: Partial<Server>) => set({ ...server, ...values })
  const usual = (secure: Secure) => String(USUAL_PORTS[half][secure])
  const secured = (secure: Secure) =>
    change({ secure, port: server.port === usual(server.secure) ? usual(secure) : server.port })
  return (
    <fieldset class="field">
      <legend>{title}</legend>
      <TextField
        label="Server"
        hint={half === 'imap' ? 'Empty where it only sends.' : 'Empty where it only reads.'}
        placeholder={`${half}.example.org`}
        value={server.host}
        onInput={(host) => change({ host })}
        error={fieldError(error, `${half}_host`)}
      />
      <SelectField
        label="Encryption"
        value={server.secure}
        options={SECURE}
        onChange={secured}
        error={fieldError(error, `${half}_secure`) ?? fieldError(error, 'secure')}
      />
      <TextField
        label="Port"
        type="number"
        value={server.port}
        onInput={(port) => change({ port })}
        error={fieldError(error, `${half}_port`)}
        min={1}
      />
      <TextField
        label="User name"
        value={server.username}
        onInput={(username) => change({ username })}
        error={fieldError(error, `${half}_username`)}
        autocomplete="off"
      />
      <TextField
        label="Password"
        type="password"
        hint={kept ? 'Kept as it is while this is empty.' : half === 'smtp' ? 'Empty: the one for reading.' : undefined}
        value={server.password}
        onInput={(password) => change({ password })}
        error={fieldError(error, `${half}_password`)}
        autocomplete="new-password"
      />
    </fieldset>
  )
}

function serverOf(half: Half, account: EmailAccount | null): Server {
  const secure = account?.[`${half}_secure`] ?? 'tls'
  return {
    host: account?.[`${half}_host`] ?? '',
    port: String(account?.[`${half}_port`] ?? USUAL_PORTS[half][secure]),
    secure,
    username: account?.[`${half}_username`] ?? '',
    password: '',
  }
}

function bodyOf(half: Half, { host, port, secure, username, password }: Server): Record<string, unknown> {
  if (host.trim() === '') return { [`${half}_host`]: null }
  const name = username.trim()
  return {
    [`${half}_host`]: host.trim(),
    [`${half}_port`]: Number(port),
    [`${half}_secure`]: secure,
    ...(half === 'smtp' && name === '' ? {} : { [`${half}_username`]: name }),
    ...(password === '' ? {} : { [`${half}_password`]: password }),
  }
}

function fieldsOf(half: Half): string[] {
  return ['host', 'port', 'secure', 'username', 'password'].map((name) => `${half}_${name}`)
}
