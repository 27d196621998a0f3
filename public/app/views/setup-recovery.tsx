import type { JSX } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import { api } from '../api.ts'
import { navigate } from '../router.ts'
import { loadMe } from '../session.ts'
import { Button } from '../ui/button.tsx'
import { CopyButton } from '../ui/copy.tsx'
import { Door } from '../ui/door.tsx'
import { CheckField } from '../ui/field.tsx'
import { Loading, Problem } from '../ui/states.tsx'

/** The second step of set-up: the key that opens the vault if this machine is lost. */
export function RecoveryKey({ password }: { password: string }): JSX.Element {
  const [key, setKey] = useState<string | null>(null)
  const [error, setError] = useState<unknown>(null)
  const [kept, setKept] = useState(false)
  const load = () => {
    setError(null)
    fetchKey(password).then(setKey, setError)
  }
  useEffect(load, [])
  const leave = async () => {
    await loadMe()
    navigate('/', { replace: true })
  }
  return (
    <Door
      title="Your recovery key"
      intro="It opens the vault of keys and passwords when you restore a backup on another machine. Keep it where you keep important papers, not on this machine."
    >
      {error ? <Problem error={error} retry={load} /> : null}
      {!key && !error && <Loading />}
      {key && (
        <div class="secret">
          <code>{key}</code>
          <CopyButton text={key} label="Copy the key" />
        </div>
      )}
      {key && <CheckField label="I have kept it" checked={kept} onChange={setKept} />}
      <Button look="primary" disabled={!kept && !error} onClick={() => void leave()}>
        {error ? 'Go on without it' : 'Go on'}
      </Button>
      <p class="muted small">You can see it again under Settings → Account, with your password.</p>
    </Door>
  )
}

async function fetchKey(password: string): Promise<string> {
  await api.post('/api/auth/confirm', { password })
  const answer = await api.get<{ recovery_key: string }>('/api/account/recovery-key')
  return answer.recovery_key
}
