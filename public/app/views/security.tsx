import type { JSX } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import { api, elsewhere, fieldError } from '../api.ts'
import { loadModels, models } from '../chat/models.ts'
import { SettingsFrame } from '../frame/settings-frame.tsx'
import { refreshStatus } from '../status.ts'
import { useAction } from '../ui/action.ts'
import { Button } from '../ui/button.tsx'
import { askConfirm } from '../ui/confirm.tsx'
import { DurationField } from '../ui/duration-field.tsx'
import { CheckField, TextField } from '../ui/field.tsx'
import { Icon } from '../ui/icons.tsx'
import { Section } from '../ui/page.tsx'
import { useResource } from '../ui/resource.ts'
import { Loading, Problem } from '../ui/states.tsx'
import { tell } from '../ui/toast.tsx'
import { ModelField } from '../work/model-field.tsx'
import { changesOf, draftOf, FIELDS, type Security, type SecurityDraft, type Switch } from '../work/security-draft.ts'

const PATH = '/api/settings/security'

/** What each switch does, and what it costs. */
const WORDS: Record<Switch, [label: string, hint: string]> = {
  flow_guard: [
    'Flow guard',
    'Asks you before anything is done that words of others may have led to. It is the wall; leave it on. It costs a question now and then.',
  ],
  output_validation: [
    'Keep secrets in the house',
    'Refuses whatever would send or write one of your credentials, however it is spelled. Costs nothing.',
  ],
  sanitize_enhanced: [
    'Leave out what no reader sees',
    'Takes comments, hidden parts, pictures and data addresses out of what tools bring in, and marks results that give orders. It may leave out what you wanted from web pages’ source.',
  ],
  canary: [
    'Plant a canary',
    'A secret word stands in the instructions of each conversation. A run that writes it anywhere is stopped, and you are told. Costs a few tokens; asking Steward for its instructions may stop an answer.',
  ],
  llm_screen: [
    'Have a second model look first',
    'A model without tools reads what others wrote before the real one does. What it does not call clean is withheld, and everything while it cannot be reached. Costs one more model call for each such result.',
  ],
}

/** The wall and the layers beside it, how long questions wait, and who may be told what is private. */
export function SecurityPage(): JSX.Element {
  const settings = useResource<Security>(PATH)
  return (
    <SettingsFrame>
      <Problem error={settings.error} retry={() => void settings.reload()} />
      {!settings.data && settings.loading && <Loading />}
      {settings.data && <SecurityForm settings={settings.data} reload={settings.reload} />}
    </SettingsFrame>
  )
}

type FormProps = { draft: SecurityDraft; change: (values: Partial<SecurityDraft>) => void; error: unknown }

function SecurityForm({ settings, reload }: { settings: Security; reload: () => Promise<void> }) {
  const [draft, setDraft] = useState(() => draftOf(settings))
  const { busy, error, run } = useAction()
  const save = (event: Event) => {
    event.preventDefault()
    void run(async () => {
      const changes = changesOf(settings, draft)
      if (changes.flow_guard === false && !(await reallyOff())) return setDraft({ ...draft, flow_guard: true })
      await api.post(PATH, changes)
      await Promise.all([reload(), refreshStatus()])
      tell('Saved. It counts from now on.')
    })
  }
  const form = { draft, change: (values: Partial<SecurityDraft>) => setDraft({ ...draft, ...values }), error }
  return (
    <form onSubmit={save} class="edit-form">
      <Section title="The wall">
        {!settings.flow_guard && <GuardWarning />}
        <SwitchField name="flow_guard" {...form} />
      </Section>
      <Section title="Further layers">
        <SwitchField name="output_validation" {...form} />
        <SwitchField name="sanitize_enhanced" {...form} />
        <SwitchField name="canary" {...form} />
        <SwitchField name="llm_screen" {...form} />
        {draft.llm_screen && <ScreenModel {...form} />}
      </Section>
      <Questions {...form} />
      <Providers {...form} />
      <Problem error={elsewhere(error, [...FIELDS])} />
      <footer class="form-actions">
        <Button type="submit" look="primary" busy={busy}>
          Save
        </Button>
      </footer>
    </form>
  )
}

const reallyOff = (): Promise<boolean> =>
  askConfirm({
    title: 'Turn the flow guard off?',
    body: 'From then on a web page, a file or a mail that gives orders can make Steward write, send and open things without asking you. Your password is needed, and the audit log says that you did it.',
    action: 'Turn it off',
    danger: true,
  })

function GuardWarning() {
  return (
    <div class="notice problem" role="alert">
      <Icon name="alert" />
      <span>The flow guard is off. What others wrote can make Steward act without asking you.</span>
    </div>
  )
}

function SwitchField({ name, draft, change }: FormProps & { name: Switch }) {
  const [label, hint] = WORDS[name]
  return <CheckField label={label} hint={hint} checked={draft[name]} onChange={(on) => change({ [name]: on })} />
}

function ScreenModel({ draft, change, error }: FormProps) {
  return (
    <ModelField
      label="The model that looks"
      value={draft.llm_screen_model}
      onChange={(id) => change({ llm_screen_model: id })}
      error={fieldError(error, 'llm_screen_model')}
    />
  )
}

function Questions({ draft, change, error }: FormProps) {
  return (
    <Section title="Questions and results">
      <div class="field-pair">
        <DurationField
          label="A question in a chat waits"
          hint="After that it counts as no."
          value={draft.approval_timeout_chat_s}
          onChange={(value) => change({ approval_timeout_chat_s: value })}
          error={fieldError(error, 'approval_timeout_chat_s')}
        />
        <DurationField
          label="A question of an agent or task waits"
          hint="After that it counts as no."
          value={draft.approval_timeout_unattended_s}
          onChange={(value) => change({ approval_timeout_unattended_s: value })}
          error={fieldError(error, 'approval_timeout_unattended_s')}
        />
        <TextField
          label="Longest result of a tool, in characters"
          hint="What is longer is cut, and says so."
          type="number"
          min={1000}
          step={1}
          value={draft.max_result_chars}
          onInput={(text) => change({ max_result_chars: text })}
          error={fieldError(error, 'max_result_chars')}
          required
        />
      </div>
    </Section>
  )
}

const NAMES: Record<string, string> = {
  anthropic: 'Anthropic',
  openai: 'OpenAI',
  openrouter: 'OpenRouter',
  ollama: 'Ollama',
}

function Providers({ draft, change }: FormProps) {
  useEffect(() => void loadModels(), [])
  const chosen = draft.public_only_providers
  const configured = (models.value ?? []).map(({ provider }) => provider)
  const names = [...new Set([...configured, ...chosen])].filter((name) => name !== 'rehearsal').sort()
  const turn = (name: string, on: boolean) =>
    change({ public_only_providers: on ? [...chosen, name] : chosen.filter((one) => one !== name) })
  return (
    <Section title="Who sees public things only">
      <p class="muted">A run that holds something private (your words, files, mails) is not sent to these.</p>
      {names.length === 0 && <p class="muted">No provider is set up yet.</p>}
      {names.map((name) => (
        <CheckField
          key={name}
          label={NAMES[name] ?? name}
          checked={chosen.includes(name)}
          onChange={(on) => turn(name, on)}
        />
      ))}
    </Section>
  )
}
