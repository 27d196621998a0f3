import { z } from 'zod'
import type { Memory as Row } from '../services/memory/entries.ts'
import { statsOf } from '../services/memory/stats.ts'
import { folded } from '../services/memory/words.ts'
import { AppError } from '../services/errors.ts'
import { Cursor, list, Ok, OK, QueryFlag, Time, whole } from '../services/shapes/common.ts'
import { lazy } from '../services/shapes/lazy.ts'
import { MEMORY_KINDS, MemoryKindShape, MemoryTags, MemoryText } from '../services/shapes/memory.ts'
import type { Who } from '../services/who.ts'
import { endpoint } from './endpoint.ts'

/** So many are looked at where words are searched for. */
const MOST_FOUND = 200

const Particulars = {
  kind: MemoryKindShape,
  tags: MemoryTags,
  expires: lazy(() => Time().nullable()),
}
const Draft = lazy(() =>
  z.strictObject({
    text: MemoryText(),
    kind: Particulars.kind().optional(),
    tags: Particulars.tags().optional(),
    pinned: z.boolean().optional(),
    expires_at: Particulars.expires().optional(),
  }),
)
const Change = lazy(() =>
  Draft()
    .partial()
    .extend({ integrity: z.literal('owner').optional() }),
)
const Integrity = lazy(() => z.enum(['owner', 'third_party']))
export const MemoryShape = lazy(() =>
  z
    .object({
      id: z.string(),
      kind: Particulars.kind(),
      text: z.string(),
      tags: z.array(z.string()),
      pinned: z.boolean(),
      expires_at: Time().nullable(),
      integrity: Integrity(),
      privacy: z.enum(['public', 'private']),
      source: z.enum(['run', 'page', 'api', 'import']),
      run_id: z.string().nullable(),
      created_at: Time(),
      updated_at: Time(),
    })
    .meta({ id: 'Memory' }),
)
const Filter = lazy(() =>
  Cursor().extend({
    q: z.string().trim().max(500).optional().describe('Words to look for; the best fit comes first.'),
    kind: Particulars.kind().optional().describe('Only this kind.'),
    tag: z.string().trim().max(64).optional().describe('Only what has this tag.'),
    pinned: QueryFlag().optional().describe('Only what is pinned, or only what is not.'),
  }),
)
const Stats = lazy(() =>
  z.object({
    total: z.number().int(),
    pinned: z.number().int(),
    third_party: z.number().int(),
    by_kind: z.object(Object.fromEntries(MEMORY_KINDS.map((kind) => [kind, z.number().int()]))),
  }),
)
const Id = lazy(() => z.object({ id: z.string() }))

const AT = '2026-11-22T08:00:00.000Z'
const EXAMPLE: z.infer<ReturnType<typeof MemoryShape>> = {
  id: '019a9d2e-7c1a-7000-8000-000000000008',
  kind: 'preference',
  text: 'Anna takes her coffee black.',
  tags: ['coffee'],
  pinned: false,
  expires_at: null,
  integrity: 'owner',
  privacy: 'private',
  source: 'page',
  run_id: null,
  created_at: AT,
  updated_at: AT,
}

function shown(memory: Row): z.infer<ReturnType<typeof MemoryShape>> {
  const { id, kind, text, tags, pinned, integrity, privacy, source } = memory
  return {
    id,
    kind,
    text,
    tags,
    pinned,
    expires_at: memory.expiresAt,
    integrity,
    privacy,
    source,
    run_id: memory.runId,
    created_at: memory.createdAt,
    updated_at: memory.updatedAt,
  }
}

/** What is written counts as what the session's or the key's words count as. */
const writer = (who: Who) => ({
  labels: { integrity: who.input, privacy: 'private' as const },
  source: who.via === 'session' ? ('page' as const) : ('api' as const),
  by: who.actor,
})

const draftOf = <T extends { expires_at?: string | null | undefined }>({ expires_at, ...rest }: T) => ({
  ...rest,
  ...(expires_at === undefined ? {} : { expiresAt: expires_at }),
})

