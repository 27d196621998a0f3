import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import { api } from '../api.ts'
import { loadMe } from '../session.ts'
import { Button } from '../ui/button.tsx'
import { Section } from '../ui/page.tsx'
import { useResource } from '../ui/resource.ts'
import { Badge, Loading, Problem } from '../ui/states.tsx'
import { complain, tell } from '../ui/toast.tsx'
import { RecoveryCodesDialog } from './recovery-codes-dialog.tsx'
import { TwoFactorDialog, type TotpSecret } from './two-factor-dialog.tsx'
import { WithPasswordDialog } from './with-password-dialog.tsx'

type State = { active: boolean; pending: boolean; recovery_codes_left: number }
type Open = 'disable' | 'renew' | null

const FEW = 3

/** Codes of an authenticator app at sign-in: turned on, off, and the recovery codes that go with it. */
export function TwoFactor(): JSX.Element {
  const state = useResource<State>('/api/auth/totp')
  const [secret, setSecret] = useState<TotpSecret | null>(null)
  const [codes, setCodes] = useState<string[] | null>(null)
  const [open, setOpen] = useState<Open>(null)
  const begin = async () => setSecret(await api.post<TotpSecret>('/api/auth/totp/setup', {}))
  const changed = async (made: string[] | null) => {
    setSecret(null)
    setOpen(null)
    setCodes(made)
    await Promise.all([state.reload(), loadMe()])
  }
  const disable = async (password: string) => {
    await api.post('/api/auth/totp/disable', { password })
    await changed(null)
    tell('Two-factor sign-in is off.')
  }
  const renew = async (password: string) => {
    const answer = await api.post<{ recovery_codes: string[] }>('/api/auth/totp/recovery-codes', { password })
    await changed(answer.recovery_codes)
  }
  return (
    <Section title="Two-factor sign-in" intro="Besides the password, a code of an app on your phone.">
      <Problem error={state.error} retry={() => void state.reload()} />
      {!state.data && state.loading && <Loading />}
      {state.data?.active === false && (
        <Button icon="shield" onClick={() => void begin().catch(complain)}>
          Turn it on
        </Button>
      )}
      {state.data?.active && <Active left={state.data.recovery_codes_left} onOpen={setOpen} />}
      {secret && (
        <TwoFactorDialog secret={secret} onClose={() => setSecret(null)} onEnabled={(made) => void changed(made)} />
      )}
      {codes && <RecoveryCodesDialog codes={codes} onClose={() => setCodes(null)} />}
      {open === 'disable' && (
        <WithPasswordDialog
          title="Turn two-factor sign-in off?"
          text="From then on your password alone signs you in. The recovery codes are worth nothing any longer."
          action="Turn it off"
          onClose={() => setOpen(null)}
          act={disable}
        />
      )}
      {open === 'renew' && (
        <WithPasswordDialog
          title="New recovery codes"
          text="The ones you have are worth nothing from then on."
          action="Make ten new ones"
          onClose={() => setOpen(null)}
          act={renew}
        />
      )}
    </Section>
  )
}

function Active({ left, onOpen }: { left: number; onOpen: (open: Open) => void }) {
  return (
    <div class="stack">
      <p>
        <Badge kind="good">on</Badge> {left} recovery code{left === 1 ? '' : 's'} left
        {left <= FEW && ': make new ones, so that a lost phone does not lock you out'}.
      </p>
      <div class="row-actions">
        <Button onClick={() => onOpen('renew')}>New recovery codes</Button>
        <Button onClick={() => onOpen('disable')}>Turn it off</Button>
      </div>
    </div>
  )
}
