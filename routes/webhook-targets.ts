import { z } from 'zod'
import type { Services } from '../services/index.ts'
import type { Message } from '../services/outbox/store.ts'
import { Cursor, list, Ok, OK, Time, whole } from '../services/shapes/common.ts'
import { lazy } from '../services/shapes/lazy.ts'
import type { Target as Row } from '../services/webhooks/targets.ts'
import { endpoint } from './endpoint.ts'

const State = lazy(() => z.enum(['queued', 'sending', 'delivered', 'failed', 'uncertain']))
const Name = lazy(() => z.string().trim().min(1).max(64))
const Url = lazy(() => z.string().min(1).max(4096))
const Description = lazy(() => z.string().max(500))
const Draft = lazy(() =>
  z.strictObject({
    name: Name(),
    url: Url(),
    description: Description().optional(),
    owner: z.boolean().optional(),
    enabled: z.boolean().optional(),
  }),
)
const Change = lazy(() => Draft().partial())
const Target = lazy(() =>
  z
    .object({
      id: z.string(),
      name: z.string(),
      url: z.string(),
      description: z.string(),
      owner: z.boolean(),
      enabled: z.boolean(),
      created_at: Time(),
      updated_at: Time(),
      last_delivery: z
        .object({ state: State(), at: Time(), status: z.number().nullable(), error: z.string().nullable() })
        .nullable(),
    })
    .meta({ id: 'WebhookTarget' }),
)
const NewTarget = lazy(() => Target().extend({ secret: z.string() }))
const Delivery = lazy(() =>
  z
    .object({
      id: z.string(),
      run_id: z.string().nullable(),
      call_id: z.string().nullable(),
      state: State(),
      attempts: z.number().int(),
      next_attempt_at: Time().nullable(),
      last_status: z.number().int().nullable(),
      last_error: z.string().nullable(),
      answer: z.string().nullable(),
      body: z.string(),
      created_at: Time(),
      updated_at: Time(),
    })
    .meta({ id: 'WebhookDelivery' }),
)
const Deliveries = list(Delivery)
const Tested = lazy(() =>
  z.object({ ok: z.boolean(), status: z.number().int().optional(), error: z.string().optional() }),
)
const Id = lazy(() => z.object({ id: z.string() }))

const AT = '2026-11-22T08:00:00.000Z'
const EXAMPLE = {
  id: '019a9d2e-7c1a-7000-8000-000000000006',
  name: 'kitchen display',
  url: 'https://home.example.com/hooks/kitchen',
  description: 'The screen in the kitchen',
  owner: true,
  enabled: true,
  created_at: AT,
  updated_at: AT,
  last_delivery: { state: 'delivered' as const, at: AT, status: 204, error: null },
}
const EXAMPLE_DELIVERY = {
  id: '019a9d2e-7c1a-7000-8000-000000000007',
  run_id: '019a9d2e-7c1a-7000-8000-000000000004',
  call_id: '019a9d2e-7c1a-7000-8000-000000000007',
  state: 'queued' as const,
  attempts: 1,
  next_attempt_at: AT,
  last_status: 503,
  last_error: 'It answered 503.',
  answer: '',
  body: '{"type":"steward.message","timestamp":"2026-11-22T08:00:00.000Z","data":"Dinner is ready"}',
  created_at: AT,
  updated_at: AT,
}

function shown(row: Row, { webhooks, credentials }: Services): z.infer<ReturnType<typeof Target>> {
  const last = webhooks.targets.lastDelivery(row.id)
  return {
    id: row.id,
    name: row.name,
    url: row.url,
    description: row.description,
    owner: row.owner,
    enabled: row.enabled,
    created_at: row.createdAt,
    updated_at: row.updatedAt,
    last_delivery: last
      ? {
          state: last.state,
          at: last.updatedAt,
          status: last.lastStatus,
          error: last.lastError && credentials.mask(last.lastError),
        }
      : null,
  }
}

/** A delivery with every known secret in it masked. */
function shownDelivery(row: Message, { credentials: { mask } }: Services): z.infer<ReturnType<typeof Delivery>> {
  return {
    id: row.id,
    run_id: row.runId,
    call_id: row.callId,
    state: row.state,
    attempts: row.attempts,
    next_attempt_at: row.nextAttemptAt,
    last_status: row.lastStatus,
    last_error: row.lastError && mask(row.lastError),
    answer: row.answer && mask(row.answer),
    body: mask(row.body),
    created_at: row.createdAt,
    updated_at: row.updatedAt,
  }
}

