import { createHmac } from 'node:crypto'
import type { Deps } from './deps.ts'
import type { Labels } from './shapes/labels.ts'
import type { Vault } from './vault.ts'

/** Who did it, as the log names them: `web:anna`, `key:Ab12Cd34`, `run:<id>`, `system`. */
export type Actor = { userId: string | null; name: string }

export type AuditDraft = {
  kind: string
  action: string
  by: Actor
  subject?: string
  runId?: string | null
  conversationId?: string | null
  taskId?: string | null
  agentId?: string | null
  toolName?: string
  /** JSON text with known secrets already masked. */
  arguments?: string
  labels?: Labels
  decision?: string
  rule?: string
  approvedBy?: string | null
  success?: boolean
  outcome?: string
  durationMs?: number
}

export type AuditEntry = {
  id: number
  at: string
  kind: string
  actor: string
  action: string
  subject: string
  run_id: string | null
  session_id: string | null
  task_id: string | null
  agent_id: string | null
  tool_name: string | null
  arguments: unknown
  integrity: string | null
  privacy: string | null
  decision: string | null
  rule: string | null
  approved_by: string | null
  success: boolean | null
  outcome: string | null
  duration_ms: number | null
}

export type AuditFilter = {
  start?: string | undefined
  end?: string | undefined
  tool_name?: string | undefined
  session_id?: string | undefined
  task_id?: string | undefined
  confirmed_only?: boolean | undefined
  page: number
  per_page: number
}

type Row = Omit<AuditEntry, 'arguments' | 'success'> & { arguments: string | null; success: number | null }

const FIELDS = [
  'at',
  'user_id',
  'kind',
  'actor',
  'action',
  'subject',
  'run_id',
  'conversation_id',
  'task_id',
  'agent_id',
  'tool_name',
  'arguments',
  'integrity',
  'privacy',
  'decision',
  'rule',
  'approved_by',
  'success',
  'outcome',
  'duration_ms',
] as const
type Field = (typeof FIELDS)[number]

const SHOWN = `id, at, kind, actor, action, subject, run_id, conversation_id AS session_id, task_id, agent_id, tool_name,
  arguments, integrity, privacy, decision, rule, approved_by, success, outcome, duration_ms`

/** Above so many matches the count stops (contract: `total_is_min`). */
const MOST_COUNTED = 10_000

export type Audit = ReturnType<typeof createAudit>

/**
 * The append-only log of what was done. `record` joins the transaction it is called in, so an entry exists exactly when
 * the thing itself was committed. Each entry's HMAC-SHA-256 covers the entry and the one before it, so that a changed or
 * missing entry shows.
 */
export function createAudit({
  db,
  now,
  vault,
  maskValue = (value) => value,
}: Deps & { vault: Pick<Vault, 'derive'>; maskValue?: (value: unknown) => unknown }) {
  const insert = db.prepare(
    `INSERT INTO audit (${FIELDS.join(', ')}, mac) VALUES (${FIELDS.map((f) => `@${f}`).join(', ')}, @mac)`,
  )
  const lastMac = db.prepare<[], { mac: string }>('SELECT mac FROM audit ORDER BY id DESC LIMIT 1')

  /** What comes from elsewhere may hold a known secret. */
  function masked(draft: AuditDraft): AuditDraft {
    const said = { subject: draft.subject, outcome: draft.outcome }
    const args = draft.arguments && { arguments: JSON.stringify(maskValue(JSON.parse(draft.arguments))) }
    return { ...draft, ...(maskValue(defined(said)) as typeof said), ...args } as AuditDraft
  }

  function record(draft: AuditDraft): void {
    const entry = toRow(masked(draft), now().toISOString())
    insert.run({ ...entry, mac: macOf(vault.derive('audit'), lastMac.get()?.mac ?? '', entry) })
  }

  function list(filter: AuditFilter, userId: string | null) {
    const { where, values } = conditions(filter, userId)
    const total = count(where, values)
    const rows = db
      .prepare<unknown[], Row>(`SELECT ${SHOWN} FROM audit ${where} ORDER BY id DESC LIMIT ? OFFSET ?`)
      .all(...values, filter.per_page, (filter.page - 1) * filter.per_page)
    return {
      entries: rows.map(toEntry),
      total,
      page: filter.page,
      per_page: filter.per_page,
      ...(total === MOST_COUNTED ? { total_is_min: true } : {}),
    }
  }

  function count(where: string, values: unknown[]): number {
    const sql = `SELECT count(*) AS n FROM (SELECT 1 FROM audit ${where} LIMIT ${MOST_COUNTED})`
    return db.prepare<unknown[], { n: number }>(sql).get(...values)!.n
  }

  return { record, list }
}

function toRow(draft: AuditDraft, at: string): Record<Field, string | number | null> {
  return {
    at,
    user_id: draft.by.userId,
    kind: draft.kind,
    actor: draft.by.name,
    action: draft.action,
    subject: draft.subject ?? '',
    run_id: draft.runId ?? null,
    conversation_id: draft.conversationId ?? null,
    task_id: draft.taskId ?? null,
    agent_id: draft.agentId ?? null,
    tool_name: draft.toolName ?? null,
    arguments: draft.arguments ?? null,
    integrity: draft.labels?.integrity ?? null,
    privacy: draft.labels?.privacy ?? null,
    decision: draft.decision ?? null,
    rule: draft.rule ?? null,
    approved_by: draft.approvedBy ?? null,
    success: draft.success === undefined ? null : Number(draft.success),
    outcome: draft.outcome ?? null,
    duration_ms: draft.durationMs ?? null,
  }
}

function macOf(key: Buffer, before: string, entry: Record<Field, unknown>): string {
  return createHmac('sha256', key)
    .update(JSON.stringify([before, ...FIELDS.map((field) => entry[field])]))
    .digest('base64url')
}

function conditions(filter: AuditFilter, userId: string | null): { where: string; values: unknown[] } {
  const parts: [string, unknown][] = []
  if (userId !== null) parts.push(['user_id = ?', userId])
  if (filter.start !== undefined) parts.push(['at >= ?', filter.start])
  if (filter.end !== undefined) parts.push(['at <= ?', filter.end])
  if (filter.tool_name !== undefined) parts.push(['tool_name = ?', filter.tool_name])
  if (filter.session_id !== undefined) parts.push(['conversation_id = ?', filter.session_id])
  if (filter.task_id !== undefined) parts.push(['task_id = ?', filter.task_id])
  const texts = parts.map(([text]) => text)
  if (filter.confirmed_only) texts.push('approved_by IS NOT NULL')
  return { where: texts.length ? `WHERE ${texts.join(' AND ')}` : '', values: parts.map(([, value]) => value) }
}

function toEntry(row: Row): AuditEntry {
  return {
    ...row,
    arguments: row.arguments === null ? null : JSON.parse(row.arguments),
    success: row.success === null ? null : row.success === 1,
  }
}

function defined<T extends object>(values: T): Partial<T> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as Partial<T>
}
