import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import { api, elsewhere, fieldError } from '../api.ts'
import { deviceName } from '../device.ts'
import { addPasskey, passkeysWork } from '../passkeys.ts'
import { useAction } from '../ui/action.ts'
import { Button, IconButton } from '../ui/button.tsx'
import { askConfirm } from '../ui/confirm.tsx'
import { DialogForm } from '../ui/dialog-form.tsx'
import { TextField } from '../ui/field.tsx'
import { Section } from '../ui/page.tsx'
import { useResource } from '../ui/resource.ts'
import { Badge, Loading, Problem, Time } from '../ui/states.tsx'
import { complain, tell } from '../ui/toast.tsx'

type Passkey = { id: string; name: string; backed_up: boolean; created_at: string; last_used_at: string | null }

const KEYS = '/api/auth/passkeys'

/** Passkeys: added on this device, renamed, removed. */
export function Passkeys(): JSX.Element {
  const list = useResource<{ items: Passkey[] }>(KEYS)
  const [adding, setAdding] = useState(false)
  const [renaming, setRenaming] = useState<Passkey | null>(null)
  const done = async (words: string) => {
    setAdding(false)
    setRenaming(null)
    tell(words)
    await list.reload()
  }
  return (
    <Section
      title="Passkeys"
      intro="Sign in with a fingerprint, a face or a security key, without password and code."
      actions={
        passkeysWork() && (
          <Button icon="plus" onClick={() => setAdding(true)}>
            Add a passkey
          </Button>
        )
      }
    >
      {!passkeysWork() && (
        <p class="muted">This browser has none for this page. Open Steward over HTTPS, or as localhost.</p>
      )}
      <Problem error={list.error} retry={() => void list.reload()} />
      {!list.data && list.loading && <Loading />}
      {list.data?.items.length === 0 && passkeysWork() && <p class="muted">You have none yet.</p>}
      <ul class="rows plain-list">
        {(list.data?.items ?? []).map((passkey) => (
          <PasskeyRow
            key={passkey.id}
            passkey={passkey}
            onRename={() => setRenaming(passkey)}
            onRemoved={() => done('The passkey was removed.')}
          />
        ))}
      </ul>
      {adding && (
        <NameDialog
          title="Add a passkey"
          action="Go on"
          name={deviceName(navigator.userAgent)}
          onClose={() => setAdding(false)}
          act={(name) => addPasskey(name).then(() => done('The passkey was added.'))}
        />
      )}
      {renaming && (
        <NameDialog
          title="Rename the passkey"
          action="Rename"
          name={renaming.name}
          onClose={() => setRenaming(null)}
          act={(name) => api.patch(`${KEYS}/${renaming.id}`, { name }).then(() => done('The passkey was renamed.'))}
        />
      )}
    </Section>
  )
}

type PasskeyRowProps = { passkey: Passkey; onRename: () => void; onRemoved: () => Promise<void> }

function PasskeyRow({ passkey, onRename, onRemoved }: PasskeyRowProps) {
  const remove = async () => {
    const yes = await askConfirm({
      title: `Remove ${passkey.name}?`,
      body: 'It signs nobody in from then on. The device may go on showing it; delete it there too.',
      action: 'Remove',
      danger: true,
    })
    if (!yes) return
    await api.remove(`${KEYS}/${passkey.id}`)
    await onRemoved()
  }
  return (
    <li class="row">
      <div class="row-text">
        <strong class="break">{passkey.name}</strong> {passkey.backed_up && <Badge>synced</Badge>}
        <div class="muted small">
          added <Time at={passkey.created_at} /> ·{' '}
          {passkey.last_used_at ? (
            <>
              used <Time at={passkey.last_used_at} />
            </>
          ) : (
            'never used'
          )}
        </div>
      </div>
      <IconButton label={`Rename ${passkey.name}`} icon="pencil" onClick={onRename} />
      <IconButton label={`Remove ${passkey.name}`} icon="trash" onClick={() => void remove().catch(complain)} />
    </li>
  )
}

type NameDialogProps = {
  title: string
  action: string
  name: string
  onClose: () => void
  act: (name: string) => Promise<void>
}

function NameDialog({ title, action, name: first, onClose, act }: NameDialogProps) {
  const [name, setName] = useState(first)
  const { busy, error, run } = useAction()
  return (
    <DialogForm
      title={title}
      action={action}
      onClose={onClose}
      onSubmit={() => void run(() => act(name))}
      busy={busy}
      disabled={!name.trim()}
    >
      <TextField
        label="Name"
        hint="So that you know it in the list."
        value={name}
        onInput={setName}
        error={fieldError(error, 'name')}
        maxLength={100}
        required
        autofocus
      />
      <Problem error={elsewhere(error, ['name'])} />
    </DialogForm>
  )
}
