import type { JSX } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import { api, elsewhere, fieldError, sentence } from '../api.ts'
import { navigate } from '../router.ts'
import type { PageProps } from '../routes.ts'
import { useAction } from '../ui/action.ts'
import { Button } from '../ui/button.tsx'
import { Door } from '../ui/door.tsx'
import { TextField } from '../ui/field.tsx'
import { RecoveryKey } from './setup-recovery.tsx'

const SHORTEST = 10

/** First run: makes the owner, then shows the recovery key once. */
export function SetupPage({ query }: PageProps): JSX.Element {
  const [made, setMade] = useState<string | null>(null)
  useEffect(() => {
    api.get<{ needed: boolean }>('/api/setup').then(
      ({ needed }) => !needed && navigate('/login', { replace: true }),
      () => undefined,
    )
  }, [])
  return made === null ? (
    <OwnerForm given={query.get('token') ?? ''} onMade={setMade} />
  ) : (
    <RecoveryKey password={made} />
  )
}

function OwnerForm({ given, onMade }: { given: string; onMade: (password: string) => void }) {
  const [token, setToken] = useState(given)
  const [username, setUsername] = useState('')
  const [password, setPassword] = useState('')
  const [repeat, setRepeat] = useState('')
  const { busy, error, run } = useAction()
  const [tried, setTried] = useState(false)
  const wrong = complaints({ password, repeat })
  const submit = (event: Event) => {
    event.preventDefault()
    setTried(true)
    if (wrong.password || wrong.repeat) return
    void run(async () => {
      await api.post('/api/setup', { token: token.trim(), username: username.trim(), password })
      onMade(password)
    })
  }
  return (
    <Door title="Welcome to Steward" intro="It lives on this machine and answers to you alone. Who are you?">
      <form onSubmit={submit} noValidate>
        {!given && (
          <TextField
            label="Set-up token"
            hint="Steward printed it when it started; it is also in the file setup-token of its data folder."
            value={token}
            onInput={setToken}
            mono
            required
          />
        )}
        <TextField
          label="Username"
          autocomplete="username"
          value={username}
          onInput={setUsername}
          error={fieldError(error, 'username')}
          required
          autofocus
        />
        <TextField
          label="Password"
          type="password"
          autocomplete="new-password"
          hint={`At least ${SHORTEST} characters. A few words in a row are easy to remember and hard to guess.`}
          value={password}
          onInput={setPassword}
          error={(tried ? wrong.password : undefined) ?? fieldError(error, 'password')}
          required
        />
        <TextField
          label="The same password again"
          type="password"
          autocomplete="new-password"
          value={repeat}
          onInput={setRepeat}
          error={tried ? wrong.repeat : undefined}
          required
        />
        <p role="alert" class="form-error">
          {sentence(elsewhere(error, ['username', 'password']))}
        </p>
        <Button type="submit" look="primary" busy={busy} disabled={!token.trim() || !username.trim() || !password}>
          Begin
        </Button>
      </form>
    </Door>
  )
}

function complaints({ password, repeat }: { password: string; repeat: string }) {
  return {
    password: password.length < SHORTEST ? `At least ${SHORTEST} characters, please.` : undefined,
    repeat: password === repeat ? undefined : 'The two passwords differ.',
  }
}
