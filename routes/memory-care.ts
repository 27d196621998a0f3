import { z } from 'zod'
import { AppError } from '../services/errors.ts'
import { Ok, OK } from '../services/shapes/common.ts'
import { lazy } from '../services/shapes/lazy.ts'
import { endpoint } from './endpoint.ts'

const MOST_MARKDOWN = 16 * 1024 ** 2

const MemorySettings = lazy(() => z.strictObject({ memory_recall: z.boolean(), brain_auto_approve: z.boolean() }))
const MemorySettingsChange = lazy(() => MemorySettings().partial())
const Embeddings = lazy(() =>
  z.object({
    embedding_model: z.string().nullable(),
    done: z.number().int(),
    total: z.number().int(),
    problem: z.string().nullable(),
  }),
)
const EmbeddingsChange = lazy(() => z.strictObject({ embedding_model: z.string().trim().min(3).max(200).nullable() }))
const Import = lazy(() =>
  z.strictObject({ markdown: z.string().min(1).max(MOST_MARKDOWN), mine: z.boolean().optional() }),
)
const Imported = lazy(() =>
  z.object({ created: z.number().int(), changed: z.number().int(), unchanged: z.number().int() }),
)

const MARKDOWN = `# Memory

## 019a9d2e-7c1a-7000-8000-000000000008

- kind: preference
- tags: ["coffee"]
- written_by: owner
- created: 2026-11-22T08:00:00.000Z

> Anna takes her coffee black.
`

export const memoryCareEndpoints = [
  endpoint({
    method: 'get',
    path: '/api/memory/export',
    tag: 'Memory',
    role: 'user',
    scopes: ['read'],
    summary: 'All of it as a Markdown file',
    description: 'POST /api/memory/import takes it in again as it is.',
    media: 'text/markdown',
    example: MARKDOWN as never,
    handle: (_input, { services, who, res }) => {
      const text = services.memory.transfer.export(who.user.id)
      res.set('Content-Disposition', 'attachment; filename="memory.md"').type('text/markdown; charset=utf-8').send(text)
    },
  }),
  endpoint({
    method: 'post',
    path: '/api/memory/import',
    tag: 'Memory',
    role: 'user',
    scopes: ['run'],
    summary: 'Take in a Markdown file',
    description:
      'An exported file is taken in to the letter, entries with known ids in their place; of any other Markdown each item and each paragraph becomes a note. It counts as written by others, except where `mine` says that you answer for it, which only a signed-in browser may say.',
    bodyLimit: MOST_MARKDOWN + 1024,
    body: Import,
    output: Imported,
    errors: ['conflict'],
    example: { created: 1, changed: 0, unchanged: 0 },
    exampleBody: { markdown: MARKDOWN },
    handle: ({ body }, { services, who }) => {
      if (body.mine === true && who.via !== 'session')
        throw new AppError('forbidden', 'Only you yourself, signed in on the page, can answer for what a file holds.')
      const trusted = body.mine === true ? 'owner' : 'third_party'
      return services.memory.transfer.import(who.user.id, body.markdown, trusted, who.actor)
    },
  }),
  endpoint({
    method: 'get',
    path: '/api/settings/memory',
    tag: 'Settings',
    role: 'user',
    scopes: ['read'],
    summary: 'Whether memory is told without asking, and kept without asking',
    output: MemorySettings,
    example: { memory_recall: true, brain_auto_approve: false },
    handle: (_input, { services, who }) => services.memory.settings.get(who.user.id),
  }),
  endpoint({
    method: 'post',
    path: '/api/settings/memory',
    tag: 'Settings',
    role: 'user',
    scopes: ['admin'],
    summary: 'Change that',
    description:
      '`memory_recall`: what fits a message is told with it. `brain_auto_approve`: brain.capture is not asked about while nothing of others was read. What is left out stays as it is.',
    body: MemorySettingsChange,
    output: Ok,
    example: OK,
    exampleBody: { brain_auto_approve: true },
    handle: ({ body }, { services, who }) => (services.memory.settings.change(who.user.id, body, who.actor), OK),
  }),
  endpoint({
    method: 'get',
    path: '/api/settings/embeddings',
    tag: 'Settings',
    role: 'admin',
    scopes: ['read'],
    summary: 'The model by which memory is also searched, and how far it has come',
    output: Embeddings,
    example: { embedding_model: 'ollama:nomic-embed-text', done: 120, total: 130, problem: null },
    handle: (_input, { services }) => services.memory.embeddings.get(),
  }),
  endpoint({
    method: 'post',
    path: '/api/settings/embeddings',
    tag: 'Settings',
    role: 'admin',
    scopes: ['admin'],
    summary: 'Choose it',
    description:
      'All of everybody’s memory is sent to it. Null searches by words alone, and forgets what the last one made of it. A provider in `public_only_providers` is refused.',
    body: EmbeddingsChange,
    output: Ok,
    example: OK,
    exampleBody: { embedding_model: null },
    handle: ({ body }, { services, who }) => (services.memory.embeddings.change(body.embedding_model, who.actor), OK),
  }),
]
