import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import { api } from '../api.ts'
import { counted } from '../format.ts'
import { useAction } from '../ui/action.ts'
import { Button } from '../ui/button.tsx'
import { TextField } from '../ui/field.tsx'
import { Section } from '../ui/page.tsx'
import { useResource } from '../ui/resource.ts'
import { Problem } from '../ui/states.tsx'
import { tell } from '../ui/toast.tsx'

type Verdict = { ok: boolean; entries: number; first_broken?: number; problem?: string }

/** For administrators: whether the log is whole, and how long its entries are kept. */
export function AuditCare(): JSX.Element {
  const retention = useResource<{ days: number | null }>('/api/settings/audit-retention')
  return (
    <>
      <Verify />
      <Section title="How long entries are kept">
        <Problem error={retention.error} retry={() => void retention.reload()} />
        {retention.data && <Retention days={retention.data.days} />}
      </Section>
    </>
  )
}

function Verify() {
  const [verdict, setVerdict] = useState<Verdict>()
  const { busy, error, run } = useAction()
  const verify = () => void run(async () => setVerdict(await api.get<Verdict>('/api/audit/verify')))
  return (
    <Section
      title="Is the log whole?"
      actions={
        <Button onClick={verify} busy={busy}>
          Verify
        </Button>
      }
    >
      <p role="status">
        {verdict ? inWords(verdict) : 'Verifying reads every entry and finds what was changed or removed.'}
      </p>
      <Problem error={error} />
    </Section>
  )
}

const inWords = ({ ok, entries, first_broken, problem }: Verdict): string =>
  ok
    ? `The log is whole: ${counted(entries, 'entry', 'entries')}, each as it was written.`
    : `The log is broken at entry ${first_broken}. ${problem ?? ''} ${counted(entries, 'entry', 'entries')} before it stand.`

function Retention({ days }: { days: number | null }) {
  const [text, setText] = useState(days?.toString() ?? '')
  const { busy, error, run } = useAction()
  const save = (event: Event) => {
    event.preventDefault()
    void run(async () => {
      await api.post('/api/settings/audit-retention', { days: text === '' ? null : Number(text) })
      tell(text === '' || text === '0' ? 'All entries are kept.' : 'Saved. Older entries go once a day.')
    })
  }
  return (
    <form onSubmit={save} class="filters" aria-label="Retention">
      <TextField label="Days (empty: for good)" type="number" min={0} step={1} value={text} onInput={setText} />
      <div class="filter-actions">
        <Button type="submit" busy={busy}>
          Save
        </Button>
      </div>
      <Problem error={error} />
    </form>
  )
}
