import type { JSX } from 'preact'
import { duration, fullTime } from '../format.ts'
import { Arguments } from '../ui/arguments.tsx'
import { Badge } from '../ui/states.tsx'
import { toolTitle } from '../ui/tool-title.ts'

export type AuditEntry = {
  id: string | number
  at: string
  kind: string
  actor: string | null
  action: string
  subject: string | null
  run_id: string | null
  session_id: string | null
  tool_name: string | null
  arguments: unknown
  integrity: string | null
  decision: string | null
  rule: string | number | null
  approved_by: string | null
  success: boolean | null
  outcome: string | null
  duration_ms: number | null
}

/** The entries as a table; on a phone each becomes a small card. */
export function AuditTable({ entries }: { entries: AuditEntry[] }): JSX.Element {
  return (
    <table class="table">
      <thead>
        <tr>
          <th scope="col">When</th>
          <th scope="col">What</th>
          <th scope="col">Details</th>
          <th scope="col">Decision</th>
          <th scope="col">Outcome</th>
        </tr>
      </thead>
      <tbody>
        {entries.map((entry) => (
          <Row key={entry.id} entry={entry} />
        ))}
      </tbody>
    </table>
  )
}

function Row({ entry }: { entry: AuditEntry }) {
  return (
    <tr>
      <td>
        <time class="nowrap" dateTime={entry.at}>
          {fullTime(entry.at)}
        </time>
        {entry.actor && <div class="muted small">{actorOf(entry.actor)}</div>}
      </td>
      <td>
        <What entry={entry} />
        {entry.session_id && (
          <div class="small">
            <a href={`/chat/${entry.session_id}`}>Conversation</a>
          </div>
        )}
      </td>
      <td class="details">
        {entry.subject && <div class="break">{entry.subject}</div>}
        <ArgumentsCell value={entry.arguments} />
      </td>
      <td>
        {entry.decision && <Badge kind={KINDS[entry.decision] ?? ''}>{entry.decision}</Badge>}
        {entry.integrity === 'third_party' && <div class="small">after reading what others wrote</div>}
        {entry.approved_by && <div class="small">approved by {entry.approved_by}</div>}
        {/^\d/.test(String(entry.rule)) && <div class="muted small">rule {entry.rule}</div>}
      </td>
      <td>
        <Outcome entry={entry} />
      </td>
    </tr>
  )
}

function What({ entry }: { entry: AuditEntry }) {
  const tool = entry.tool_name && <code>{toolTitle(entry.tool_name, entry.arguments)}</code>
  if (entry.kind === 'tool_call' && tool) return tool
  return (
    <>
      {words(entry)} {tool}
    </>
  )
}

function Outcome({ entry }: { entry: AuditEntry }) {
  const failed = entry.decision === 'deny' ? 'not done' : 'failed'
  return (
    <>
      {entry.success !== null && <Badge kind={entry.success ? 'good' : 'bad'}>{entry.success ? 'done' : failed}</Badge>}
      {entry.outcome && <div class="small break">{entry.outcome}</div>}
      {entry.duration_ms ? <div class="muted small">{duration(entry.duration_ms)}</div> : null}
    </>
  )
}

/** A run's id is long and says nothing here; its first part tells runs apart. */
const actorOf = (actor: string): string => actor.replace(/^run:([^-]+-[^-]+).*/, 'run $1…')

/** `sign_in`, `signed_in` → "sign in: signed in". */
const words = ({ kind, action }: AuditEntry): string => `${kind}: ${action}`.replaceAll('_', ' ')

const KINDS: Record<string, 'good' | 'bad' | 'ask'> = { allow: 'good', deny: 'bad', ask: 'ask' }

function ArgumentsCell({ value }: { value: unknown }) {
  if (value === null || value === undefined || JSON.stringify(value) === '{}') return null
  return (
    <details>
      <summary class="muted small">Arguments</summary>
      <Arguments value={value} />
    </details>
  )
}
