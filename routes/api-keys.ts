import { z } from 'zod'
import { cursorsOf, pageOf } from '../services/cursors.ts'
import { AppError, invalidField } from '../services/errors.ts'
import { effectiveScopes, SCOPES } from '../services/shapes/api-key.ts'
import { Cursor, list, Ok, OK, Time, whole } from '../services/shapes/common.ts'
import { lazy } from '../services/shapes/lazy.ts'
import type { ApiKeyDraft } from '../services/api-keys.ts'
import { endpoint, type Context } from './endpoint.ts'

const Input = lazy(() => z.enum(['third_party', 'owner']))
const Draft = lazy(() =>
  z.strictObject({
    name: z.string().trim().min(1).max(100),
    scopes: z.array(z.enum(SCOPES)).min(1).max(SCOPES.length),
    input: Input().optional(),
    expires_at: Time().nullish(),
  }),
)
const ApiKey = lazy(() =>
  z.object({
    id: z.string(),
    name: z.string(),
    prefix: z.string(),
    scopes: z.array(z.enum(SCOPES)),
    input: Input(),
    expires_at: Time().nullable(),
    last_used_at: Time().nullable(),
    created_at: Time(),
  }),
)
const NewApiKey = lazy(() => ApiKey().extend({ key: z.string() }))
const Rotation = lazy(() => z.strictObject({ expires_at: Time().nullish() }))
const Id = lazy(() => z.object({ id: z.string() }))

const EXAMPLE = {
  id: '019a9d2e-7c1a-7000-8000-000000000002',
  name: 'backup script',
  prefix: 'Ab12Cd34',
  scopes: ['read' as const],
  input: 'third_party' as const,
  expires_at: null,
  last_used_at: null,
  created_at: '2026-11-22T08:00:00.000Z',
}

/** A key never goes beyond who makes it: not beyond the user's role, and in nothing beyond the key that makes it. */
function withinReach(draft: ApiKeyDraft, { services, who }: Pick<Context, 'services' | 'who'>): void {
  if (draft.scopes.includes('admin') && who.user.role !== 'admin')
    throw new AppError('forbidden', 'Only an administrator may make a key with the scope admin.')
  if (draft.expires_at && Date.parse(draft.expires_at) <= services.now().getTime())
    throw invalidField('expires_at', 'That time is already over.')
  if (who.via !== 'key') return
  if (draft.scopes.includes('approve'))
    throw new AppError('forbidden', 'A key with the scope approve is made on the page, signed in, not by another key.')
  const own = effectiveScopes(who.scopes)
  const more = draft.scopes.filter((scope) => !own.has(scope))
  if (more.length > 0)
    throw new AppError('forbidden', `This key may not make one with more scopes than its own (${more.join(', ')}).`)
  if (draft.input === 'owner' && who.input !== 'owner')
    throw new AppError(
      'forbidden',
      "This key's input does not count as the owner's, so neither may that of one it makes.",
    )
  const end = services.apiKeys.find(who.keyId)?.expires_at ?? null
  if (end !== null && (!draft.expires_at || Date.parse(draft.expires_at) > Date.parse(end)))
    throw new AppError('forbidden', `This key ends on ${end}, so one it makes needs an expires_at no later than that.`)
}

const OLDEST_FIRST = {
  placeOf: ({ created_at, id }: { created_at: string; id: string }) => `${created_at} ${id}`,
  order: 'ascending' as const,
  cursors: cursorsOf('API keys'),
}

export const apiKeyEndpoints = [
  endpoint({
    method: 'get',
    path: '/api/api-keys',
    tag: 'API keys',
    role: 'user',
    scopes: ['read'],
    summary: 'The API keys of this user',
    query: Cursor,
    output: list(ApiKey),
    example: whole([EXAMPLE]),
    handle: ({ query }, { services, who }) => pageOf(services.apiKeys.list(who.user.id), query, OLDEST_FIRST),
  }),
  endpoint({
    method: 'post',
    path: '/api/api-keys',
    tag: 'API keys',
    role: 'user',
    scopes: ['admin'],
    status: 201,
    creates: { showsSecret: true },
    summary: 'Make an API key',
    description: 'The key is shown this once. `input: owner` is for scripts that pass only your own words.',
    body: Draft,
    output: NewApiKey,
    example: { ...EXAMPLE, key: 'stw_Ab12Cd34_…' },
    exampleBody: { name: 'backup script', scopes: ['read' as const] },
    handle: ({ body }, context) => {
      const { services, who } = context
      withinReach(body, context)
      return services.apiKeys.create(who.user.id, body, who.actor)
    },
  }),
  endpoint({
    method: 'post',
    path: '/api/api-keys/{id}/rotate',
    tag: 'API keys',
    role: 'user',
    scopes: ['admin'],
    creates: { showsSecret: true },
    summary: 'Make another key in place of this one',
    description:
      'It is shown this once. Name, scopes and input stay; `expires_at` stays too where none is given. The old key stops working at once, and its sockets are closed.',
    params: Id,
    body: Rotation,
    output: NewApiKey,
    errors: ['not_found'],
    example: { ...EXAMPLE, key: 'stw_Ab12Cd34_…' },
    exampleBody: { expires_at: null },
    handle: ({ params, body }, context) => {
      const { services, who } = context
      const { name, scopes, input, expires_at } = services.apiKeys.get(who.user.id, params.id)
      const wish = { name, scopes, input, expires_at: body.expires_at === undefined ? expires_at : body.expires_at }
      withinReach(wish, context)
      return services.apiKeys.rotate(who.user.id, params.id, body, who.actor)
    },
  }),
  endpoint({
    method: 'delete',
    path: '/api/api-keys/{id}',
    tag: 'API keys',
    role: 'user',
    scopes: ['admin'],
    summary: 'Remove an API key',
    description: 'It stops working at once, and its sockets are closed.',
    params: Id,
    output: Ok,
    errors: ['not_found'],
    example: OK,
    handle: ({ params }, { services, who }) => (services.apiKeys.remove(who.user.id, params.id, who.actor), OK),
  }),
]
