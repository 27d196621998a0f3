import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import { api, sentence } from '../api.ts'
import { useAction } from '../ui/action.ts'
import { Button } from '../ui/button.tsx'
import { Door } from '../ui/door.tsx'
import { TextField } from '../ui/field.tsx'

/** Asks for a link to a new password; says how else to get one where none can be sent. */
export function ForgotPasswordPage(): JSX.Element {
  const [who, setWho] = useState('')
  const [configured, setConfigured] = useState<boolean | null>(null)
  const { busy, error, run } = useAction()
  const submit = (event: Event) => {
    event.preventDefault()
    const body = who.includes('@') ? { email: who } : { username: who }
    void run(async () => {
      setConfigured((await api.post<{ configured: boolean }>('/api/auth/forgot-password', body)).configured)
    })
  }
  if (configured !== null) return <Answer configured={configured} />
  return (
    <Door title="Forgot your password?" intro="Say who you are, and a link for a new one is sent to your address.">
      <form onSubmit={submit}>
        <TextField label="Email or username" autocomplete="username" value={who} onInput={setWho} required autofocus />
        <p role="alert" class="form-error">
          {sentence(error)}
        </p>
        <Button type="submit" look="primary" busy={busy} disabled={!who.trim()}>
          Send the link
        </Button>
      </form>
      <BackToLogin />
    </Door>
  )
}

function Answer({ configured }: { configured: boolean }) {
  return (
    <Door title={configured ? 'Look into your mailbox' : 'No mail can be sent'}>
      {configured ? (
        <p>If there is such an account with an address, a link is on its way. It is good once, for 30 minutes.</p>
      ) : (
        <p>
          This Steward has no mail account that can send. On the machine it runs on, <code>npm run reset-password</code>{' '}
          sets a new password. Whoever runs it can do that for you.
        </p>
      )}
      <BackToLogin />
    </Door>
  )
}

export function BackToLogin(): JSX.Element {
  return (
    <p class="small">
      <a href="/login">Back to signing in</a>
    </p>
  )
}
