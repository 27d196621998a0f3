import type { Labels } from '../shapes/labels.ts'

/** Who did it, as the log names them: `web:anna`, `key:Ab12Cd34`, `run:<id>`, `system`. */
export type Actor = { userId: string | null; name: string }

/** What the house does by itself. */
export const SYSTEM: Actor = { userId: null, name: 'system' }

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

/** Everything an entry's mac covers, in this order (services/audit/chain.ts). */
export const FIELDS = [
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

export type Value = string | number | null
type Row = Omit<AuditEntry, 'arguments' | 'success'> & { arguments: string | null; success: number | null }

/** The columns of an entry as lists show it. */
export const SHOWN = `id, at, kind, actor, action, subject, run_id, conversation_id AS session_id, task_id, agent_id, tool_name,
  arguments, integrity, privacy, decision, rule, approved_by, success, outcome, duration_ms`

/** What comes from elsewhere may hold a known secret. */
export function masked(draft: AuditDraft, maskValue: (value: unknown) => unknown): AuditDraft {
  const { subject, outcome, arguments: args } = draft
  return {
    ...draft,
    ...(subject === undefined ? {} : { subject: maskValue(subject) as string }),
    ...(outcome === undefined ? {} : { outcome: maskValue(outcome) as string }),
    ...(args === undefined ? {} : { arguments: JSON.stringify(maskValue(JSON.parse(args))) }),
  }
}

/** The values of FIELDS. */
export function valuesOf(draft: AuditDraft, at: string): Value[] {
  return [
    at,
    draft.by.userId,
    draft.kind,
    draft.by.name,
    draft.action,
    draft.subject ?? '',
    draft.runId ?? null,
    draft.conversationId ?? null,
    draft.taskId ?? null,
    draft.agentId ?? null,
    draft.toolName ?? null,
    draft.arguments ?? null,
    draft.labels?.integrity ?? null,
    draft.labels?.privacy ?? null,
    draft.decision ?? null,
    draft.rule ?? null,
    draft.approvedBy ?? null,
    draft.success === undefined ? null : Number(draft.success),
    draft.outcome ?? null,
    draft.durationMs ?? null,
  ]
}

export function toEntry<T extends Row>(row: T): Omit<T, 'arguments' | 'success'> & AuditEntry {
  return {
    ...row,
    arguments: row.arguments === null ? null : readable(row.arguments),
    success: row.success === null ? null : row.success === 1,
  }
}

/** What was tampered with is shown as it is. */
function readable(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}
