import { z } from 'zod'
import { Time } from '../services/shapes/common.ts'
import { lazy } from '../services/shapes/lazy.ts'
import { MemoryKindShape } from '../services/shapes/memory.ts'
import { STATUSES } from './run-shapes.ts'

/** What `/ws/{session_id}` says, for the API's document: the same frames as the types in `services/shapes/frames.ts`. */

const By = lazy(() => z.enum(['web', 'telegram', 'api']))
const Status = lazy(() => z.enum(STATUSES))
const Integrity = lazy(() => z.enum(['owner', 'third_party']))
const Id = lazy(() => z.string())

/** A frame of a run; kept ones carry `seq`, the cursor to resume by. */
const frame = <T extends z.ZodRawShape>(type: string, fields: T) =>
  z.object({ type: z.literal(type), ...fields, run_id: Id().optional(), seq: z.int().optional() }).meta({
    id: `${type.replace(/(?:^|_)(\w)/g, (_, letter: string) => letter.toUpperCase())}Frame`,
  })

const confirmation = () => ({
  call_id: Id(),
  tool_name: z.string(),
  arguments: z.unknown(),
  description: z.string(),
  reason: z.string(),
  expires_at: Time(),
  provenance: z
    .array(
      z.object({
        path: z.string(),
        value: z.string(),
        origin: z.enum(['owner', 'third_party', 'steward', 'model']),
        sentence: z.string(),
      }),
    )
    .optional(),
  may_remember: z.array(z.enum(['conversation', 'agent'])).optional(),
  kind: z.literal('uncertain').optional(),
  approval_id: Id().optional(),
})

const ToolCall = lazy(() =>
  z.object({
    call_id: Id(),
    tool_name: z.string(),
    arguments: z.unknown(),
    success: z.boolean().optional(),
    result_summary: z.string().optional(),
    confirmed: z.boolean().optional(),
    duration_ms: z.number().optional(),
  }),
)

const Model = lazy(() =>
  z.object({
    id: z.string(),
    name: z.string(),
    provider: z.string(),
    context_length: z.number().nullable(),
    pricing: z.object({ prompt: z.number().nullable(), completion: z.number().nullable() }),
    capabilities: z.object({ vision: z.boolean(), tools: z.boolean(), online: z.boolean() }),
    private_ok: z.boolean(),
  }),
)

/** A memory that was told without asking. */
export const Recalled = lazy(() => z.object({ id: Id(), kind: MemoryKindShape(), text: z.string() }))

/** Every frame that a client may be told. */
export const ServerFrame = lazy(() =>
  z
    .discriminatedUnion('type', [
      frame('models', { models: z.array(Model()), default: z.string() }),
      frame('user_message', { message_id: Id(), content: z.string(), attachments: z.array(z.string()), by: By() }),
      frame('run', { status: Status(), position: z.number().optional(), reason: z.string().optional() }),
      frame('state', {
        status: Status(),
        text: z.string(),
        integrity: Integrity(),
        tool_calls: z.array(ToolCall()),
        confirmations: z.array(z.object(confirmation())),
      }),
      frame('gap', { oldest: z.number() }),
      frame('text', { content: z.string() }),
      frame('recalled', { entries: z.array(Recalled()) }),
      frame('tool_start', { call_id: Id(), tool_name: z.string(), arguments: z.unknown() }),
      frame('tool_done', {
        call_id: Id(),
        tool_name: z.string(),
        success: z.boolean(),
        result_summary: z.string(),
        confirmed: z.boolean(),
        duration_ms: z.number(),
        integrity: Integrity(),
        source: z.string().optional(),
        touched: z.literal(true).optional(),
        flags: z.array(z.string()).optional(),
      }),
      frame('confirmation_required', confirmation()),
      frame('confirmation_closed', { call_id: Id(), decision: z.enum(['approved', 'denied', 'expired']), by: By() }),
      frame('images', { data_urls: z.array(z.string()) }),
      frame('done', {
        text: z.string(),
        tool_calls_made: z.number(),
        usage: z.object({ input_tokens: z.number(), output_tokens: z.number(), cost_usd: z.number().nullable() }),
        stop_reason: z.enum([
          'end_turn',
          'max_tool_calls',
          'max_tokens',
          'refusal',
          'stopped',
          'budget',
          'interrupted',
        ]),
        integrity: Integrity(),
      }),
      frame('event', { channel: z.string(), agent_id: Id().optional(), data: z.unknown() }),
      frame('error', { error: z.string(), code: z.string(), detail: z.unknown().optional() }),
      frame('pong', {}),
    ])
    .meta({ id: 'ServerFrame', description: 'What the server says on /ws/{session_id}; `type` tells which.' }),
)

/** The socket in words: who may open it, in which order it speaks, and how to resume. */
export const SOCKET_DESCRIPTION = `## Chat socket

\`GET /ws/{session_id}\` with an upgrade to a WebSocket is a conversation. The session id is the conversation's id, a UUID
that the client chooses; an unknown one begins a conversation with its first message.

**Who may**: a signed-in browser (cookie, same-origin \`Origin\`), an API key with the scope \`read\` in \`X-API-Key\` or as a
bearer token (sending needs \`run\`, deciding \`approve\`), or \`?ticket=\` from \`POST /api/ws-ticket\`. Anybody else is
refused at the upgrade with the status and the error that HTTP would give: 400, 401, 403, 404, 421 or 429.

**Order**: first a frame \`models\`; with \`?after=<seq>\` the kept frames since then (before them \`gap\` where some are gone);
then \`state\` where a run is going. Frames of a run carry \`run_id\`, kept ones \`seq\`: the greatest one seen is what to
resume by. Who reads too slowly is closed with 1013 and resumes; a key or session that ends closes its sockets with 1008.

**Frames** are JSON text: the client's are \`ClientFrame\`, the server's \`ServerFrame\` (see Schemas). What is no frame is
answered with \`{"type": "error", "code": "invalid", …}\`; the socket stays.

\`\`\`
→ {"type": "message", "content": "What is on today?"}
← {"type": "user_message", "message_id": "…", "content": "What is on today?", "attachments": [], "by": "web", "run_id": "…", "seq": 41}
← {"type": "run", "status": "running", "run_id": "…", "seq": 42}
← {"type": "text", "content": "Two meetings", "run_id": "…"}
← {"type": "done", "text": "Two meetings today.", "tool_calls_made": 0, "usage": {…}, "stop_reason": "end_turn", "run_id": "…", "seq": 43}
\`\`\``
