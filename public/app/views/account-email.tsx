import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import { api, elsewhere, fieldError } from '../api.ts'
import { loadMe, me } from '../session.ts'
import { useAction } from '../ui/action.ts'
import { Button } from '../ui/button.tsx'
import { TextField } from '../ui/field.tsx'
import { Section } from '../ui/page.tsx'
import { Problem } from '../ui/states.tsx'
import { tell } from '../ui/toast.tsx'

/** Where a link for a forgotten password is sent. */
export function EmailForm(): JSX.Element {
  const known = me.value?.email ?? ''
  const [email, setEmail] = useState(known)
  const { busy, error, run } = useAction()
  const submit = (event: Event) => {
    event.preventDefault()
    void run(async () => {
      await api.put('/api/account', { email: email.trim() || null })
      await loadMe()
      setEmail(me.value?.email ?? '')
      tell(email.trim() ? 'The address was saved.' : 'The address was removed.')
    })
  }
  return (
    <Section title="Email" intro="A link goes there if you forget your password. Nothing else does.">
      <form class="narrow" onSubmit={submit}>
        <TextField
          label="Your address"
          autocomplete="email"
          value={email}
          onInput={setEmail}
          error={fieldError(error, 'email')}
          maxLength={254}
        />
        <Problem error={elsewhere(error, ['email'])} />
        <Button type="submit" busy={busy} disabled={email.trim() === known}>
          Save
        </Button>
      </form>
    </Section>
  )
}
