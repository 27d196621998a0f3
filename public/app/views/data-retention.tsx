import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import { api, elsewhere, fieldError } from '../api.ts'
import { useAction } from '../ui/action.ts'
import { Button } from '../ui/button.tsx'
import { askConfirm } from '../ui/confirm.tsx'
import { TextField } from '../ui/field.tsx'
import { Section } from '../ui/page.tsx'
import { useResource } from '../ui/resource.ts'
import { Loading, Problem } from '../ui/states.tsx'
import { tell } from '../ui/toast.tsx'
import { numberOf } from '../work/draft.ts'

const FIELDS = [
  ['transcripts_days', 'Conversations and runs', 'What was said and done, from its end on.'],
  ['events_days', 'Events', 'What clients that were away can catch up on.'],
  ['trash_days', 'Trash', 'Old versions of files.'],
  ['notifications_days', 'Notifications', 'Those that were read.'],
  ['deliveries_days', 'Messages that were sent', 'Mails and messages to webhooks that arrived or failed.'],
  ['occurrences_days', 'Ledgers of schedules', 'What became of each due time.'],
] as const

type Name = (typeof FIELDS)[number][0]
type Retention = Record<Name, number | null>
type Texts = Record<Name, string>

const NAMES = FIELDS.map(([name]) => name)
const textsOf = (retention: Retention): Texts =>
  Object.fromEntries(NAMES.map((name) => [name, retention[name]?.toString() ?? ''])) as Texts

/** For how many days things are kept. */
export function RetentionSection(): JSX.Element {
  const retention = useResource<Retention>('/api/settings/retention')
  return (
    <Section
      title="Retention"
      intro="For how many days things are kept; empty means for good. What is unfinished or waits for your answer stays."
      actions={<a href="/audit">The audit log has its own</a>}
    >
      <Problem error={retention.error} retry={() => void retention.reload()} />
      {!retention.data && retention.loading && <Loading />}
      {retention.data && <RetentionForm retention={retention.data} reload={retention.reload} />}
    </Section>
  )
}

function RetentionForm({ retention, reload }: { retention: Retention; reload: () => Promise<void> }) {
  const [texts, setTexts] = useState<Texts>(() => textsOf(retention))
  const { busy, error, run } = useAction()
  const save = (event: Event) => {
    event.preventDefault()
    void run(async () => {
      const changed = NAMES.filter((name) => texts[name] !== textsOf(retention)[name])
      const values = Object.fromEntries(changed.map((name) => [name, numberOf(texts[name])]))
      if (typeof values.transcripts_days === 'number' && !(await mayGo(values.transcripts_days))) return
      await api.post('/api/settings/retention', values)
      await reload()
      tell('Saved. Older things go within a quarter of an hour.')
    })
  }
  return (
    <form onSubmit={save} aria-label="Retention">
      <div class="field-pair">
        {FIELDS.map(([name, label, hint]) => (
          <TextField
            key={name}
            label={`${label}, in days`}
            hint={hint}
            type="number"
            min={1}
            step={1}
            value={texts[name]}
            onInput={(text) => setTexts({ ...texts, [name]: text })}
            error={fieldError(error, name)}
          />
        ))}
      </div>
      <Problem error={elsewhere(error, [...NAMES])} />
      <Button type="submit" busy={busy}>
        Save retention
      </Button>
    </form>
  )
}

const mayGo = (days: number): Promise<boolean> =>
  askConfirm({
    title: `Remove what ended more than ${days} days ago?`,
    body: 'Older conversations and runs are removed for good within a quarter of an hour, and from then on as they reach that age. Backups keep them for as long as they are kept themselves.',
    action: 'Remove them',
    danger: true,
  })
