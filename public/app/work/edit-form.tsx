import type { ComponentChildren, JSX } from 'preact'
import { navigate } from '../router.ts'
import { Button } from '../ui/button.tsx'
import { Problem } from '../ui/states.tsx'

type EditFormProps = {
  action: string
  back: string
  busy: boolean
  disabled: boolean
  error: unknown
  onSubmit: () => void
  children: ComponentChildren
}

/** A long form on a page of its own: its fields, what is wrong with it as a whole, and two ways out. */
export function EditForm({ action, back, busy, disabled, error, onSubmit, children }: EditFormProps): JSX.Element {
  const submit = (event: Event) => {
    event.preventDefault()
    onSubmit()
  }
  return (
    <form class="edit-form" onSubmit={submit}>
      {children}
      <Problem error={error} />
      <footer class="form-actions">
        <Button type="submit" look="primary" busy={busy} disabled={disabled}>
          {action}
        </Button>
        <Button onClick={() => navigate(back)}>Cancel</Button>
      </footer>
    </form>
  )
}
