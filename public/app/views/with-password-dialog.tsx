import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import { sentence } from '../api.ts'
import { useAction } from '../ui/action.ts'
import { DialogForm } from '../ui/dialog-form.tsx'
import { TextField } from '../ui/field.tsx'

type WithPasswordDialogProps = {
  title: string
  text: string
  action: string
  onClose: () => void
  act: (password: string) => Promise<void>
}

/** Something that the server does for the password only, however lately it was given. */
export function WithPasswordDialog({ title, text, action, onClose, act }: WithPasswordDialogProps): JSX.Element {
  const [password, setPassword] = useState('')
  const { busy, error, run } = useAction()
  return (
    <DialogForm
      title={title}
      action={action}
      onClose={onClose}
      onSubmit={() => void run(() => act(password))}
      busy={busy}
      disabled={!password}
    >
      <p class="dialog-text">{text}</p>
      <TextField
        label="Password"
        type="password"
        autocomplete="current-password"
        value={password}
        onInput={setPassword}
        error={sentence(error) ?? undefined}
        required
        autofocus
      />
    </DialogForm>
  )
}
