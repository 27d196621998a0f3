import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import { api, elsewhere, fieldError } from '../api.ts'
import { SettingsFrame } from '../frame/settings-frame.tsx'
import { useAction } from '../ui/action.ts'
import { Button } from '../ui/button.tsx'
import { CheckField, TextField } from '../ui/field.tsx'
import { Section } from '../ui/page.tsx'
import { useResource } from '../ui/resource.ts'
import { Badge, Loading, Problem } from '../ui/states.tsx'
import { tell } from '../ui/toast.tsx'

type State = {
  enabled: boolean
  path: string | null
  found: string | null
  reason: string | null
  sandbox: 'on' | 'off' | 'unknown'
  running: boolean
}
type Tested = { ok: boolean; version?: string; sandbox: State['sandbox']; error?: string }

const PATH = '/api/settings/browser'

const SANDBOX = {
  on: 'Its sandbox is on.',
  off: 'It runs without its sandbox: run Steward as an ordinary user to have one.',
  unknown: 'Whether its sandbox works shows at its first start.',
}

/** The Chromium of the browser tool. */
export function BrowserPage(): JSX.Element {
  const state = useResource<State>(PATH)
  return (
    <SettingsFrame>
      <Problem error={state.error} retry={() => void state.reload()} />
      {!state.data && state.loading && <Loading />}
      {state.data && <Chromium state={state.data} reload={state.reload} />}
      {state.data && <BrowserForm state={state.data} reload={state.reload} />}
    </SettingsFrame>
  )
}

type Props = { state: State; reload: () => Promise<void> }

function Chromium({ state, reload }: Props) {
  const [tested, setTested] = useState<Tested>()
  const { busy, error, run } = useAction()
  const test = () =>
    void run(async () => {
      setTested(await api.post<Tested>(`${PATH}/test`, {}))
      await reload()
    })
  return (
    <Section
      title="Chromium"
      intro="Pages that need scripts, forms or a look are opened in the Chromium of this machine. It starts when it is needed and ends five minutes after."
      actions={
        <Button busy={busy} onClick={test}>
          Test
        </Button>
      }
    >
      <p>
        <Badge kind={state.found ? 'good' : 'bad'}>{state.found ? 'found' : 'missing'}</Badge>{' '}
        <span class="break">{state.found ?? state.reason}</span>
      </p>
      {state.found && <p class="muted small">{SANDBOX[state.sandbox]}</p>}
      <div role="status">
        {tested?.ok && <p>It works: Chromium {tested.version}.</p>}
        {tested && !tested.ok && <p class="break">{tested.error}</p>}
      </div>
      <Problem error={error} />
    </Section>
  )
}

function BrowserForm({ state, reload }: Props) {
  const [enabled, setEnabled] = useState(state.enabled)
  const [path, setPath] = useState(state.path ?? '')
  const { busy, error, run } = useAction()
  const save = (event: Event) => {
    event.preventDefault()
    void run(async () => {
      await api.post(PATH, { enabled, path: path.trim() || null })
      await reload()
      tell('Saved. It counts from now on.')
    })
  }
  return (
    <form class="edit-form" onSubmit={save}>
      <Section title="Use" actions={<a href="/settings/whitelists">Sites where it acts as you</a>}>
        <CheckField label="Steward may use a browser" checked={enabled} onChange={setEnabled} />
        <TextField
          label="Where Chromium is (optional)"
          hint="A whole path. Empty: the usual places are looked through."
          value={path}
          onInput={setPath}
          error={fieldError(error, 'path')}
          maxLength={4096}
        />
      </Section>
      <Problem error={elsewhere(error, ['path'])} />
      <footer class="form-actions">
        <Button type="submit" look="primary" busy={busy}>
          Save
        </Button>
      </footer>
    </form>
  )
}
