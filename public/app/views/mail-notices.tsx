import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import type { NotificationKind } from '../../../services/shapes/frames.ts'
import { api, elsewhere, fieldError } from '../api.ts'
import { isAdmin } from '../session.ts'
import { SettingsFrame } from '../frame/settings-frame.tsx'
import { useAction } from '../ui/action.ts'
import { Button } from '../ui/button.tsx'
import { CheckField, TextField } from '../ui/field.tsx'
import { useResource } from '../ui/resource.ts'
import { Loading, Problem } from '../ui/states.tsx'
import { tell } from '../ui/toast.tsx'

type Notices = {
  address: string | null
  kinds: NotificationKind[]
  sent_from: string | null
  links: boolean
  problem: string | null
}

const KINDS: readonly (readonly [NotificationKind, string, string])[] = [
  ['approval', 'Questions', 'A run waits for your yes.'],
  ['result', 'Results', 'What ran by itself is done.'],
  ['trouble', 'Trouble', 'Something failed, or cannot be reached.'],
  ['missed', 'Missed times', 'A schedule could not run when it was due.'],
  ['budget', 'Budgets', 'Most of a budget is spent, or all of it.'],
  ['delivery', 'Deliveries', 'A message could not be handed over.'],
]

/** Which notifications come by mail as well, and where to. */
export function MailNoticesPage(): JSX.Element {
  const { data, error, loading, reload } = useResource<Notices>('/api/settings/notices')
  return (
    <SettingsFrame>
      <Problem error={error} retry={() => void reload()} />
      {!data && loading && <Loading />}
      {data && <State notices={data} />}
      {data && <Form key={data.address ?? ''} notices={data} reload={reload} />}
    </SettingsFrame>
  )
}

function Form({ notices, reload }: { notices: Notices; reload: () => Promise<void> }) {
  const [address, setAddress] = useState(notices.address ?? '')
  const [kinds, setKinds] = useState<ReadonlySet<NotificationKind>>(new Set(notices.kinds))
  const { busy, error, run } = useAction()
  const pick = (kind: NotificationKind, on: boolean) =>
    setKinds(new Set(KINDS.map(([one]) => one).filter((one) => (one === kind ? on : kinds.has(one)))))
  const save = (event: Event) => {
    event.preventDefault()
    void run(async () => {
      await api.put('/api/settings/notices', { address: address.trim(), kinds: [...kinds] })
      await reload()
      tell('Saved.')
    })
  }
  const stop = () =>
    void run(async () => {
      await api.remove('/api/settings/notices')
      await reload()
      tell('Nothing goes by mail any more.')
    })
  return (
    <form class="edit-form" onSubmit={save}>
      <TextField
        label="Your address"
        hint={
          isAdmin()
            ? 'One that Settings → Whitelists marks as your own.'
            : 'One that an administrator marked as your own on the list of addresses.'
        }
        placeholder="me@example.org"
        value={address}
        onInput={setAddress}
        error={fieldError(error, 'address')}
        required
      />
      <fieldset class="field">
        <legend>What comes by mail</legend>
        {KINDS.map(([kind, name, about]) => (
          <CheckField
            key={kind}
            label={name}
            hint={about}
            checked={kinds.has(kind)}
            onChange={(on) => pick(kind, on)}
          />
        ))}
      </fieldset>
      <Problem error={elsewhere(error, ['address'])} />
      <footer class="form-actions">
        <Button type="submit" look="primary" busy={busy} disabled={!address.trim() || kinds.size === 0}>
          {notices.address === null ? 'Send them by mail' : 'Save'}
        </Button>
        {notices.address !== null && (
          <Button busy={busy} onClick={stop}>
            Send none any more
          </Button>
        )}
      </footer>
    </form>
  )
}

function State({ notices: { address, sent_from, links, problem } }: { notices: Notices }) {
  if (address === null)
    return <p>Nothing goes by mail yet. What is chosen here stays among the notifications of this page as well.</p>
  if (problem !== null) return <Problem error={new Error(problem)} />
  return (
    <p>
      Sent from <strong class="break">{sent_from}</strong>.{' '}
      {links
        ? 'A mail about a question holds a link to it: you sign in, read it, and say yes or no.'
        : 'Mails about questions hold no link, since this Steward does not know its own address: set PUBLIC_URL for that.'}
    </p>
  )
}
