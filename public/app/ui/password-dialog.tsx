import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import { api, sentence } from '../api.ts'
import { passkeysWork, provePresence } from '../passkeys.ts'
import { passwordQuestion } from '../password.ts'
import { useAction } from './action.ts'
import { Button } from './button.tsx'
import { Dialog } from './dialog.tsx'
import { TextField } from './field.tsx'
import { useResource } from './resource.ts'

/** Asks for the password when the server wants it again; mounted once. */
export function PasswordHost(): JSX.Element | null {
  const answer = passwordQuestion.value
  return answer && <PasswordDialog answer={answer} />
}

function PasswordDialog({ answer }: { answer: (given: boolean) => void }) {
  const [password, setPassword] = useState('')
  const { busy, error, run } = useAction()
  const passkeys = useResource<{ total: number }>(passkeysWork() ? '/api/auth/passkeys' : null)
  const hasPasskey = (passkeys.data?.total ?? 0) > 0
  const byPasskey = () =>
    void run(async () => {
      await provePresence('confirm')
      answer(true)
    })
  const submit = (event: Event) => {
    event.preventDefault()
    void run(async () => {
      await api.post('/api/auth/confirm', { password })
      answer(true)
    })
  }
  return (
    <Dialog title="Your password, please" onClose={() => answer(false)}>
      <form onSubmit={submit}>
        <p class="dialog-text">This is done only for you. For the next five minutes you will not be asked again.</p>
        <TextField
          label="Password"
          type="password"
          autocomplete="current-password"
          value={password}
          onInput={setPassword}
          error={error ? (sentence(error) ?? undefined) : undefined}
          autofocus
          required
        />
        {hasPasskey && (
          <p>
            <Button icon="key" busy={busy} onClick={byPasskey}>
              Use a passkey
            </Button>
          </p>
        )}
        <footer class="dialog-actions">
          <Button onClick={() => answer(false)}>Cancel</Button>
          <Button look="primary" type="submit" busy={busy}>
            Confirm
          </Button>
        </footer>
      </form>
    </Dialog>
  )
}
