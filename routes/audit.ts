import { z } from 'zod'
import { Ok, OK, Page, QueryFlag, Time } from '../services/shapes/common.ts'
import { lazy } from '../services/shapes/lazy.ts'
import type { Who } from '../services/who.ts'
import { exportLines } from './audit-export.ts'
import { endpoint } from './endpoint.ts'

const Text = lazy(() => z.string().nullable())
const Entry = lazy(() =>
  z
    .object({
      id: z.number(),
      at: Time(),
      kind: z.string(),
      actor: z.string(),
      action: z.string(),
      subject: z.string(),
      run_id: Text(),
      session_id: Text(),
      task_id: Text(),
      agent_id: Text(),
      tool_name: Text(),
      arguments: z.unknown(),
      integrity: Text(),
      privacy: Text(),
      decision: Text(),
      rule: Text(),
      approved_by: Text(),
      success: z.boolean().nullable(),
      outcome: Text(),
      duration_ms: z.number().nullable(),
    })
    .meta({ id: 'AuditEntry' }),
)
const Moment = lazy(() =>
  z.union([z.iso.datetime({ offset: true }), z.iso.date()]).transform((text) => new Date(text).toISOString()),
)
/** A date alone means its last moment, so that the day itself is in. */
const End = lazy(() => z.union([z.iso.date().transform((day) => `${day}T23:59:59.999Z`), Moment()]))
const Filter = lazy(() =>
  z.object({
    start: Moment().optional().describe('Not before this instant or day.'),
    end: End().optional().describe('Not after this instant or day.'),
    kind: z.string().max(64).optional().describe('Only of this kind: tool_call, sign_in, setting, …'),
    tool_name: z.string().max(200).optional().describe('Only calls of this tool.'),
    session_id: z.string().max(64).optional().describe('Only what belongs to this conversation.'),
    task_id: z.string().max(64).optional().describe('Only what belongs to this task.'),
    agent_id: z.string().max(64).optional().describe('Only what belongs to this agent.'),
    confirmed_only: QueryFlag().optional().describe('Only what somebody agreed to.'),
  }),
)
const ListQuery = lazy(() => Filter().extend(Page().shape))
const Entries = lazy(() =>
  z.object({
    entries: z.array(Entry()),
    total: z.number(),
    total_is_min: z.boolean().optional(),
    page: z.number(),
    per_page: z.number(),
  }),
)

const Verdict = lazy(() =>
  z.object({
    ok: z.boolean(),
    entries: z.number().int(),
    first_broken: z.number().int().optional(),
    problem: z.string().optional(),
  }),
)
const LONGEST_DAYS = 36_500
const Older = lazy(() =>
  z.strictObject({
    older_than_days: z.coerce.number().int().min(1).max(LONGEST_DAYS).describe('Entries older than so many days go.'),
  }),
)
const Retention = lazy(() => z.strictObject({ days: z.number().int().min(0).max(LONGEST_DAYS).nullable() }))

const scopeOf = ({ user }: Who): string | null => (user.role === 'admin' ? null : user.id)

export const auditEndpoints = [
  endpoint({
    method: 'get',
    path: '/api/audit',
    tag: 'Audit',
    role: 'user',
    scopes: ['read'],
    summary: 'What was done, newest first',
    description: 'An administrator sees everything, others what is theirs.',
    query: ListQuery,
    output: Entries,
    example: { entries: [], total: 0, page: 1, per_page: 50 },
    handle: ({ query }, { services, who }) => services.audit.list(query, scopeOf(who)),
  }),
  endpoint({
    method: 'get',
    path: '/api/audit/export',
    operationId: 'exportAudit',
    tag: 'Audit',
    role: 'user',
    scopes: ['read'],
    summary: 'What was done, oldest first, as NDJSON',
    description:
      'One entry a line, with the filters of the list and no limit. `mac` is the HMAC-SHA-256, in base64url, over the JSON array of the mac before (the empty string before the first entry) and the values of at, user_id, kind, actor, action, subject, run_id, session_id, task_id, agent_id, tool_name, arguments (as JSON text), integrity, privacy, decision, rule, approved_by, success (as 0 or 1), outcome, duration_ms.',
    query: Filter,
    media: 'application/x-ndjson',
    example:
      '{"id":1,"at":"2026-11-22T08:00:00.000Z","kind":"sign_in","actor":"web:anna","action":"signed in","subject":"","run_id":null,"session_id":null,"task_id":null,"agent_id":null,"tool_name":null,"arguments":null,"integrity":null,"privacy":null,"decision":null,"rule":null,"approved_by":null,"success":null,"outcome":null,"duration_ms":null,"user_id":"019a9d2e-7c1a-7000-8000-000000000001","mac":"q1Wb0lY7c3"}\n',
    handle: ({ query }, context) => exportLines(context, context.services.audit.parts(query, scopeOf(context.who))),
  }),
  endpoint({
    method: 'get',
    path: '/api/audit/verify',
    operationId: 'verifyAudit',
    tag: 'Audit',
    role: 'admin',
    scopes: ['read'],
    summary: 'Whether the log is whole and as it was written',
    description:
      '`entries` are those that stand, from the oldest that is kept on; `first_broken` is the id of the first that was changed, moved or removed, and `problem` says what is wrong with it.',
    output: Verdict,
    example: { ok: true, entries: 1234 },
    handle: (_input, { services }) => services.audit.verify(),
  }),
  endpoint({
    method: 'delete',
    path: '/api/audit',
    tag: 'Audit',
    role: 'admin',
    scopes: ['admin'],
    summary: 'Remove old entries',
    description:
      'From the oldest on, up to the first that is younger. What is removed leaves entries of the kind `checkpoint`, so that the rest still verifies. Entries that do not verify stay: 409.',
    query: Older,
    output: lazy(() => z.object({ deleted: z.number().int() })),
    errors: ['conflict'],
    example: { deleted: 456 },
    handle: async ({ query }, { services, who }) => ({
      deleted: await services.audit.retention.removeOlder(query.older_than_days, who.actor),
    }),
  }),
  endpoint({
    method: 'get',
    path: '/api/settings/audit-retention',
    tag: 'Settings',
    role: 'admin',
    scopes: ['read'],
    summary: 'For how many days audit entries are kept',
    description: '`null`: all are kept.',
    output: Retention,
    example: { days: 90 },
    handle: (_input, { services }) => ({ days: services.audit.retention.days() }),
  }),
  endpoint({
    method: 'post',
    path: '/api/settings/audit-retention',
    tag: 'Settings',
    role: 'admin',
    scopes: ['admin'],
    summary: 'Keep audit entries for so many days',
    description: '`null` and 0: keep all. Older ones are removed once a day, as by DELETE /api/audit.',
    body: Retention,
    output: Ok,
    example: OK,
    exampleBody: { days: 90 },
    handle: ({ body }, { services, who }) => (services.audit.retention.setDays(body.days, who.actor), OK),
  }),
]
