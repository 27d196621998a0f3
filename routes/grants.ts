import { z } from 'zod'
import { AppError, invalidField } from '../services/errors.ts'
import type { Services } from '../services/index.ts'
import { mayBeGranted } from '../services/policy/reach.ts'
import { Cursor, list, Ok, OK, Time } from '../services/shapes/common.ts'
import { lazy } from '../services/shapes/lazy.ts'
import { chatPlace, REPLY } from '../services/telegram/replies.ts'
import { endpoint } from './endpoint.ts'

const GrantEntry = lazy(() =>
  z
    .object({
      id: z.string(),
      agent_id: z.string().nullable(),
      conversation_id: z.string().nullable(),
      operation: z.string(),
      destinations: z.array(z.string()),
      paths: z.array(z.string()),
      after_third_party: z.boolean(),
      per_day: z.number().int(),
      used_today: z.number().int(),
      approval_id: z.string().nullable(),
      expires_at: Time().nullable(),
      created_at: Time(),
    })
    .meta({ id: 'Grant' }),
)
const Places = lazy(() => z.array(z.string().trim().min(1).max(500)).max(50).default([]))
const Draft = lazy(() =>
  z.strictObject({
    agent_id: z.string().min(1).max(64),
    operation: z.string().regex(/^[\w-]+\.[\w-]+$/, 'Name it as tool.operation'),
    destinations: Places(),
    paths: Places(),
    after_third_party: z.boolean().default(false),
    per_day: z.int().min(1).max(1000).default(5),
    expires_at: Time().nullable().default(null),
  }),
)
const Id = lazy(() => z.object({ id: z.string() }))
const EXAMPLE = {
  id: '019a9d2e-7c1a-7000-8000-000000000009',
  agent_id: '019a9d2e-7c1a-7000-8000-000000000002',
  conversation_id: null,
  operation: 'webhook.send_to_target',
  destinations: ['webhook:Home#1f0a94c2'],
  paths: [],
  after_third_party: false,
  per_day: 5,
  used_today: 1,
  approval_id: null,
  expires_at: null,
  created_at: '2026-11-22T08:00:00.000Z',
}

/** The addresses as the policy sees them. */
function placesOf(
  body: { operation: string; destinations: string[] },
  userId: string,
  { registry }: Services,
): string[] {
  if (body.operation === REPLY) return body.destinations.map(chatPlace)
  const [tool = ''] = body.operation.split('.')
  return body.destinations.map((one) => registry.addressOf(tool, userId, one))
}

/** Throws `invalid` for an operation that there is not, or that is asked about each time whatever was granted. */
function checkOperation(name: string, userId: string, { registry }: Services): void {
  if (name === REPLY) return
  const [tool = '', operation = ''] = name.split('.')
  const found = registry.find(tool, { operation }, userId)
  if (found?.name !== operation)
    throw invalidField('operation', `There is no operation ${name}; GET /api/tools lists them.`)
  if (!mayBeGranted(found.operation)) throw invalidField('operation', `${name} is asked about each time.`)
}

export const grantEndpoints = [
  endpoint({
    method: 'get',
    path: '/api/grants',
    tag: 'Approvals',
    role: 'user',
    scopes: ['read', 'approve'],
    summary: 'Your standing yeses, newest first',
    description:
      'Each lets one agent by itself, or one conversation, do one operation to the destinations or below the paths it names, so often a day, without asking. `after_third_party`: also once the run has read what others wrote.',
    query: Cursor,
    output: list(GrantEntry),
    example: { items: [EXAMPLE], next_cursor: null, total: 1 },
    handle: ({ query }, { services, who }) => services.grants.list(who.user.id, query),
  }),
  endpoint({
    method: 'post',
    path: '/api/grants',
    tag: 'Approvals',
    role: 'user',
    scopes: [],
    sessionOnly: true,
    status: 201,
    creates: { showsSecret: false },
    summary: 'Give an agent a standing yes',
    description:
      'Only in a signed-in browser. A webhook target is named `webhook:Name`; the grant is bound to where it leads now. Hard limits hold all the same: whitelists, closed folders, pauses and budgets. What runs code, cannot be undone or is only done while you are there is asked about each time and cannot be granted.',
    body: Draft,
    output: GrantEntry,
    errors: ['not_found', 'conflict'],
    example: EXAMPLE,
    exampleBody: {
      agent_id: EXAMPLE.agent_id,
      operation: 'webhook.send_to_target',
      destinations: ['webhook:Home'],
      paths: [],
      after_third_party: false,
      per_day: 5,
      expires_at: null,
    },
    handle: ({ body }, { services, who }) => {
      services.agents.get(who.user.id, body.agent_id)
      checkOperation(body.operation, who.user.id, services)
      if (body.expires_at !== null && Date.parse(body.expires_at) <= services.now().getTime())
        throw new AppError('invalid', 'expires_at lies in the past.', {
          detail: [{ path: 'expires_at', message: 'lies in the past' }],
        })
      const destinations = placesOf(body, who.user.id, services)
      return services.grants.create(who.user.id, { ...body, destinations, conversation_id: null }, who.actor)
    },
  }),
  endpoint({
    method: 'delete',
    path: '/api/grants/{id}',
    tag: 'Approvals',
    role: 'user',
    scopes: ['approve'],
    summary: 'Revoke one at once',
    params: Id,
    output: Ok,
    errors: ['not_found'],
    example: OK,
    handle: ({ params }, { services, who }) => {
      services.grants.revoke(who.user.id, params.id, who.actor)
      return OK
    },
  }),
]
