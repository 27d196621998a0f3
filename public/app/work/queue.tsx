import type { JSX } from 'preact'
import { capital, counted } from '../format.ts'
import { Section } from '../ui/page.tsx'
import { useResource } from '../ui/resource.ts'
import { Time } from '../ui/states.tsx'
import { useEvery } from './live.ts'
import { originWord, StatusBadge } from './run-words.tsx'
import type { List, Queue, QueueItem, RunEntry } from './types.ts'

type QueueSectionProps = {
  /** How many lines at most. */
  most?: number
  /** Says so when nothing goes on; otherwise the section is absent then. */
  always?: boolean
  nameOf?: (item: Line) => string | null
}

/** What runs and what waits, and why it does. */
export function QueueSection({ most = 50, always = false, nameOf }: QueueSectionProps): JSX.Element | null {
  const queue = useResource<Queue>('/api/queue')
  const running = useResource<List<RunEntry>>('/api/runs?status=running&limit=50')
  useEvery(4000, true, queue.reload)
  useEvery(4000, true, running.reload)
  const { data } = queue
  if (!data || !running.data) return null
  const items = [...running.data.items.map(goingItem), ...data.items]
  if (!items.length && !always) return null
  const rest = items.length - most
  return (
    <Section title="Waiting and running" intro={summary(data, items)}>
      <ul class="rows plain-list">
        {items.slice(0, most).map((item) => (
          <QueueRow key={item.run_id} item={item} name={nameOf?.(item) ?? null} />
        ))}
      </ul>
      {rest > 0 && <a href="/runs">{counted(rest, 'more')}</a>}
    </Section>
  )
}

function summary({ running, queued, waiting, paused }: Queue, items: Line[]): string {
  if (!items.length) return 'Nothing goes on right now.'
  const parts: [number, string][] = [
    [running, 'running'],
    [queued, 'queued'],
    [waiting, 'waiting'],
    [paused, 'paused'],
  ]
  return parts
    .filter(([count]) => count > 0)
    .map(([count, word]) => `${count} ${word}`)
    .join(' · ')
}

type Line = Omit<QueueItem, 'lane' | 'conversation_id'>

const goingItem = ({ id, origin, status, agent_id, task_id, created_at }: RunEntry): Line => {
  return { run_id: id, origin, status, agent_id, task_id, created_at, position: null, reason: null }
}

function QueueRow({ item, name }: { item: Line; name: string | null }) {
  return (
    <li class="row">
      <div class="row-text">
        <StatusBadge status={item.status} />{' '}
        <a href={`/runs/${item.run_id}`}>{name ?? (item.origin === 'chat' ? 'Chat' : 'Run')}</a>{' '}
        <span class="muted small">
          {originWord(item.origin)} · since <Time at={item.created_at} />
        </span>
        {(item.reason || item.position) && (
          <div class="muted small">{item.reason ? capital(item.reason) : `Number ${item.position} in the queue`}</div>
        )}
      </div>
    </li>
  )
}
