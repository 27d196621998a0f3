import type { JSX } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import { api, elsewhere, fieldError, sentence } from '../api.ts'
import { navigate } from '../router.ts'
import type { PageProps } from '../routes.ts'
import { useAction } from '../ui/action.ts'
import { Button } from '../ui/button.tsx'
import { Door } from '../ui/door.tsx'
import { TextField } from '../ui/field.tsx'
import { NewPassword, useNewPassword } from '../ui/new-password.tsx'
import { RecoveryKey } from './setup-recovery.tsx'

/** First run: makes the owner, then shows the recovery key once. */
export function SetupPage({ query }: PageProps): JSX.Element {
  const [made, setMade] = useState<string | null>(null)
  useEffect(() => {
    api.get<{ needed: boolean }>('/api/setup').then(
      ({ needed }) => !needed && navigate('/login', { replace: true }),
      () => undefined,
    )
  }, [])
  if (made !== null) return <RecoveryKey password={made} />
  return (
    <Door title="Welcome to Steward" intro="It lives on this machine and answers to you alone. Who are you?">
      <OwnerForm given={query.get('token') ?? ''} onMade={setMade} />
    </Door>
  )
}

function OwnerForm({ given, onMade }: { given: string; onMade: (password: string) => void }) {
  const [token, setToken] = useState(given)
  const [username, setUsername] = useState('')
  const password = useNewPassword()
  const { busy, error, run } = useAction()
  const submit = (event: Event) => {
    event.preventDefault()
    if (!password.check()) return
    void run(async () => {
      await api.post('/api/setup', { token: token.trim(), username: username.trim(), password: password.password })
      onMade(password.password)
    })
  }
  return (
    <form onSubmit={submit} noValidate>
      {!given && <TokenField value={token} onInput={setToken} />}
      <TextField
        label="Username"
        autocomplete="username"
        value={username}
        onInput={setUsername}
        error={fieldError(error, 'username')}
        required
        autofocus
      />
      <NewPassword
        label="Password"
        again="The same password again"
        given={password}
        error={fieldError(error, 'password')}
      />
      <p role="alert" class="form-error">
        {sentence(elsewhere(error, ['username', 'password']))}
      </p>
      <Button
        type="submit"
        look="primary"
        busy={busy}
        disabled={!token.trim() || !username.trim() || !password.password}
      >
        Begin
      </Button>
    </form>
  )
}

function TokenField({ value, onInput }: { value: string; onInput: (token: string) => void }) {
  return (
    <TextField
      label="Set-up token"
      hint="Steward printed it when it started; it is also in the file setup-token of its data folder."
      value={value}
      onInput={onInput}
      mono
      required
    />
  )
}
