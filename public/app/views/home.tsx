import type { JSX } from 'preact'
import { Composer } from '../chat/composer.tsx'
import { startWith } from '../chat/first-message.ts'
import { loadModels, models, modelWarnings } from '../chat/models.ts'
import { criticalFindings, type Finding } from '../findings.ts'
import { newId } from '../ids.ts'
import { pending } from '../pending.ts'
import { recent } from '../recent.ts'
import { navigate } from '../router.ts'
import { me } from '../session.ts'
import { agentName } from '../status.ts'
import { counted } from '../format.ts'
import { Icon } from '../ui/icons.tsx'
import { Section } from '../ui/page.tsx'
import { PendingApproval } from '../ui/pending-approval.tsx'
import { Time } from '../ui/states.tsx'
import { agents } from '../work/agents-known.ts'
import { QueueSection } from '../work/queue.tsx'
import { useEffect, useMemo, useState } from 'preact/hooks'

const MOST = 8

/** What waits, what was said last, and a box to start talking. */
export function HomePage(): JSX.Element {
  const id = useMemo(newId, [])
  useEffect(() => void loadModels(), [])
  return (
    <div class="page home">
      <h1 tabIndex={-1}>{greeting(new Date().getHours())}</h1>
      <Composer
        id="home"
        label={`What shall ${agentName.value} do?`}
        fresh
        onSend={(message) => {
          startWith(id, message)
          navigate(`/chat/${id}`)
        }}
      />
      <Exposed />
      <RehearsalHint />
      <ModelWarnings />
      <Waiting />
      <QueueSection most={5} nameOf={({ agent_id }) => agents.value?.find(({ id }) => id === agent_id)?.name ?? null} />
      <Recent />
    </div>
  )
}

function greeting(hour: number): string {
  const name = me.value?.username ?? ''
  if (hour >= 5 && hour < 12) return `Good morning, ${name}`
  return hour >= 12 && hour < 18 ? `Good afternoon, ${name}` : `Good evening, ${name}`
}

function RehearsalHint() {
  const list = models.value
  if (!list?.length || list.some(({ provider }) => provider !== 'rehearsal')) return null
  return (
    <aside class="notice hint-card" aria-label="First steps">
      <Icon name="info" />
      <div>
        <strong>Only the rehearsal model is here so far.</strong> It needs no key and knows nothing of the world, but it
        runs every tool: try <code>/web.fetch_page url=https://en.wikipedia.org/wiki/Butler</code>. For real answers,
        add a key under <a href="/settings/credentials">Settings → Credentials</a>.
      </div>
    </aside>
  )
}

/** What the doctor calls critical, so that it is seen without being looked for. */
function Exposed() {
  const [found, setFound] = useState<Finding[]>([])
  const isAdmin = me.value?.role === 'admin'
  useEffect(() => void (isAdmin && criticalFindings().then(setFound)), [isAdmin])
  if (found.length === 0) return null
  return (
    <div class="notice problem" role="alert">
      <Icon name="alert" />
      <span>
        {found[0]!.title}{' '}
        <a href="/settings/doctor">
          {found.length === 1 ? 'How to mend it' : `All ${found.length}, and how to mend them`}
        </a>
      </span>
    </div>
  )
}

function ModelWarnings() {
  return (
    <>
      {modelWarnings.value.map((warning) => (
        <div class="notice" key={warning}>
          <Icon name="alert" />
          <span>{warning}</span>
        </div>
      ))}
    </>
  )
}

function Waiting() {
  const list = pending.value
  if (!list?.length) return null
  return (
    <Section title="Waiting for you">
      <ul class="stack plain-list">
        {list.slice(0, 3).map((approval) => (
          <li key={approval.id}>
            <PendingApproval approval={approval} />
          </li>
        ))}
      </ul>
      {list.length > 3 && <a href="/approvals">All {list.length} that wait</a>}
    </Section>
  )
}

function Recent() {
  const list = recent.value
  if (!list?.length) return null
  return (
    <Section title="Recent conversations" actions={<a href="/chats">All chats</a>}>
      <ul class="rows plain-list">
        {list.slice(0, MOST).map(({ id, title, updated_at, message_count }) => (
          <li key={id}>
            <a class="row-link" href={`/chat/${id}`}>
              <span class="ellipsis">{title || 'Untitled'}</span>
              <span class="muted small nowrap">
                {counted(message_count, 'message')} · <Time at={updated_at} />
              </span>
            </a>
          </li>
        ))}
      </ul>
    </Section>
  )
}
