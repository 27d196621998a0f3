import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import { api, elsewhere, fieldError } from '../api.ts'
import { useAction } from '../ui/action.ts'
import { CopyButton } from '../ui/copy.tsx'
import { DialogForm } from '../ui/dialog-form.tsx'
import { TextField } from '../ui/field.tsx'
import { Problem } from '../ui/states.tsx'

export type TotpSecret = { secret: string; provisioning_uri: string; qr_code: string }

type TwoFactorDialogProps = { secret: TotpSecret; onClose: () => void; onEnabled: (recoveryCodes: string[]) => void }

/** Shows the secret as a picture and as text, and takes the first code of the app. */
export function TwoFactorDialog({ secret, onClose, onEnabled }: TwoFactorDialogProps): JSX.Element {
  const [code, setCode] = useState('')
  const { busy, error, run } = useAction()
  const submit = () =>
    void run(async () => {
      const answer = await api.post<{ recovery_codes: string[] }>('/api/auth/totp/enable', { code })
      onEnabled(answer.recovery_codes)
    })
  return (
    <DialogForm
      title="Two-factor sign-in"
      action="Turn it on"
      onClose={onClose}
      onSubmit={submit}
      busy={busy}
      disabled={!code.trim()}
    >
      <p class="dialog-text">Scan this with an authenticator app, then give the code that it shows.</p>
      <img class="qr" src={secret.qr_code} width="200" height="200" alt="QR code for the authenticator app" />
      <details class="small">
        <summary>Cannot scan it?</summary>
        <p>Type this key into the app (time-based, six digits):</p>
        <div class="secret">
          <code>{secret.secret.match(/.{4}/g)?.join(' ')}</code>
          <CopyButton text={secret.secret} />
        </div>
      </details>
      <TextField
        label="Code"
        autocomplete="one-time-code"
        value={code}
        onInput={setCode}
        error={fieldError(error, 'code')}
        maxLength={20}
        mono
        required
        autofocus
      />
      <Problem error={elsewhere(error, ['code'])} />
    </DialogForm>
  )
}
