import { z } from 'zod'
import { AppError } from '../services/errors.ts'
import { Ok, OK, Page, Time } from '../services/shapes/common.ts'
import { lazy } from '../services/shapes/lazy.ts'
import { endpoint } from './endpoint.ts'
import { Recalled } from './frame-shapes.ts'
import { Attachment, Part } from './run-shapes.ts'

const Entry = lazy(() =>
  z
    .object({
      id: z.string(),
      title: z.string(),
      model: z.string(),
      started_at: Time(),
      updated_at: Time(),
      message_count: z.number(),
    })
    .meta({ id: 'ConversationEntry' }),
)
const UserMessage = lazy(() =>
  z.object({
    id: z.string(),
    role: z.literal('user'),
    run_id: z.string(),
    content: z.string(),
    attachments: z.array(Attachment()),
    recalled: z.array(Recalled()),
    by: z.enum(['web', 'telegram', 'api']),
    created_at: Time(),
    cleared: z.boolean(),
  }),
)
const AssistantMessage = lazy(() =>
  z.object({
    id: z.string(),
    role: z.literal('assistant'),
    run_id: z.string(),
    content: z.string(),
    parts: z.array(Part()),
    confirmations: z.array(
      z.object({
        call_id: z.string(),
        tool_name: z.string(),
        arguments: z.unknown(),
        description: z.string(),
        reason: z.string(),
        expires_at: Time(),
        kind: z.literal('uncertain').optional(),
        approval_id: z.string().optional(),
      }),
    ),
    status: z.string(),
    reason: z.string().nullable(),
    stop_reason: z.string().nullable(),
    error: z.object({ error: z.string(), code: z.string() }).nullable(),
    model: z.string(),
    usage: z.object({ input_tokens: z.number(), output_tokens: z.number(), cost_usd: z.number().nullable() }),
    integrity: z.string(),
    created_at: Time(),
    cleared: z.boolean(),
  }),
)
const Conversation = lazy(() =>
  Entry()
    .extend({
      agent_id: z.string().nullable(),
      last_seq: z.number(),
      integrity: z.string(),
      privacy: z.string(),
      web_open: z.boolean(),
      messages: z.array(z.discriminatedUnion('role', [UserMessage(), AssistantMessage()])),
    })
    .meta({ id: 'Conversation' }),
)
const Id = lazy(() => z.object({ id: z.string() }))
const AttachmentId = lazy(() => z.object({ id: z.string(), attachment_id: z.string() }))
const Title = lazy(() => z.strictObject({ title: z.string().trim().min(1).max(200) }))
const Search = lazy(() =>
  Page().extend({
    q: z.string().max(200).optional().describe('Words to look for in titles and in all that was said.'),
  }),
)

const EXAMPLE = {
  id: '019a9d2e-7c1a-7000-8000-000000000005',
  title: 'Plans for Sunday',
  model: 'anthropic:claude-sonnet-5-5',
  started_at: '2026-11-22T08:00:00.000Z',
  updated_at: '2026-11-22T08:01:00.000Z',
  message_count: 2,
}

/** Pictures are shown in place; everything else is offered as a download, so that no page of a stranger runs here. */
const INLINE = /^image\/(png|jpeg|gif|webp)$/

export const conversationEndpoints = [
  endpoint({
    method: 'get',
    path: '/api/conversations',
    tag: 'Conversations',
    role: 'user',
    scopes: ['read'],
    summary: 'Conversations, newest first',
    description:
      'With `q` those whose title holds it (three characters at least), then those in which its words begin words that were said, the newest such message first. Above 10,000 matches the search stops and `total_is_min` is true.',
    query: Search,
    output: lazy(() =>
      z.object({ conversations: z.array(Entry()), total: z.number(), total_is_min: z.boolean().optional() }),
    ),
    example: { conversations: [EXAMPLE], total: 1 },
    handle: ({ query }, { services, who }) => services.conversations.list(who.user.id, query),
  }),
  endpoint({
    method: 'get',
    path: '/api/conversations/{id}',
    tag: 'Conversations',
    role: 'user',
    scopes: ['read'],
    summary: 'One conversation with all that was said and done',
    description: '`last_seq` is where to join its socket: /ws/{id}?after=<last_seq>.',
    params: Id,
    output: Conversation,
    errors: ['not_found'],
    example: {
      ...EXAMPLE,
      agent_id: null,
      last_seq: 12,
      integrity: 'owner',
      privacy: 'private',
      web_open: false,
      messages: [],
    },
    handle: ({ params }, { services, who }) =>
      services.transcript.of(services.conversations.get(who.user.id, params.id)),
  }),
  endpoint({
    method: 'patch',
    path: '/api/conversations/{id}',
    tag: 'Conversations',
    role: 'user',
    scopes: ['run'],
    summary: 'Give it another title',
    params: Id,
    body: Title,
    output: Ok,
    errors: ['not_found'],
    example: OK,
    exampleBody: { title: 'New title' },
    handle: ({ params, body }, { services, who }) => (
      services.conversations.rename(who.user.id, params.id, body.title),
      OK
    ),
  }),
  endpoint({
    method: 'delete',
    path: '/api/conversations/{id}',
    tag: 'Conversations',
    role: 'user',
    scopes: ['run'],
    summary: 'Remove it with everything said in it',
    description: 'What goes on in it is stopped first.',
    params: Id,
    output: Ok,
    errors: ['not_found'],
    example: OK,
    handle: async ({ params }, { services, who }) => {
      await services.runs.removeConversation(who.user.id, params.id, who.actor)
      return OK
    },
  }),
  endpoint({
    method: 'get',
    path: '/api/conversations/{id}/attachments/{attachment_id}',
    tag: 'Conversations',
    role: 'user',
    scopes: ['read'],
    summary: 'A file that came with a message',
    params: AttachmentId,
    media: 'application/octet-stream',
    description: 'Its own media type; pictures are shown in place, everything else is offered as a download.',
    errors: ['not_found'],
    handle: ({ params }, { services, who, res }) => {
      const { id } = services.conversations.get(who.user.id, params.id)
      const file = services.runStore.attachment(id, params.attachment_id)
      if (!file) throw new AppError('not_found', 'There is no such attachment.')
      const place = INLINE.test(file.mediaType) ? 'inline' : 'attachment'
      res.set('Content-Disposition', `${place}; filename*=UTF-8''${encodeURIComponent(file.name)}`)
      res.set('Cache-Control', 'private, max-age=3600').type(file.mediaType).send(file.data)
    },
  }),
]
