import type { ComponentChildren, JSX } from 'preact'
import { Button } from './button.tsx'
import { Dialog } from './dialog.tsx'

type DialogFormProps = {
  title: string
  action: string
  onClose: () => void
  onSubmit: () => void
  busy: boolean
  disabled?: boolean
  children: ComponentChildren
}

/** A dialog that holds a form: its fields, a way out, and the one thing it does. */
export function DialogForm({
  title,
  action,
  onClose,
  onSubmit,
  busy,
  disabled,
  children,
}: DialogFormProps): JSX.Element {
  const submit = (event: Event) => {
    event.preventDefault()
    onSubmit()
  }
  return (
    <Dialog title={title} onClose={onClose}>
      <form onSubmit={submit}>
        {children}
        <footer class="dialog-actions">
          <Button onClick={onClose}>Cancel</Button>
          <Button type="submit" look="primary" busy={busy} disabled={disabled ?? false}>
            {action}
          </Button>
        </footer>
      </form>
    </Dialog>
  )
}
