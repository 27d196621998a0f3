import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import { elsewhere, fieldError } from '../api.ts'
import { useAction } from '../ui/action.ts'
import { DialogForm } from '../ui/dialog-form.tsx'
import { AreaField } from '../ui/field.tsx'
import { Problem } from '../ui/states.tsx'

type SayDialogProps = {
  title: string
  label: string
  hint: string
  action: string
  /** What the server calls the field. */
  field: 'message' | 'content'
  optional?: boolean
  onClose: () => void
  say: (text: string) => Promise<void>
}

/** Asks for the words that go to an agent. */
export function SayDialog({ title, label, hint, action, field, optional, onClose, say }: SayDialogProps): JSX.Element {
  const [text, setText] = useState('')
  const { busy, error, run } = useAction()
  const send = () =>
    void run(async () => {
      await say(text.trim())
      onClose()
    })
  return (
    <DialogForm
      title={title}
      action={action}
      onClose={onClose}
      onSubmit={send}
      busy={busy}
      disabled={!optional && !text.trim()}
    >
      <AreaField
        label={label}
        hint={hint}
        value={text}
        onInput={setText}
        error={fieldError(error, field)}
        rows={4}
        autofocus
      />
      <Problem error={elsewhere(error, [field])} />
    </DialogForm>
  )
}
