import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import { api, elsewhere, fieldError } from '../api.ts'
import { useAction } from '../ui/action.ts'
import { DialogForm } from '../ui/dialog-form.tsx'
import { CheckField, TextField } from '../ui/field.tsx'
import { Problem } from '../ui/states.tsx'
import type { Target, WithSecret } from './webhooks.tsx'

const OWNER_HINT = 'What arrives here is read by you alone, so Steward may write to it without asking.'

type WebhookDialogProps = {
  target: Target | null
  onClose: () => void
  /** With the secret where one was made. */
  onSaved: (made: WithSecret | null) => void
}

/** Makes or changes an address that Steward may send to. */
export function WebhookDialog({ target, onClose, onSaved }: WebhookDialogProps): JSX.Element {
  const [name, setName] = useState(target?.name ?? '')
  const [url, setUrl] = useState(target?.url ?? '')
  const [description, setDescription] = useState(target?.description ?? '')
  const [owner, setOwner] = useState(target?.owner ?? false)
  const [enabled, setEnabled] = useState(target?.enabled ?? true)
  const { busy, error, run } = useAction()
  const save = () =>
    void run(async () => {
      const body = { name: name.trim(), url: url.trim(), description: description.trim(), owner, enabled }
      if (target) await api.put(`/api/webhook-targets/${target.id}`, body)
      onSaved(target ? null : await api.post<WithSecret>('/api/webhook-targets', body))
    })
  return (
    <DialogForm
      title={target ? `Change ${target.name}` : 'New webhook target'}
      action="Save"
      onClose={onClose}
      onSubmit={save}
      busy={busy}
      disabled={!name.trim() || !url.trim()}
    >
      <TextField
        label="Name"
        value={name}
        onInput={setName}
        error={fieldError(error, 'name')}
        maxLength={64}
        required
        autofocus
      />
      <TextField
        label="Address"
        type="url"
        placeholder="https://example.com/hook"
        value={url}
        onInput={setUrl}
        error={fieldError(error, 'url')}
        required
      />
      <TextField
        label="What it is for (optional)"
        value={description}
        onInput={setDescription}
        error={fieldError(error, 'description')}
        maxLength={500}
      />
      <CheckField label="My own device or service" hint={OWNER_HINT} checked={owner} onChange={setOwner} />
      <CheckField label="Switched on" checked={enabled} onChange={setEnabled} />
      <Problem error={elsewhere(error, ['name', 'url', 'description'])} />
    </DialogForm>
  )
}
