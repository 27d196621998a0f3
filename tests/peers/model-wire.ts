import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Model, ModelEvent, ModelRequest } from '../../services/agent/model.ts'
import { AppError } from '../../services/errors.ts'
import { anthropic } from '../../services/models/anthropic.ts'
import { createModels } from '../../services/models/index.ts'
import { withRetry } from '../../services/models/retry.ts'
import type { AssistantMessage, AssistantPart, Message } from '../../services/shapes/message.ts'

/** The model APIs as a test plays them, answer by answer, and ways to ask a model. */

export const KEY = 'sk-ant-secret-0123456789'
export const PNG = 'iVBORw0KGgo='
export const WEATHER = {
  name: 'get_weather',
  description: 'The weather in a city',
  inputSchema: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
}

export type Seen = { path: string; headers: IncomingHttpHeaders; body: any; at: number }
export type Answer = (res: ServerResponse, seen: Seen) => void

/** A server on loopback that gives the n-th answer to the n-th request (the last one again and again). */
export async function serve(...answers: Answer[]) {
  const requests: Seen[] = []
  const server = createServer(async (req, res) => {
    const chunks: Buffer[] = []
    for await (const chunk of req) chunks.push(chunk)
    const text = Buffer.concat(chunks).toString()
    const seen = { path: req.url ?? '', headers: req.headers, body: text && JSON.parse(text), at: Date.now() }
    requests.push(seen)
    answers[Math.min(requests.length, answers.length) - 1]!(res, seen)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const close = async () => void (server.closeAllConnections(), server.close())
  return { url, requests, [Symbol.asyncDispose]: close }
}

export const json =
  (status: number, body: unknown, headers: Record<string, string> = {}): Answer =>
  (res) =>
    void res.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body))

export const claudeError = (status: number, type: string, message: string, headers = {}) =>
  json(status, { type: 'error', error: { type, message } }, headers)

export const overloaded = claudeError(529, 'overloaded_error', 'Overloaded')

export function sse(res: ServerResponse, events: object[]): void {
  if (!res.headersSent) res.writeHead(200, { 'content-type': 'text/event-stream' })
  for (const event of events) {
    const { type } = event as { type?: string }
    res.write(`${type ? `event: ${type}\n` : ''}data: ${JSON.stringify(event)}\n\n`)
  }
}

/** The events of one Claude answer; a block is text, thinking or a call. */
export function claudeEvents(blocks: object[], stop = 'end_turn', usage: object = {}): object[] {
  return [
    {
      type: 'message_start',
      message: { id: 'msg', role: 'assistant', content: [], usage: { input_tokens: 10, output_tokens: 1 } },
    },
    ...blocks.flatMap(blockEvents),
    { type: 'message_delta', delta: { stop_reason: stop }, usage: { output_tokens: 7, ...usage } },
    { type: 'message_stop' },
  ]
}

export function blockEvents(block: any, index: number): object[] {
  const [start, ...deltas] = {
    text: () => [{ type: 'text', text: '' }, ...halves(block.text).map((text) => ({ type: 'text_delta', text }))],
    thinking: () => [
      { type: 'thinking', thinking: '', signature: '' },
      ...halves(block.thinking).map((thinking) => ({ type: 'thinking_delta', thinking })),
      { type: 'signature_delta', signature: block.signature },
    ],
    redacted_thinking: () => [block],
    tool_use: () => [
      { type: 'tool_use', id: block.id, name: block.name, input: {} },
      ...halves(block.json).map((partial_json) => ({ type: 'input_json_delta', partial_json })),
    ],
  }[block.type as 'text']()
  return [
    { type: 'content_block_start', index, content_block: start },
    ...deltas.map((delta) => ({ type: 'content_block_delta', index, delta })),
    { type: 'content_block_stop', index },
  ]
}

export const halves = (text: string) => [text.slice(0, text.length / 2), text.slice(text.length / 2)]
export const text = (words: string) => ({ type: 'text' as const, text: words })

export const claude =
  (...args: Parameters<typeof claudeEvents>): Answer =>
  (res) => {
    sse(res, claudeEvents(...args))
    res.end()
  }

/** Begins to answer and then does `next`. */
export const beginning =
  (words: string, next: (res: ServerResponse) => void): Answer =>
  (res) => {
    sse(res, claudeEvents([text(words)]).slice(0, -2))
    setTimeout(next, 20, res)
  }

export const cut = (words: string) => beginning(words, (res) => res.destroy())

export const user = (words: string): Message => ({ role: 'user', parts: [{ type: 'text', text: words }] })

export function request(messages: Message[], rest: Partial<ModelRequest> = {}): ModelRequest {
  const system = { stable: 'You are Steward.', changing: 'Today is Monday.' }
  return { model: 'claude-sonnet-5-5', system, messages, tools: [WEATHER], maxTokens: 1000, ...rest }
}

export type Told = { texts: string[]; events: ModelEvent[]; end: Extract<ModelEvent, { type: 'end' }> }

export async function ask(model: Model, asked: ModelRequest, signal = new AbortController().signal): Promise<Told> {
  const events: ModelEvent[] = []
  for await (const event of model(asked, signal)) events.push(event)
  const end = events.at(-1)
  assert(end?.type === 'end', 'the last event is the end')
  return { events, end, texts: events.flatMap((event) => (event.type === 'text' ? [event.delta] : [])) }
}

export const assistant = (...parts: AssistantPart[]): AssistantMessage => ({ role: 'assistant', parts })
export const said = ({ end }: Told) => assistant(...end.parts)
export const callsOf = ({ end }: Told) => end.parts.flatMap((part) => (part.type === 'call' ? [part.call] : []))

export const direct = (baseUrl: string) => anthropic({ apiKey: () => KEY, baseUrl })

/** With waits that are noted and not waited. */
export function patient(model: Model, now = Date.now) {
  const waits: number[] = []
  return { waits, model: withRetry(model, { attempts: 4, now, sleep: async (ms) => void waits.push(ms) }) }
}

export async function failure(work: Promise<unknown>): Promise<AppError> {
  const error = await work.then(
    () => assert.fail('it should have failed'),
    (reason: unknown) => reason,
  )
  assert(error instanceof AppError, `an AppError and not ${error}`)
  assert(!error.message.includes(KEY), 'no key in the message')
  return error
}

export type Setup = Partial<Parameters<typeof createModels>[0]> & { keys?: Record<string, string> }

export function models({ keys = {}, ...rest }: Setup = {}) {
  const warnings: string[] = []
  const all = createModels({
    credentials: { find: (key) => keys[key] },
    baseUrls: {},
    now: Date.now,
    log: { warn: (_, message) => void warnings.push(message) },
    defaultModel: () => undefined,
    ...rest,
  })
  return { all, warnings }
}
