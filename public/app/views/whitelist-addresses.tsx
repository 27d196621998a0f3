import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import { api, elsewhere, fieldError } from '../api.ts'
import { counted } from '../format.ts'
import { useAction } from '../ui/action.ts'
import { Button, IconButton } from '../ui/button.tsx'
import { askConfirm } from '../ui/confirm.tsx'
import { DialogForm } from '../ui/dialog-form.tsx'
import { CheckField, TextField } from '../ui/field.tsx'
import { Section } from '../ui/page.tsx'
import { useResource } from '../ui/resource.ts'
import { Badge, Empty, Loading, Problem } from '../ui/states.tsx'
import { complain, tell } from '../ui/toast.tsx'

type Address = { email: string; daily_limit: number; sent_today: number; owner: boolean; created_at: string }

const PATH = '/api/email-whitelist'
const pathOf = ({ email }: Address): string => `${PATH}/${encodeURIComponent(email)}`
const OWNER_HINT =
  'Then Steward may write there without asking. Tick this only for a mailbox that nobody but you reads.'

/** Addresses outside of which no mail is sent. */
export function AddressList(): JSX.Element {
  const list = useResource<Address[]>(PATH)
  const [editing, setEditing] = useState<Address | 'new' | null>(null)
  const saved = async () => {
    setEditing(null)
    await list.reload()
  }
  return (
    <Section
      title="Addresses for mail"
      intro="Steward sends mail to these addresses only, whoever asks for it."
      actions={
        <Button icon="plus" onClick={() => setEditing('new')}>
          Add address
        </Button>
      }
    >
      <Problem error={list.error} retry={() => void list.reload()} />
      {!list.data && list.loading && <Loading />}
      {list.data?.length === 0 && <Empty icon="send" title="No address yet, so no mail can be sent" />}
      <ul class="rows plain-list">
        {(list.data ?? []).map((address) => (
          <AddressRow key={address.email} address={address} edit={() => setEditing(address)} reload={list.reload} />
        ))}
      </ul>
      {editing && (
        <AddressDialog
          address={editing === 'new' ? null : editing}
          onClose={() => setEditing(null)}
          onSaved={() => void saved()}
        />
      )}
    </Section>
  )
}

type RowProps = { address: Address; edit: () => void; reload: () => Promise<void> }

function AddressRow({ address, edit, reload }: RowProps) {
  const { email, owner } = address
  return (
    <li class="row">
      <div class="row-text">
        <strong class="break">{email}</strong> {owner && <Badge kind="good">yours</Badge>}
        <div class="muted small">{allowance(address)}</div>
      </div>
      <IconButton label={`Change ${email}`} icon="pencil" onClick={edit} />
      <IconButton label={`Remove ${email}`} icon="trash" onClick={() => void remove(address, reload).catch(complain)} />
    </li>
  )
}

/** "3 of 10 today": what went there, and how much may. */
function allowance({ daily_limit, sent_today }: Address): string {
  if (daily_limit > 0) return `${sent_today} of ${daily_limit} today`
  return sent_today === 0 ? 'As many mails as needed' : `${counted(sent_today, 'mail')} today, as many as needed`
}

async function remove(address: Address, reload: () => Promise<void>): Promise<void> {
  const yes = await askConfirm({
    title: `Remove ${address.email}?`,
    body: 'Mail to this address is refused from then on.',
    action: 'Remove',
    danger: true,
  })
  if (!yes) return
  await api.remove(pathOf(address))
  await reload()
  tell(`${address.email} was removed.`)
}

type DialogProps = { address: Address | null; onClose: () => void; onSaved: () => void }

function AddressDialog({ address, onClose, onSaved }: DialogProps) {
  const [email, setEmail] = useState(address?.email ?? '')
  const [limit, setLimit] = useState(address?.daily_limit ? String(address.daily_limit) : '')
  const [owner, setOwner] = useState(address?.owner ?? false)
  const { busy, error, run } = useAction()
  const save = () => {
    const fields = { daily_limit: Number(limit || 0), owner }
    void run(async () => {
      if (address) await api.put(pathOf(address), fields)
      else await api.post(PATH, { email: email.trim(), ...fields })
      onSaved()
    })
  }
  return (
    <DialogForm
      title={address ? `Change ${address.email}` : 'Add an address'}
      action="Save"
      onClose={onClose}
      onSubmit={save}
      busy={busy}
    >
      {!address && (
        <TextField
          label="Address"
          hint="Such as alice@example.com; one at a time."
          value={email}
          onInput={setEmail}
          error={fieldError(error, 'email')}
          required
          autofocus
        />
      )}
      <TextField
        label="Mails a day at most"
        hint="Empty: no limit."
        type="number"
        min={0}
        step={1}
        value={limit}
        onInput={setLimit}
        error={fieldError(error, 'daily_limit')}
        autofocus={address !== null}
      />
      <CheckField label="This is my own address" hint={OWNER_HINT} checked={owner} onChange={setOwner} />
      <Problem error={elsewhere(error, ['email', 'daily_limit'])} />
    </DialogForm>
  )
}
