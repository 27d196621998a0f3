import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

/** Anthropic's Messages API on loopback, as far as Steward uses it; what it answers is the test's to say. */

export const KEY = 'sk-ant-test-0123456789abcdef'
export const MODEL = 'anthropic:claude-sonnet-5-5'

const MODELS = [
  ['claude-sonnet-5-5', 'Claude Sonnet 5.5', '2026-09-01T00:00:00Z'],
  ['claude-opus-5-5', 'Claude Opus 5.5', '2026-08-01T00:00:00Z'],
  ['claude-haiku-5-5', 'Claude Haiku 5.5', '2026-07-01T00:00:00Z'],
]

export type Call = { name: string; args: unknown; id?: string }

/**
 * One answer. `text` comes piece by piece, then the calls; a call whose `args` is a string is sent as that, valid JSON or
 * not. `status` refuses instead. `cutAfter` breaks the connection after so many pieces of text, `hang` never ends it.
 */
export type Reply = {
  text?: readonly string[]
  calls?: readonly Call[]
  stop?: string
  usage?: { input?: number; output?: number; cacheRead?: number }
  pauseMs?: number
  cutAfter?: number
  hang?: boolean
  status?: number
  error?: string
  headers?: Record<string, string>
}

export type Request = {
  model: string
  max_tokens: number
  system: { text: string }[]
  messages: { role: 'user' | 'assistant'; content: any[] }[]
  tools: { name: string; input_schema: object }[]
  tool_choice?: { type: string }
}

export type Handler = (request: Request, index: number) => Reply | Promise<Reply>

export type ModelApi = AsyncDisposable & {
  url: string
  /** What was sent to `/v1/messages` since the last `answer`, refused or not. */
  requests: Request[]
  /** As it came over the wire. */
  bodies: string[]
  /** From now on these are the answers: one by one with the last one again and again, or by a function. */
  answer: (...replies: [Handler] | Reply[]) => void
  /** What Steward's environment needs to talk to it. */
  env: Record<string, string>
}

export const say = (...text: string[]): Reply => ({ text })
export const use = (name: string, args: unknown, id?: string): Reply => ({
  calls: [{ name, args, ...(id === undefined ? {} : { id }) }],
})
export const write = (path: string, content: string): Reply =>
  use('filesystem', { operation: 'write_file', path, content })
export const read = (path: string): Reply => use('filesystem', { operation: 'read_file', path })
export const fetchPage = (url: string): Reply => use('web', { operation: 'fetch_page', url })

/** The results of tools in the newest message of a request, as the model reads them. */
export function resultsIn(request: Request | undefined): { id: string; text: string; failed: boolean }[] {
  const blocks = request?.messages.at(-1)?.content ?? []
  return blocks
    .filter(({ type }) => type === 'tool_result')
    .map((block) => ({ id: block.tool_use_id, text: String(block.content), failed: block.is_error === true }))
}

/** All text of a request's messages, without the system prompt. */
export function textIn(request: Request | undefined): string {
  return (request?.messages ?? [])
    .flatMap(({ content }) => content)
    .map((block) => String(block.text ?? block.content ?? ''))
    .join('\n')
}

export async function startModelApi(...replies: Reply[]): Promise<ModelApi> {
  const requests: Request[] = []
  const bodies: string[] = []
  let handler = inTurn(replies)

  async function messages(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const body = await bodyOf(req)
    const request = JSON.parse(body) as Request
    bodies.push(body)
    const index = requests.push(request) - 1
    const problem = problemOf(request)
    await send(res, problem ? { status: 400, error: problem } : await handler(request, index))
  }

  const server = createServer((req, res) => {
    const path = req.url?.split('?')[0]
    if (keyOf(req) !== KEY) return void send(res, { status: 401, error: 'invalid x-api-key' })
    if (path === '/v1/models') return list(res)
    if (path !== '/v1/messages') return void send(res, { status: 404, error: 'not found' })
    messages(req, res).catch(() => res.destroy())
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return {
    url,
    requests,
    bodies,
    answer(...next) {
      requests.length = bodies.length = 0
      handler = typeof next[0] === 'function' ? next[0] : inTurn(next as Reply[])
    },
    env: { ANTHROPIC_API_KEY: KEY, ANTHROPIC_BASE_URL: url },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      server.close()
    },
  }
}

function inTurn(replies: readonly Reply[]): Handler {
  return (_request, index) => replies[Math.min(index, replies.length - 1)] ?? say('Nothing was scripted.')
}

async function bodyOf(req: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of req) chunks.push(chunk)
  return Buffer.concat(chunks).toString()
}

