import { z } from 'zod'
import { Page, QueryFlag, Time } from '../services/shapes/common.ts'
import { lazy } from '../services/shapes/lazy.ts'
import { endpoint } from './endpoint.ts'

const Text = lazy(() => z.string().nullable())
const Entry = lazy(() =>
  z.object({
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
  }),
)
const Moment = lazy(() =>
  z.union([z.iso.datetime({ offset: true }), z.iso.date()]).transform((text) => new Date(text).toISOString()),
)
/** A date alone means its last moment, so that the day itself is in. */
const End = lazy(() => z.union([z.iso.date().transform((day) => `${day}T23:59:59.999Z`), Moment()]))
const Filter = lazy(() =>
  Page().extend({
    start: Moment().optional(),
    end: End().optional(),
    tool_name: z.string().max(200).optional(),
    session_id: z.string().max(64).optional(),
    task_id: z.string().max(64).optional(),
    confirmed_only: QueryFlag().optional(),
  }),
)
const Entries = lazy(() =>
  z.object({
    entries: z.array(Entry()),
    total: z.number(),
    total_is_min: z.boolean().optional(),
    page: z.number(),
    per_page: z.number(),
  }),
)

export const auditEndpoints = [
  endpoint({
    method: 'get',
    path: '/api/audit',
    tag: 'Audit',
    role: 'user',
    scopes: ['read'],
    summary: 'What was done, newest first',
    description: 'An administrator sees everything, others what is theirs.',
    query: Filter,
    output: Entries,
    example: { entries: [], total: 0, page: 1, per_page: 50 },
    handle: ({ query }, { services, who }) =>
      services.audit.list(query, who.user.role === 'admin' ? null : who.user.id),
  }),
]
