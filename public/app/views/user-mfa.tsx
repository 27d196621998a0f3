import type { JSX } from 'preact'
import { Button } from '../ui/button.tsx'
import { CopyButton } from '../ui/copy.tsx'
import { Dialog } from '../ui/dialog.tsx'

export type MfaSecret = { provisioning_uri: string; qr_code: string }

/** The secret for somebody's authenticator app, shown this once. */
export function MfaDialog(props: MfaSecret & { username: string; onClose: () => void }): JSX.Element {
  const { username, qr_code, provisioning_uri, onClose } = props
  return (
    <Dialog title={`Two-factor sign-in for ${username}`} onClose={onClose}>
      <p class="dialog-text">
        Let {username} scan this with an authenticator app, now: it is shown only once. With their first code at sign-in
        it is in force.
      </p>
      <img class="qr" src={qr_code} alt={`QR code for ${username}’s authenticator app`} width="240" height="240" />
      <div class="secret">
        <code>{new URL(provisioning_uri).searchParams.get('secret')}</code>
        <CopyButton text={provisioning_uri} />
      </div>
      <footer class="dialog-actions">
        <Button look="primary" onClick={onClose}>
          Done
        </Button>
      </footer>
    </Dialog>
  )
}