function keyOf(req: IncomingMessage): string | undefined {
  return (req.headers['x-api-key'] as string | undefined) ?? req.headers.authorization?.replace(/^Bearer /, '')
}

function list(res: ServerResponse): void {
  const data = MODELS.map(([id, display_name, created_at]) => ({ type: 'model', id, display_name, created_at }))
  res.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ data, has_more: false }))
}

/** What the real API answers 400 to, where our own mistakes would show. */
function problemOf({ messages, max_tokens, tools }: Request): string | undefined {
  if (!(max_tokens > 0)) return 'max_tokens: must be positive'
  if (messages[0]?.role !== 'user') return 'messages: first message must use the "user" role'
  const blocks = messages.flatMap(({ content }) => content)
  if (blocks.some((block) => block.type === 'text' && block.text.trim() === ''))
    return 'messages: text must not be empty'
  if (blocks.some(({ type }) => type === 'tool_use') && !tools?.length)
    return 'tool_use blocks need tools to be defined'
  if (messages.some((message, at) => message.role === messages[at + 1]?.role)) return 'messages: roles must alternate'
  const unanswered = messages.some((message, at) => idsOf(message, 'id') !== idsOf(messages[at + 1], 'tool_use_id'))
  return unanswered ? 'tool_use ids were found without tool_result blocks immediately after' : undefined
}

function idsOf(message: Request['messages'][number] | undefined, field: 'id' | 'tool_use_id'): string {
  const wanted = field === 'id' ? 'tool_use' : 'tool_result'
  const blocks = (message?.content ?? []).filter(({ type }) => type === wanted)
  return blocks.map((block) => block[field]).join()
}

async function send(res: ServerResponse, reply: Reply): Promise<void> {
  if (reply.status !== undefined) return refuse(res, reply)
  res.writeHead(200, { 'content-type': 'text/event-stream', ...reply.headers })
  res.flushHeaders()
  const { head, pieces, rest } = eventsOf(reply)
  for (const event of head) emit(res, event)
  for (const event of pieces.slice(0, reply.cutAfter)) {
    emit(res, event)
    if (reply.pauseMs !== undefined) await sleep(reply.pauseMs)
    if (res.destroyed) return
  }
  if (reply.cutAfter !== undefined) return void (await sleep(20), res.destroy())
  if (reply.hang) return
  for (const event of rest) emit(res, event)
  res.end()
}

function refuse(res: ServerResponse, { status, error = 'refused', headers }: Reply): void {
  const types: Record<number, string> = {
    401: 'authentication_error',
    429: 'rate_limit_error',
    529: 'overloaded_error',
  }
  const body = { type: 'error', error: { type: types[status!] ?? 'invalid_request_error', message: error } }
  res.writeHead(status!, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body))
}

function emit(res: ServerResponse, event: { type: string }): void {
  res.write(`event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`)
}

type Event = { type: string } & Record<string, unknown>

function eventsOf({ text = [], calls = [], stop, usage = {} }: Reply): Record<'head' | 'pieces' | 'rest', Event[]> {
  const started = { input_tokens: usage.input ?? 10, cache_read_input_tokens: usage.cacheRead ?? 0, output_tokens: 1 }
  const message = { id: 'msg_1', type: 'message', role: 'assistant', content: [], usage: started }
  const begun = text.length === 0 ? [] : [opened(0, { type: 'text', text: '' })]
  const ended = text.length === 0 ? [] : [{ type: 'content_block_stop', index: 0 }]
  const reason = stop ?? (calls.length > 0 ? 'tool_use' : 'end_turn')
  const blocks = calls.flatMap((call, at) => callEvents(call, at + begun.length))
  return {
    head: [{ type: 'message_start', message }, ...begun],
    pieces: text.map((piece) => delta(0, { type: 'text_delta', text: piece })),
    rest: [
      ...ended,
      ...blocks,
      { type: 'message_delta', delta: { stop_reason: reason }, usage: { output_tokens: usage.output ?? 5 } },
      { type: 'message_stop' },
    ],
  }
}

let numbers = 0

function callEvents({ name, args, id = `toolu_${String(++numbers).padStart(4, '0')}` }: Call, index: number): Event[] {
  const json = typeof args === 'string' ? args : JSON.stringify(args)
  const middle = Math.floor(json.length / 2)
  return [
    opened(index, { type: 'tool_use', id, name, input: {} }),
    ...[json.slice(0, middle), json.slice(middle)].map((part) =>
      delta(index, { type: 'input_json_delta', partial_json: part }),
    ),
    { type: 'content_block_stop', index },
  ]
}

const opened = (index: number, content_block: object): Event => ({ type: 'content_block_start', index, content_block })
const delta = (index: number, part: object): Event => ({ type: 'content_block_delta', index, delta: part })