export const memoryEndpoints = [
  endpoint({
    method: 'get',
    path: '/api/memory',
    tag: 'Memory',
    role: 'user',
    scopes: ['read'],
    summary: 'What is kept in mind, the newest first, or what fits some words',
    description:
      'With `q` the best fit comes first, by words and, where an embeddings model is set, by meaning; at most 200 are looked at. `integrity` is `third_party` where others could have written it: such entries are found when they are searched for, and never told to a model by themselves.',
    query: Filter,
    output: lazy(() =>
      list(MemoryShape)().extend({
        note: z.string().optional().describe('How it was searched, where not as it was set.'),
      }),
    ),
    example: whole([EXAMPLE]),
    handle: async ({ query }, { services: { memory }, who }) => {
      const { q, kind, tag, pinned, ...page } = query
      const filter = { kind, pinned, ...(tag ? { tag: folded(tag) } : {}) }
      if (!q) {
        const listed = memory.memories.list(who.user.id, filter, page)
        return { ...listed, items: listed.items.map(shown) }
      }
      const { found, note } = await memory.search(who.user.id, q, filter, MOST_FOUND, AbortSignal.timeout(10_000))
      const listed = memory.memories.pageOf(found, page)
      return { ...listed, items: listed.items.map(shown), ...(note === undefined ? {} : { note }) }
    },
  }),
  endpoint({
    method: 'post',
    path: '/api/memory',
    tag: 'Memory',
    role: 'user',
    scopes: ['run'],
    status: 201,
    creates: { showsSecret: false },
    summary: 'Keep something in mind',
    description:
      'What a key for strangers’ words writes counts as written by others. `pinned` is told in every conversation.',
    body: Draft,
    output: MemoryShape,
    errors: ['conflict'],
    example: EXAMPLE,
    exampleBody: { text: 'Anna takes her coffee black.', kind: 'preference', tags: ['coffee'] },
    handle: ({ body }, { services, who }) =>
      shown(services.memory.memories.create(who.user.id, draftOf(body), writer(who)).memory),
  }),
  endpoint({
    method: 'get',
    path: '/api/memory/stats',
    tag: 'Memory',
    role: 'user',
    scopes: ['read'],
    summary: 'How much is kept in mind',
    output: Stats,
    example: { total: 3, pinned: 1, third_party: 0, by_kind: { fact: 1, preference: 1, person: 1, task: 0, note: 0 } },
    handle: (_input, { services, who }) => statsOf(services.memory.memories.counts(who.user.id)),
  }),
  endpoint({
    method: 'get',
    path: '/api/memory/{id}',
    tag: 'Memory',
    role: 'user',
    scopes: ['read'],
    summary: 'One memory',
    params: Id,
    output: MemoryShape,
    errors: ['not_found'],
    example: EXAMPLE,
    handle: ({ params }, { services, who }) => shown(services.memory.memories.get(who.user.id, params.id)),
  }),
  endpoint({
    method: 'patch',
    path: '/api/memory/{id}',
    tag: 'Memory',
    role: 'user',
    scopes: ['run'],
    summary: 'Correct, pin or date a memory',
    description:
      'What is left out stays as it is. `integrity: owner` says that you have read what others wrote and answer for it; only a signed-in browser may.',
    params: Id,
    body: Change,
    output: MemoryShape,
    errors: ['not_found'],
    example: { ...EXAMPLE, pinned: true },
    exampleBody: { pinned: true },
    handle: ({ params, body }, { services, who }) => {
      const { integrity, ...rest } = body
      if (integrity !== undefined && who.via !== 'session')
        throw new AppError('forbidden', 'Only you yourself, signed in on the page, can answer for what others wrote.')
      const values = { ...draftOf(rest), ...(integrity === undefined ? {} : { endorsed: true }) }
      return shown(services.memory.memories.change(who.user.id, params.id, values, writer(who)))
    },
  }),
  endpoint({
    method: 'delete',
    path: '/api/memory/{id}',
    tag: 'Memory',
    role: 'user',
    scopes: ['run'],
    summary: 'Forget one memory for good',
    description:
      'It is gone from the index and the database file too. What was said with it in conversations stays there.',
    params: Id,
    output: Ok,
    errors: ['not_found'],
    example: OK,
    handle: ({ params }, { services, who }) => (services.memory.memories.remove(who.user.id, params.id, who.actor), OK),
  }),
]
