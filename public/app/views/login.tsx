import type { JSX } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import { api, ApiError, sentence } from '../api.ts'
import { navigate, safeReturn } from '../router.ts'
import type { PageProps } from '../routes.ts'
import { loadMe, me } from '../session.ts'
import { useAction } from '../ui/action.ts'
import { Button } from '../ui/button.tsx'
import { Door } from '../ui/door.tsx'
import { TextField } from '../ui/field.tsx'

/** Signs in and goes back to where one came from. */
export function LoginPage({ query }: PageProps): JSX.Element {
  const next = safeReturn(query.get('next'))
  const [username, setUsername] = useState('')
  const [password, setPassword] = useState('')
  const [code, setCode] = useState('')
  const [needsCode, setNeedsCode] = useState(false)
  const { busy, error, run } = useAction()
  useEffect(() => {
    if (me.value) navigate(next, { replace: true })
  }, [me.value])
  const submit = (event: Event) => {
    event.preventDefault()
    void run(async () => {
      await signIn({ username, password, ...(needsCode ? { code } : {}) }, () => setNeedsCode(true))
      await loadMe()
    })
  }
  return (
    <Door title="Welcome back" intro="Sign in to your Steward.">
      <form onSubmit={submit}>
        <TextField label="Username" autocomplete="username" value={username} onInput={setUsername} required autofocus />
        <TextField
          label="Password"
          type="password"
          autocomplete="current-password"
          value={password}
          onInput={setPassword}
          required
        />
        {needsCode && (
          <TextField
            label="Code"
            hint="From your authenticator app, or one of your recovery codes."
            autocomplete="one-time-code"
            value={code}
            onInput={setCode}
            required
            autofocus
          />
        )}
        <SignInProblem error={error} />
        <Button type="submit" look="primary" busy={busy}>
          Sign in
        </Button>
      </form>
    </Door>
  )
}

type Credentials = { username: string; password: string; code?: string }

async function signIn(given: Credentials, askCode: () => void): Promise<void> {
  try {
    await api.post('/api/auth/login', given)
  } catch (error) {
    if (error instanceof ApiError && error.code === 'totp_required') askCode()
    throw error
  }
}

function SignInProblem({ error }: { error: unknown }) {
  return (
    <p role="alert" class="form-error">
      {sentence(error)}
    </p>
  )
}