export const webhookTargetEndpoints = [
  endpoint({
    method: 'get',
    path: '/api/webhook-targets',
    tag: 'Webhook targets',
    role: 'user',
    scopes: ['read'],
    summary: 'Where webhook.send_to_target may send to, by name',
    query: Cursor,
    output: list(Target),
    example: whole([EXAMPLE]),
    handle: ({ query }, { services, who }) => {
      const page = services.webhooks.targets.list(who.user.id, query)
      return { ...page, items: page.items.map((row) => shown(row, services)) }
    },
  }),
  endpoint({
    method: 'post',
    path: '/api/webhook-targets',
    tag: 'Webhook targets',
    role: 'user',
    scopes: ['admin'],
    status: 201,
    creates: { showsSecret: true },
    summary: 'Add a webhook target',
    description:
      'Messages are signed as Standard Webhooks has it; the signing secret is shown this once. `owner`: your own device or ' +
      'service, which may be written to without asking. With http the message can be read on its way. Only an administrator ' +
      'may name an address inside the house.',
    body: Draft,
    output: NewTarget,
    errors: ['conflict'],
    example: { ...EXAMPLE, last_delivery: null, secret: 'whsec_…' },
    exampleBody: { name: 'kitchen display', url: 'https://home.example.com/hooks/kitchen', owner: true },
    handle: ({ body }, { services, who }) => {
      const { target, secret } = services.webhooks.targets.create(who.user.id, body, who.actor)
      return { ...shown(target, services), secret }
    },
  }),
  endpoint({
    method: 'get',
    path: '/api/webhook-targets/{id}',
    tag: 'Webhook targets',
    role: 'user',
    scopes: ['read'],
    summary: 'One webhook target',
    params: Id,
    output: Target,
    errors: ['not_found'],
    example: EXAMPLE,
    handle: ({ params }, { services, who }) => shown(services.webhooks.targets.get(who.user.id, params.id), services),
  }),
  endpoint({
    method: 'put',
    path: '/api/webhook-targets/{id}',
    tag: 'Webhook targets',
    role: 'user',
    scopes: ['admin'],
    summary: 'Change a webhook target',
    description: 'What is left out stays as it is. While it is not `enabled`, nothing is sent to it.',
    params: Id,
    body: Change,
    output: Ok,
    errors: ['not_found', 'conflict'],
    example: OK,
    exampleBody: { enabled: false },
    handle: ({ params, body }, { services, who }) => (
      services.webhooks.targets.change(who.user.id, params.id, body, who.actor),
      OK
    ),
  }),
  endpoint({
    method: 'delete',
    path: '/api/webhook-targets/{id}',
    tag: 'Webhook targets',
    role: 'user',
    scopes: ['admin'],
    summary: 'Remove a webhook target',
    description: 'What still waits to be delivered to it fails.',
    params: Id,
    output: Ok,
    errors: ['not_found'],
    example: OK,
    handle: ({ params }, { services, who }) => (
      services.webhooks.targets.remove(who.user.id, params.id, who.actor),
      OK
    ),
  }),
  endpoint({
    method: 'post',
    path: '/api/webhook-targets/{id}/rotate',
    tag: 'Webhook targets',
    role: 'user',
    scopes: ['admin'],
    creates: { showsSecret: true },
    summary: 'Make a new signing secret',
    description: 'It is shown this once; the old one is worth nothing from now on.',
    params: Id,
    output: NewTarget,
    errors: ['not_found'],
    example: { ...EXAMPLE, secret: 'whsec_…' },
    handle: ({ params }, { services, who }) => {
      const { target, secret } = services.webhooks.targets.rotate(who.user.id, params.id, who.actor)
      return { ...shown(target, services), secret }
    },
  }),
  endpoint({
    method: 'post',
    path: '/api/webhook-targets/{id}/test',
    tag: 'Webhook targets',
    role: 'user',
    scopes: ['admin'],
    summary: 'Send one test message now',
    description: 'A signed message of the type `test`, sent once; it does not appear among the deliveries.',
    params: Id,
    output: Tested,
    errors: ['not_found'],
    example: { ok: true, status: 204 },
    handle: ({ params }, { services, who }) => services.webhooks.test(who.user.id, params.id, who.actor),
  }),
  endpoint({
    method: 'get',
    path: '/api/webhook-targets/{id}/deliveries',
    tag: 'Webhook targets',
    role: 'user',
    scopes: ['read'],
    summary: 'What was sent to it, newest first',
    description:
      '`queued` is tried again at `next_attempt_at`; `uncertain` may have arrived and is not sent again unless you say so. ' +
      'The receiver knows a repeat by its `webhook-id`, which is the id here.',
    params: Id,
    query: Cursor,
    output: Deliveries,
    errors: ['not_found'],
    example: whole([EXAMPLE_DELIVERY]),
    handle: ({ params, query }, { services, who }) => {
      const { id } = services.webhooks.targets.get(who.user.id, params.id)
      const page = services.webhooks.outbox.list(id, query)
      return { ...page, items: page.items.map((row) => shownDelivery(row, services)) }
    },
  }),
]
