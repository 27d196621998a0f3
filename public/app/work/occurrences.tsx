import type { JSX } from 'preact'
import { useEffect } from 'preact/hooks'
import { counted } from '../format.ts'
import { Section } from '../ui/page.tsx'
import { useResource } from '../ui/resource.ts'
import { Loading, Problem } from '../ui/states.tsx'
import { OccurrenceBadge } from './run-words.tsx'
import type { List, Occurrence } from './types.ts'
import { timeIn } from './zone.ts'

type Ledger = List<Occurrence> & { counts: Record<'ran' | 'skipped' | 'missed' | 'merged', number> }

type OccurrencesProps = {
  of: 'agents' | 'tasks'
  id: string
  timezone: string
  /** Changes with every new run; the ledger is then read again. */
  turn: string | undefined
}

/** Every time it was due and what came of it. A missed time stays a missed time. */
export function Occurrences({ of, id, timezone, turn }: OccurrencesProps): JSX.Element {
  const ledger = useResource<Ledger>(`/api/${of}/${id}/occurrences?limit=20`)
  useEffect(() => void (turn && ledger.reload()), [turn])
  const { data } = ledger
  return (
    <Section title="When it was due" intro={data && data.total > 0 ? summary(data) : undefined}>
      <Problem error={ledger.error} retry={() => void ledger.reload()} />
      {!data && ledger.loading && <Loading />}
      {data?.items.length === 0 && <p class="muted">It has not been due yet.</p>}
      <ul class="rows plain-list">
        {(data?.items ?? []).map((one) => (
          <OccurrenceRow key={one.due_at} one={one} timezone={timezone} />
        ))}
      </ul>
    </Section>
  )
}

function summary({ counts }: Ledger): string {
  const parts = (['ran', 'missed', 'skipped', 'merged'] as const).filter((state) => counts[state] > 0)
  return parts.map((state) => `${counts[state].toLocaleString()} ${state}`).join(' · ')
}

function OccurrenceRow({ one, timezone }: { one: Occurrence; timezone: string }) {
  const many = (one.count ?? 1) > 1
  return (
    <li class="row">
      <div class="row-text">
        <OccurrenceBadge state={one.state} /> <time dateTime={one.due_at}>{timeIn(one.due_at, timezone)}</time>
        {many && one.until_at && (
          <>
            {' '}
            to <time dateTime={one.until_at}>{timeIn(one.until_at, timezone)}</time> ({counted(one.count ?? 1, 'time')})
          </>
        )}
        {one.reason && <div class="muted small">{one.reason}</div>}
      </div>
      {one.run_id && (
        <a class="row-end" href={`/runs/${one.run_id}`}>
          Run<span class="visually-hidden"> of {timeIn(one.due_at, timezone)}</span>
        </a>
      )}
    </li>
  )
}
