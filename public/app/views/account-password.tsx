import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import { api, elsewhere, fieldError } from '../api.ts'
import { useAction } from '../ui/action.ts'
import { Button } from '../ui/button.tsx'
import { TextField } from '../ui/field.tsx'
import { NewPassword, useNewPassword } from '../ui/new-password.tsx'
import { Section } from '../ui/page.tsx'
import { Problem } from '../ui/states.tsx'
import { tell } from '../ui/toast.tsx'

/** Changes the password; every other session ends with it. */
export function PasswordForm(): JSX.Element {
  const [current, setCurrent] = useState('')
  const next = useNewPassword()
  const { busy, error, run } = useAction()
  const submit = (event: Event) => {
    event.preventDefault()
    if (!next.check()) return
    void run(async () => {
      await api.post('/api/auth/change-password', { current_password: current, new_password: next.password })
      setCurrent('')
      next.reset()
      tell('The password was changed. All other sessions have ended.')
    })
  }
  return (
    <Section title="Password" intro="Changing it signs you out everywhere else.">
      <form class="narrow" onSubmit={submit}>
        <TextField
          label="Present password"
          type="password"
          autocomplete="current-password"
          value={current}
          onInput={setCurrent}
          error={fieldError(error, 'current_password')}
          required
        />
        <NewPassword
          label="New password"
          again="New password again"
          given={next}
          error={fieldError(error, 'new_password')}
        />
        <Problem error={elsewhere(error, ['current_password', 'new_password'])} />
        <Button type="submit" busy={busy} disabled={!current || !next.password || !next.repeat}>
          Change password
        </Button>
      </form>
    </Section>
  )
}
