import type { JSX } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import { api, ApiError, elsewhere, fieldError } from '../api.ts'
import { useAction } from '../ui/action.ts'
import { Button } from '../ui/button.tsx'
import { Door } from '../ui/door.tsx'
import { NewPassword, useNewPassword } from '../ui/new-password.tsx'
import { Problem } from '../ui/states.tsx'
import { BackToLogin } from './forgot-password.tsx'

/** Where the link of the mail leads: a new password. The token stays out of the history and of every log. */
export function ResetPasswordPage(): JSX.Element {
  const [token] = useState(() => new URLSearchParams(location.hash.slice(1)).get('token'))
  const [done, setDone] = useState(false)
  useEffect(() => history.replaceState(null, '', location.pathname), [])
  if (done) return <Done />
  return token ? <NewPasswordForm token={token} onDone={() => setDone(true)} /> : <NoToken />
}

function NewPasswordForm({ token, onDone }: { token: string; onDone: () => void }) {
  const next = useNewPassword()
  const { busy, error, run } = useAction()
  const submit = (event: Event) => {
    event.preventDefault()
    if (!next.check()) return
    void run(async () => {
      await api.post('/api/auth/reset-password', { token, password: next.password })
      onDone()
    })
  }
  const spent = error instanceof ApiError && [404, 409, 410].includes(error.status)
  return (
    <Door title="A new password" intro="It signs you out everywhere.">
      <form onSubmit={submit}>
        <NewPassword
          label="New password"
          again="New password again"
          given={next}
          error={fieldError(error, 'password')}
        />
        <Problem error={elsewhere(error, ['password'])} />
        {spent ? (
          <a href="/forgot-password">Ask for a new link</a>
        ) : (
          <Button type="submit" look="primary" busy={busy} disabled={!next.password || !next.repeat}>
            Set the password
          </Button>
        )}
      </form>
      <BackToLogin />
    </Door>
  )
}

function Done() {
  return (
    <Door title="Your password is set" intro="Sign in with it now.">
      <BackToLogin />
    </Door>
  )
}

function NoToken() {
  return (
    <Door title="This link is not whole" intro="Open it from the mail again, or ask for a new one.">
      <p>
        <a href="/forgot-password">Ask for a new link</a>
      </p>
    </Door>
  )
}
