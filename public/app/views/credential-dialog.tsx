import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import { api, elsewhere, fieldError } from '../api.ts'
import { useAction } from '../ui/action.ts'
import { Button } from '../ui/button.tsx'
import { Dialog } from '../ui/dialog.tsx'
import { TextField } from '../ui/field.tsx'
import { Problem } from '../ui/states.tsx'

type CredentialDialogProps = {
  name: string
  label: string
  description: string
  replaces: boolean
  onClose: () => void
  onSaved: () => void
}

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
  const submit = (event: Event) => {
    event.preventDefault()
    void run(async () => {
      await api.post('/api/credentials', {
        key: key.trim(),
        value: value.trim(),
        ...(about ? { description: about } : {}),
      })
      onSaved()
    })
  }
  return (
    <Dialog title={label ? `${replaces ? 'Replace' : 'Set'} ${label}` : 'New credential'} onClose={onClose}>
      <form onSubmit={submit}>
        {description && <p class="dialog-text">{description}</p>}
        {!name && (
          <TextField
            label="Name"
            hint="A name of your own, such as nas:password."
            value={key}
            onInput={setKey}
            error={fieldError(error, 'key')}
            mono
            required
            autofocus
          />
        )}
        <TextField
          label="Value"
          type="password"
          autocomplete="off"
          hint={replaces ? 'The present value is overwritten.' : undefined}
          value={value}
          onInput={setValue}
          error={fieldError(error, 'value')}
          required
          autofocus={Boolean(name)}
        />
        {!name && <TextField label="What it is for (optional)" value={about} onInput={setAbout} />}
        <Problem error={elsewhere(error, ['key', 'value'])} />
        <footer class="dialog-actions">
          <Button onClick={onClose}>Cancel</Button>
          <Button type="submit" look="primary" busy={busy} disabled={!key.trim() || !value.trim()}>
            Save
          </Button>
        </footer>
      </form>
    </Dialog>
  )
}
