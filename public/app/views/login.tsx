import type { JSX } from 'preact'
import { useEffect, useRef, useState } from 'preact/hooks'
import { api, ApiError, sentence } from '../api.ts'
import { passkeysWork, provePresence } from '../passkeys.ts'
import { navigate, safeReturn } from '../router.ts'
import type { PageProps } from '../routes.ts'
import { loadMe, me } from '../session.ts'
import { useAction } from '../ui/action.ts'
import { Button } from '../ui/button.tsx'
import { Door } from '../ui/door.tsx'
import { TextField } from '../ui/field.tsx'

type Given = { username: string; password: string }

/** Signs in and goes back to where one came from. */
export function LoginPage({ query }: PageProps): JSX.Element {
  const next = safeReturn(query.get('next'))
  const [given, setGiven] = useState<Given>({ username: '', password: '' })
  const [codeDue, setCodeDue] = useState(false)
  useEffect(() => {
    if (me.value) navigate(next, { replace: true })
  }, [me.value])
  if (codeDue) return <CodeStep given={given} back={() => setCodeDue(false)} />
  return <PasswordStep given={given} change={setGiven} askCode={() => setCodeDue(true)} />
}

type PasswordStepProps = { given: Given; change: (given: Given) => void; askCode: () => void }

function PasswordStep({ given, change, askCode }: PasswordStepProps) {
  const { busy, error, run } = useAction()
  const submit = (event: Event) => {
    event.preventDefault()
    void run(async () => {
      if (await signedIn(given)) await loadMe()
      else askCode()
    })
  }
  const byPasskey = () =>
    void run(async () => {
      await provePresence('sign_in')
      await loadMe()
    })
  return (
    <Door title="Welcome back" intro="Sign in to your Steward.">
      <form onSubmit={submit}>
        <TextField
          label="Username"
          autocomplete="username"
          value={given.username}
          onInput={(username) => change({ ...given, username })}
          required
          autofocus
        />
        <TextField
          label="Password"
          type="password"
          autocomplete="current-password"
          value={given.password}
          onInput={(password) => change({ ...given, password })}
          required
        />
        <SignInProblem error={error} />
        <Button type="submit" look="primary" busy={busy}>
          Sign in
        </Button>
        {passkeysWork() && (
          <Button icon="key" busy={busy} onClick={byPasskey}>
            Use a passkey
          </Button>
        )}
      </form>
      <p class="small">
        <a href="/forgot-password">Forgot your password?</a>
      </p>
    </Door>
  )
}

function CodeStep({ given, back }: { given: Given; back: () => void }) {
  const [code, setCode] = useState('')
  const { busy, error, run } = useAction()
  const form = useRef<HTMLFormElement>(null)
  useEffect(() => form.current?.querySelector('input')?.focus(), [])
  const submit = (event: Event) => {
    event.preventDefault()
    void run(async () => {
      await signedIn({ ...given, code })
      await loadMe()
    })
  }
  return (
    <Door title="One more thing" intro="Your account asks for a second factor.">
      <form ref={form} onSubmit={submit}>
        <TextField
          label="Code"
          hint="The six digits in your authenticator app, or one of your recovery codes."
          autocomplete="one-time-code"
          value={code}
          onInput={setCode}
          maxLength={50}
          mono
          required
        />
        <SignInProblem error={error} />
        <Button type="submit" look="primary" busy={busy}>
          Sign in
        </Button>
        <Button onClick={back}>Back</Button>
      </form>
    </Door>
  )
}

/** False where a code is still to be given. */
async function signedIn(given: Given & { code?: string }): Promise<boolean> {
  try {
    await api.post('/api/auth/login', given)
    return true
  } catch (error) {
    if (error instanceof ApiError && error.code === 'totp_required' && given.code === undefined) return false
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
