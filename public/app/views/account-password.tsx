import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import { api, elsewhere, fieldError } from '../api.ts'
import { useAction } from '../ui/action.ts'
import { Button } from '../ui/button.tsx'
import { TextField } from '../ui/field.tsx'
import { Section } from '../ui/page.tsx'
import { Problem } from '../ui/states.tsx'
import { tell } from '../ui/toast.tsx'

const SHORTEST = 10

/** Changes the password; every other session ends with it. */
export function PasswordForm(): JSX.Element {
  const [current, setCurrent] = useState('')
  const [next, setNext] = useState('')
  const [repeat, setRepeat] = useState('')
  const { busy, error, run } = useAction()
  const differs = repeat !== '' && next !== repeat
  const submit = (event: Event) => {
    event.preventDefault()
    void run(async () => {
      await api.post('/api/auth/change-password', { current_password: current, new_password: next })
      for (const clear of [setCurrent, setNext, setRepeat]) clear('')
      tell('The password was changed. All other sessions have ended.')
    })
  }
  return (
    <Section title="Password" intro="Changing it signs you out everywhere else.">
      <form class="narrow" onSubmit={submit}>
        <input class="visually-hidden" type="text" autocomplete="username" tabIndex={-1} aria-hidden="true" readOnly />
        <TextField
          label="Present password"
          type="password"
          autocomplete="current-password"
          value={current}
          onInput={setCurrent}
          error={fieldError(error, 'current_password')}
          required
        />
        <TextField
          label="New password"
          type="password"
          autocomplete="new-password"
          hint={`At least ${SHORTEST} characters.`}
          value={next}
          onInput={setNext}
          error={fieldError(error, 'new_password')}
          minLength={SHORTEST}
          required
        />
        <TextField
          label="New password again"
          type="password"
          autocomplete="new-password"
          value={repeat}
          onInput={setRepeat}
          error={differs ? 'The two passwords differ.' : undefined}
          required
        />
        <Problem error={elsewhere(error, ['current_password', 'new_password'])} />
        <Button type="submit" busy={busy} disabled={!current || next.length < SHORTEST || next !== repeat}>
          Change password
        </Button>
      </form>
    </Section>
  )
}
