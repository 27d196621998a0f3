import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import { api, elsewhere, fieldError } from '../api.ts'
import { useAction } from '../ui/action.ts'
import { DialogForm } from '../ui/dialog-form.tsx'
import { TextField } from '../ui/field.tsx'
import { Problem } from '../ui/states.tsx'

/** What the dialog is open for: a documented key, a stored one, or (without a name) a new one of any name. */
export type Editing = { name: string; label: string; description: string; replaces: boolean }

type CredentialDialogProps = Editing & { onClose: () => void; onSaved: () => void }

/** Sets or replaces one credential. The value goes to the vault and is not shown again without the password. */
export function CredentialDialog({
  name,
  label,
  description,
  replaces,
  onClose,
  onSaved,
}: CredentialDialogProps): JSX.Element {
  const [key, setKey] = useState(name)
  const [value, setValue] = useState('')
  const [about, setAbout] = useState('')
  const { busy, error, run } = useAction()
  const save = () =>
    void run(async () => {
      const note = about ? { description: about } : {}
      await api.post('/api/credentials', { key: key.trim(), value: value.trim(), ...note })
      onSaved()
    })
  const title = label ? `${replaces ? 'Replace' : 'Set'} ${label}` : 'New credential'
  const ready = key.trim() && value.trim()
  return (
    <DialogForm title={title} action="Save" onClose={onClose} onSubmit={save} busy={busy} disabled={!ready}>
      {description && <p class="dialog-text">{description}</p>}
      {!name && <NameField value={key} onInput={setKey} error={fieldError(error, 'key')} />}
      <TextField
        label="Value"
        type="password"
        hint={replaces ? 'The present value is overwritten.' : undefined}
        value={value}
        onInput={setValue}
        error={fieldError(error, 'value')}
        required
        autofocus={Boolean(name)}
      />
      {!name && <TextField label="What it is for (optional)" value={about} onInput={setAbout} maxLength={500} />}
      <Problem error={elsewhere(error, ['key', 'value'])} />
    </DialogForm>
  )
}

type NameFieldProps = { value: string; onInput: (key: string) => void; error: string | undefined }

function NameField({ value, onInput, error }: NameFieldProps) {
  return (
    <TextField
      label="Name"
      hint="A name of your own, such as nas:password."
      value={value}
      onInput={onInput}
      error={error}
      mono
      required
      autofocus
    />
  )
}
