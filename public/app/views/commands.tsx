import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import { api } from '../api.ts'
import { SettingsFrame } from '../frame/settings-frame.tsx'
import { useAction } from '../ui/action.ts'
import { Button } from '../ui/button.tsx'
import { askConfirm } from '../ui/confirm.tsx'
import { CheckField } from '../ui/field.tsx'
import { Icon } from '../ui/icons.tsx'
import { Section } from '../ui/page.tsx'
import { useResource } from '../ui/resource.ts'
import { Loading, Problem } from '../ui/states.tsx'
import { tell } from '../ui/toast.tsx'

const PATH = '/api/settings/shell'

type ShellState = { sandbox: boolean; without_sandbox: boolean; problem: string | null }
type Tested = { ok: boolean; sandbox: boolean; error?: string }

/** Whether Steward may run commands on this machine, and in what. */
export function CommandsPage(): JSX.Element {
  const state = useResource<ShellState>(PATH)
  return (
    <SettingsFrame>
      <Problem error={state.error} retry={() => void state.reload()} />
      {!state.data && state.loading && <Loading />}
      {state.data && <Commands state={state.data} reload={state.reload} />}
    </SettingsFrame>
  )
}

function Commands({ state, reload }: { state: ShellState; reload: () => Promise<void> }) {
  return (
    <>
      <Section
        title="Sandbox"
        intro="In a chat, an administrator may have Steward run commands. It asks every time, with the whole command."
      >
        <State state={state} />
        <Test reload={reload} />
      </Section>
      <Section title="What a command can reach">
        <ul>
          <li>The programs of this machine, to use but not to change, and a /tmp of its own.</li>
          <li>Your files and the folders on the whitelist. Those that only you write are read-only for it.</li>
          <li>No hidden files, nothing of Steward’s own, and no network unless the question says so.</li>
          <li>Ten minutes at most, 4 GiB of memory, and what it says is cut where it is long.</li>
        </ul>
      </Section>
      <Section title="Without a sandbox">
        <WithoutSandbox state={state} reload={reload} />
      </Section>
    </>
  )
}

function State({ state }: { state: ShellState }) {
  if (state.sandbox)
    return (
      <p class="notice">
        <Icon name="shield" />
        <span>Commands run in a sandbox (bubblewrap).</span>
      </p>
    )
  const then = state.without_sandbox ? 'Commands run without one.' : 'Until then no command is run.'
  return (
    <div class="notice problem" role="alert">
      <Icon name="alert" />
      <span>
        {state.problem} {then}
      </span>
    </div>
  )
}

function Test({ reload }: { reload: () => Promise<void> }) {
  const [result, setResult] = useState<Tested>()
  const { busy, error, run } = useAction()
  const test = () =>
    run(async () => {
      setResult(await api.post<Tested>(`${PATH}/test`, {}))
      await reload()
    })
  return (
    <>
      <Button busy={busy} onClick={() => void test()}>
        Run a test command
      </Button>
      <div role="status">{result && <p class={result.ok ? 'notice' : 'notice problem'}>{wordsOf(result)}</p>}</div>
      <Problem error={error} />
    </>
  )
}

function wordsOf({ ok, sandbox, error }: Tested): string {
  if (!ok) return `No command can be run: ${error || 'it said nothing.'}`
  return sandbox ? 'It works, in the sandbox.' : 'It works, without a sandbox.'
}

function WithoutSandbox({ state, reload }: { state: ShellState; reload: () => Promise<void> }) {
  const { error, run } = useAction()
  const turn = (on: boolean) =>
    run(async () => {
      if (on && !(await reallyOpen())) return
      await api.post(PATH, { without_sandbox: on })
      await reload()
      tell(on ? 'Commands may run without a sandbox now.' : 'Commands run in the sandbox only.')
    })
  return (
    <>
      <CheckField
        label="Let commands run without a sandbox"
        hint="Only where there is none. A command may then do all that Steward itself may: read its database and its key, and change every file of its user."
        checked={state.without_sandbox}
        onChange={(on) => void turn(on)}
      />
      <Problem error={error} />
    </>
  )
}

const reallyOpen = (): Promise<boolean> =>
  askConfirm({
    title: 'Let commands run without a sandbox?',
    body: 'A command that you agree to may then do anything that Steward may, whatever its few words look like. Your password is needed, and the audit log says that you did it.',
    action: 'Allow it',
    danger: true,
  })
