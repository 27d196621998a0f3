import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import { api, elsewhere, fieldError } from '../api.ts'
import { SettingsFrame } from '../frame/settings-frame.tsx'
import { useAction } from '../ui/action.ts'
import { Button } from '../ui/button.tsx'
import { TextField } from '../ui/field.tsx'
import { Section } from '../ui/page.tsx'
import { useResource } from '../ui/resource.ts'
import { Loading, Problem } from '../ui/states.tsx'
import { tell } from '../ui/toast.tsx'
import { numberOf } from '../work/draft.ts'
import { UploadLimit } from './upload-limit.tsx'

const NAMES = [
  'max_tool_calls',
  'max_autonomous_runs_per_hour',
  'max_concurrent_runs',
  'max_concurrent_chats',
  'daily_budget_usd',
  'monthly_budget_usd',
] as const

type Name = (typeof NAMES)[number]
type Limits = Record<Name, number | null>

const LABELS: Record<Name, [string, string]> = {
  max_tool_calls: ['Tool calls in a run', 'A run that reaches this ends and says so.'],
  max_autonomous_runs_per_hour: ['Runs an hour that start by themselves', 'Schedules and agents; not what you start.'],
  max_concurrent_runs: ['Runs at the same time', 'Of agents and tasks; further ones wait in the queue.'],
  max_concurrent_chats: ['Answers at the same time', 'In chats. They do not wait for runs.'],
  daily_budget_usd: ['Daily budget in dollars', 'Empty: no limit. What would go beyond it waits.'],
  monthly_budget_usd: ['Monthly budget in dollars', 'Empty: no limit.'],
}

/** How much Steward may do and spend. */
export function LimitsPage(): JSX.Element {
  const limits = useResource<Limits>('/api/settings/limits')
  return (
    <SettingsFrame>
      <Problem error={limits.error} retry={() => void limits.reload()} />
      {!limits.data && limits.loading && <Loading />}
      {limits.data && <LimitsForm limits={limits.data} reload={limits.reload} />}
      <UploadLimit />
    </SettingsFrame>
  )
}

type Texts = Record<Name, string>

const textsOf = (limits: Limits): Texts =>
  Object.fromEntries(NAMES.map((name) => [name, limits[name]?.toString() ?? ''])) as Texts

function LimitsForm({ limits, reload }: { limits: Limits; reload: () => Promise<void> }) {
  const [texts, setTexts] = useState<Texts>(() => textsOf(limits))
  const { busy, error, run } = useAction()
  const save = (event: Event) => {
    event.preventDefault()
    void run(async () => {
      const changed = NAMES.filter((name) => texts[name] !== textsOf(limits)[name])
      await api.post('/api/settings/limits', Object.fromEntries(changed.map((name) => [name, numberOf(texts[name])])))
      await reload()
      tell('Saved. It counts from now on.')
    })
  }
  const field = (name: Name) => (
    <TextField
      key={name}
      label={LABELS[name][0]}
      hint={LABELS[name][1]}
      type="number"
      min={0}
      step={name.endsWith('usd') ? 'any' : 1}
      value={texts[name]}
      onInput={(text) => setTexts({ ...texts, [name]: text })}
      error={fieldError(error, name)}
      required={!name.endsWith('usd')}
    />
  )
  return (
    <form onSubmit={save} class="edit-form">
      <Section title="How much at once">
        <div class="field-pair">{NAMES.slice(0, 4).map(field)}</div>
      </Section>
      <Section title="Budgets" actions={<a href="/usage">See the usage</a>}>
        <div class="field-pair">{NAMES.slice(4).map(field)}</div>
      </Section>
      <Problem error={elsewhere(error, [...NAMES])} />
      <footer class="form-actions">
        <Button type="submit" look="primary" busy={busy}>
          Save
        </Button>
      </footer>
    </form>
  )
}
