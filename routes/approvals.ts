import { z } from 'zod'
import { AppError } from '../services/errors.ts'
import type { Services } from '../services/index.ts'
import { shownApproval, type Approval as Row } from '../services/policy/approvals.ts'
import { Cursor, list, Time } from '../services/shapes/common.ts'
import { lazy } from '../services/shapes/lazy.ts'
import { endpoint } from './endpoint.ts'

const STATES = ['pending', 'approved', 'denied', 'expired', 'void'] as const
export const Approval = lazy(() =>
  z
    .object({
      id: z.string(),
      kind: z.enum(['call', 'uncertain']),
      state: z.enum(STATES),
      run_id: z.string(),
      conversation_id: z.string(),
      agent_id: z.string().nullable(),
      call_id: z.string(),
      tool_name: z.string(),
      operation: z.string(),
      arguments: z.unknown(),
      description: z.string(),
      reason: z.string(),
      provenance: z.array(
        z.object({
          path: z.string(),
          value: z.string(),
          origin: z.enum(['owner', 'third_party', 'steward', 'model']),
          sentence: z.string(),
        }),
      ),
      may_remember: z.array(z.enum(['conversation', 'agent'])),
      created_at: Time(),
      expires_at: Time(),
      decided_at: Time().nullable(),
      decided_by: z.string().nullable(),
      note: z.string().nullable(),
      answer: z.enum(['done', 'again', 'give_up']).nullable(),
    })
    .meta({ id: 'Approval' }),
)
export const Note = lazy(() => z.string().max(2000).optional())
const Decision = lazy(() =>
  z.union([
    z.strictObject({
      approved: z.boolean(),
      note: Note(),
      arguments: z.record(z.string(), z.unknown()).optional(),
      remember: z.enum(['conversation', 'agent']).optional(),
    }),
    z.strictObject({ decision: z.enum(['done', 'again', 'give_up']), note: Note() }),
  ]),
)
const ListQuery = lazy(() =>
  Cursor().extend({ state: z.enum(STATES).optional().describe('Only those that stand so.') }),
)
const Id = lazy(() => z.object({ id: z.string() }))
export const EXAMPLE = {
  id: '019a9d2e-7c1a-7000-8000-000000000003',
  kind: 'call' as const,
  state: 'pending' as const,
  run_id: '019a9d2e-7c1a-7000-8000-000000000004',
  conversation_id: '019a9d2e-7c1a-7000-8000-000000000005',
  agent_id: null,
  call_id: '019a9d2e-7c1a-7000-8000-000000000003',
  tool_name: 'filesystem',
  operation: 'write_file',
  arguments: { operation: 'write_file', path: '/srv/documents/a.txt', content: 'Hello' },
  description: 'Write 5 characters to /srv/documents/a.txt.',
  reason: 'It would change your data.',
  provenance: [
    {
      path: 'path',
      value: '/srv/documents/a.txt',
      origin: 'owner' as const,
      sentence: 'Comes from your message of 08:00.',
    },
  ],
  may_remember: ['conversation' as const],
  created_at: '2026-11-22T08:00:00.000Z',
  expires_at: '2026-11-22T08:15:00.000Z',
  decided_at: null,
  decided_by: null,
  note: null,
  answer: null,
}

/** An approval with every known secret in it masked. */
export function shown(approval: Row, { credentials, decisions }: Services) {
  const row = shownApproval(approval)
  const may_remember = approval.state === 'pending' ? decisions.mayRemember(approval) : []
  const args = credentials.maskValue(row.arguments)
  return { ...row, arguments: args, description: credentials.mask(row.description), may_remember }
}

export const approvalEndpoints = [
  endpoint({
    method: 'get',
    path: '/api/approvals',
    tag: 'Approvals',
    role: 'user',
    scopes: ['read', 'approve'],
    summary: 'Questions to the owner, newest first',
    query: ListQuery,
    output: list(Approval),
    example: { items: [EXAMPLE], next_cursor: null, total: 1 },
    handle: ({ query }, { services, who }) => {
      const found = services.approvals.list(who.user.id, query)
      return { ...found, items: found.items.map((one) => shown(one, services)) }
    },
  }),
  endpoint({
    method: 'get',
    path: '/api/approvals/{id}',
    tag: 'Approvals',
    role: 'user',
    scopes: ['read', 'approve'],
    summary: 'One question',
    params: Id,
    output: Approval,
    errors: ['not_found'],
    example: EXAMPLE,
    handle: ({ params }, { services, who }) => shown(services.approvals.get(who.user.id, params.id), services),
  }),
  endpoint({
    method: 'post',
    path: '/api/approvals/{id}',
    operationId: 'decideApproval',
    tag: 'Approvals',
    role: 'user',
    scopes: ['approve'],
    summary: 'Decide',
    description:
      'Once: the same decision again is fine, the opposite is 409, too late is 410. `arguments` approves with changed arguments. `remember` makes a grant of it, as far as `may_remember` says: for this `conversation`, or for whatever the `agent` does by itself; only on the page. A key cannot decide for a run it started. A question of the kind `uncertain` asks what became of a call of which nobody knows whether it happened; it takes `{"decision": "done"}`, `"again"` or `"give_up"`.',
    params: Id,
    body: Decision,
    output: Approval,
    errors: ['not_found', 'conflict', 'expired'],
    example: { ...EXAMPLE, state: 'approved' },
    exampleBody: { approved: true },
    handle: async ({ params, body }, { services, who }) => {
      if ('approved' in body && !body.approved && body.arguments !== undefined)
        throw new AppError('invalid', 'Changed arguments go with an approval, not with a refusal.')
      if ('approved' in body && !body.approved && body.remember !== undefined)
        throw new AppError('invalid', 'Only an approval can be remembered.')
      const decider = {
        userId: who.user.id,
        by: who.by,
        actor: who.actor,
        apiKeyId: who.via === 'key' ? who.keyId : undefined,
      }
      return shown(await services.decisions.decide(decider, params.id, body), services)
    },
  }),
]
