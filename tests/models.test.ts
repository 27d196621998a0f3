import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, it } from 'node:test'
import { promisify } from 'node:util'
import { LLMock } from '@copilotkit/aimock'
import type { Model, ModelEvent, ModelRequest } from '../services/agent/model.ts'
import { AppError } from '../services/errors.ts'
import { anthropic } from '../services/models/anthropic.ts'
import { findClaude } from '../services/models/catalogue.ts'
import { createModels } from '../services/models/index.ts'
import { costUsd } from '../services/models/listed-model.ts'
import { openaiForm } from '../services/models/openai.ts'
import { rehearsal } from '../services/models/rehearsal.ts'
import { withRetry } from '../services/models/retry.ts'
import type { AssistantMessage, AssistantPart, Message } from '../services/shapes/message.ts'

const KEY = 'sk-ant-secret-0123456789'
const PNG = 'iVBORw0KGgo='
const WEATHER = {
  name: 'get_weather',
  description: 'The weather in a city',
  inputSchema: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
}

type Seen = { path: string; headers: IncomingHttpHeaders; body: any; at: number }
type Answer = (res: ServerResponse, seen: Seen) => void

/** A server on loopback that gives the n-th answer to the n-th request (the last one again and again). */
async function serve(...answers: Answer[]) {
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

const json =
  (status: number, body: unknown, headers: Record<string, string> = {}): Answer =>
  (res) =>
    void res.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body))

const claudeError = (status: number, type: string, message: string, headers = {}) =>
  json(status, { type: 'error', error: { type, message } }, headers)

const overloaded = claudeError(529, 'overloaded_error', 'Overloaded')

function sse(res: ServerResponse, events: object[]): void {
  if (!res.headersSent) res.writeHead(200, { 'content-type': 'text/event-stream' })
  for (const event of events) {
    const { type } = event as { type?: string }
    res.write(`${type ? `event: ${type}\n` : ''}data: ${JSON.stringify(event)}\n\n`)
  }
}

/** The events of one Claude answer; a block is text, thinking or a call. */
function claudeEvents(blocks: object[], stop = 'end_turn', usage: object = {}): object[] {
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

function blockEvents(block: any, index: number): object[] {
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

const halves = (text: string) => [text.slice(0, text.length / 2), text.slice(text.length / 2)]
const text = (words: string) => ({ type: 'text' as const, text: words })

const claude =
  (...args: Parameters<typeof claudeEvents>): Answer =>
  (res) => {
    sse(res, claudeEvents(...args))
    res.end()
  }

/** Begins to answer and then does `next`. */
const beginning =
  (words: string, next: (res: ServerResponse) => void): Answer =>
  (res) => {
    sse(res, claudeEvents([text(words)]).slice(0, -2))
    setTimeout(next, 20, res)
  }

const cut = (words: string) => beginning(words, (res) => res.destroy())

const user = (words: string): Message => ({ role: 'user', parts: [{ type: 'text', text: words }] })

function request(messages: Message[], rest: Partial<ModelRequest> = {}): ModelRequest {
  const system = { stable: 'You are Steward.', changing: 'Today is Monday.' }
  return { model: 'claude-sonnet-5-5', system, messages, tools: [WEATHER], maxTokens: 1000, ...rest }
}

type Told = { texts: string[]; events: ModelEvent[]; end: Extract<ModelEvent, { type: 'end' }> }

async function ask(model: Model, asked: ModelRequest, signal = new AbortController().signal): Promise<Told> {
  const events: ModelEvent[] = []
  for await (const event of model(asked, signal)) events.push(event)
  const end = events.at(-1)
  assert(end?.type === 'end', 'the last event is the end')
  return { events, end, texts: events.flatMap((event) => (event.type === 'text' ? [event.delta] : [])) }
}

const assistant = (...parts: AssistantPart[]): AssistantMessage => ({ role: 'assistant', parts })
const said = ({ end }: Told) => assistant(...end.parts)
const callsOf = ({ end }: Told) => end.parts.flatMap((part) => (part.type === 'call' ? [part.call] : []))

const direct = (baseUrl: string) => anthropic({ apiKey: () => KEY, baseUrl })

/** With waits that are noted and not waited. */
function patient(model: Model, now = Date.now) {
  const waits: number[] = []
  return { waits, model: withRetry(model, { attempts: 4, now, sleep: async (ms) => void waits.push(ms) }) }
}

async function failure(work: Promise<unknown>): Promise<AppError> {
  const error = await work.then(
    () => assert.fail('it should have failed'),
    (reason: unknown) => reason,
  )
  assert(error instanceof AppError, `an AppError and not ${error}`)
  assert(!error.message.includes(KEY), 'no key in the message')
  return error
}

type Setup = Partial<Parameters<typeof createModels>[0]> & { keys?: Record<string, string> }

function models({ keys = {}, ...rest }: Setup = {}) {
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

describe('Claude', () => {
  it('streams text as it comes and ends with the whole of it and the usage', async () => {
    await using api = await serve(
      claude([text('Hello there')], 'end_turn', {
        input_tokens: 12,
        cache_read_input_tokens: 100,
        cache_creation_input_tokens: 30,
      }),
    )
    const told = await ask(direct(api.url), request([user('hi')]))
    assert.deepEqual(told.texts, ['Hello', ' there'])
    assert.deepEqual(told.end.parts, [{ type: 'text', text: 'Hello there' }])
    assert.equal(told.end.stopReason, 'end_turn')
    assert.deepEqual(told.end.usage, { inputTokens: 142, outputTokens: 7, cacheReadTokens: 100, cacheWriteTokens: 30 })
    assert.equal(api.requests[0]!.headers.authorization, `Bearer ${KEY}`)
  })

  it('keeps the counts of the start where the end says nothing about them', async () => {
    await using api = await serve(claude([text('ok')], 'end_turn', { input_tokens: null }))
    const { end } = await ask(direct(api.url), request([user('hi')]))
    assert.equal(end.usage.inputTokens, 10)
  })

  it('names the reasons to stop in our words', async () => {
    const reasons = {
      stop_sequence: 'end_turn',
      pause_turn: 'end_turn',
      max_tokens: 'max_tokens',
      model_context_window_exceeded: 'max_tokens',
      refusal: 'refusal',
      something_new: 'end_turn',
    }
    for (const [theirs, ours] of Object.entries(reasons)) {
      await using api = await serve(claude([text('ok')], theirs))
      assert.equal((await ask(direct(api.url), request([user('hi')]))).end.stopReason, ours)
    }
  })

  it('marks the stable prompt and the last block of the conversation for caching, and nothing else', async () => {
    await using api = await serve(claude([text('ok')]))
    await ask(direct(api.url), request([user('one'), assistant(text('two')), user('three')]))
    const { body } = api.requests[0]!
    const mark = { cache_control: { type: 'ephemeral' } }
    assert.deepEqual(body.system, [{ ...text('You are Steward.'), ...mark }, text('Today is Monday.')])
    assert.deepEqual(body.messages.at(-1).content, [{ ...text('three'), ...mark }])
    assert.equal(JSON.stringify(body).split('cache_control').length - 1, 2)
    assert.deepEqual(body.tools[0].input_schema, WEATHER.inputSchema)
    assert.deepEqual(Object.keys(body).sort(), ['max_tokens', 'messages', 'model', 'stream', 'system', 'tools'])
  })

  it('keeps signed thinking as it is and sends it back unchanged, in its place', async () => {
    const thinking = { type: 'thinking', thinking: 'I should look', signature: 'c2ln' }
    const hidden = { type: 'redacted_thinking', data: 'b64' }
    await using api = await serve(claude([thinking, hidden, text('Well.')]), claude([text('ok')]))
    const model = direct(api.url)
    const told = await ask(model, request([user('hi')]))
    assert.deepEqual(
      told.end.parts.map((part) => part.type),
      ['opaque', 'opaque', 'text'],
    )
    assert.deepEqual(told.texts.join(''), 'Well.')
    const foreign = assistant({ type: 'opaque', vendor: 'other', block: { secret: 1 } })
    await ask(model, request([user('hi'), said(told), foreign, user('go on')]))
    assert.deepEqual(api.requests[1]!.body.messages[1].content, [thinking, hidden, text('Well.')])
    assert(!JSON.stringify(api.requests[1]!.body).includes('secret'))
  })

  it('goes on without its past thinking when the API refuses to take it back', async () => {
    const refused = claudeError(
      400,
      'invalid_request_error',
      'messages.1.content.0: Invalid `signature` in `thinking` block. The block is bound to a different conversation.',
    )
    await using api = await serve(refused, claude([text('ok')]), claude([text('ok')]))
    const block = { type: 'thinking', thinking: '', signature: 's' }
    const thought = assistant({ type: 'opaque', vendor: 'anthropic', block }, text('Well.'))
    const model = direct(api.url)
    assert.equal((await ask(model, request([user('hi'), thought, user('and?')]))).texts.join(''), 'ok')
    await ask(model, request([user('hi'), thought, user('and?')]))
    const contents = api.requests.map(({ body }) => body.messages[1].content.length)
    assert.deepEqual(contents, [2, 1, 1])
  })

  it('runs a tool loop with aimock: our ids inside, the vendor’s outside', async () => {
    const mock = new LLMock({ port: 0, host: '127.0.0.1', strict: true, chunkSize: 8 })
    mock.addFixture({
      match: { userMessage: 'weather', hasToolResult: false },
      response: {
        content: 'Let me look. ',
        reasoning: 'I need the tool',
        toolCalls: [{ id: 'toolu_1', name: 'get_weather', arguments: '{"city":"Berlin"}' }],
      },
    })
    mock.addFixture({
      match: { userMessage: 'weather', hasToolResult: true, toolResultContains: '12 C' },
      response: { content: 'It is 12 C.' },
    })
    await mock.start()
    const model = direct(mock.url)
    const first = await ask(model, request([user('weather?')]))
    const [call] = callsOf(first)
    assert(call && call.vendorId === 'toolu_1' && call.callId !== 'toolu_1')
    assert.deepEqual(call.arguments, { city: 'Berlin' })
    assert.equal(first.end.stopReason, 'tool_use')
    const result: Message = { role: 'tool', results: [{ ...call, content: '12 C, rain', success: true }] }
    const second = await ask(model, request([user('weather?'), said(first), result]))
    assert.equal(second.texts.join(''), 'It is 12 C.')
    await mock.stop()
  })

  it('gathers several calls of one answer and sends all results before what the user says', async () => {
    const berlin = { type: 'tool_use', id: 'toolu_a', name: 'get_weather', json: '{"city":"Berlin"}' }
    const broken = { type: 'tool_use', id: 'toolu_b', name: 'get_weather', json: '{"city": Par' }
    const empty = { type: 'tool_use', id: 'toolu_c', name: 'get_weather', json: '' }
    await using api = await serve(claude([berlin, broken, empty], 'tool_use'), claude([text('ok')]))
    const model = direct(api.url)
    const told = await ask(model, request([user('go')]))
    const calls = callsOf(told)
    assert.deepEqual(
      calls.map((call) => call.arguments),
      [{ city: 'Berlin' }, '{"city": Par', {}],
    )
    assert.equal(new Set(calls.map((call) => call.callId)).size, 3)
    const results = calls.map((call, index) => ({ ...call, content: `r${index}`, success: index === 0 }))
    await ask(model, request([user('go'), said(told), user('hurry'), { role: 'tool', results }]))
    const [, before, last] = api.requests[1]!.body.messages
    assert.deepEqual(
      before.content.map((block: any) => block.input),
      [{ city: 'Berlin' }, {}, {}],
    )
    assert.deepEqual(
      last.content.map((block: any) => block.type),
      ['tool_result', 'tool_result', 'tool_result', 'text'],
    )
    assert.deepEqual(
      last.content.slice(0, 2).map((block: any) => [block.tool_use_id, block.content, block.is_error]),
      [
        ['toolu_a', 'r0', undefined],
        ['toolu_b', 'r1', true],
      ],
    )
  })

  it('gives calls of other vendors names the API accepts, the same for call and result', async () => {
    await using api = await serve(claude([text('ok')]))
    const call = { callId: '0198-id', vendorId: 'tool:0/get weather', name: 'get_weather', arguments: {} }
    const result: Message = { role: 'tool', results: [{ ...call, content: '', success: true }] }
    await ask(direct(api.url), request([user('go'), assistant({ type: 'call', call }), result]))
    const [, before, last] = api.requests[0]!.body.messages
    assert.deepEqual([before.content[0].id, last.content[0].tool_use_id], ['0198-id', '0198-id'])
  })

  it('shows pictures and PDFs, and leaves out text without a visible character', async () => {
    await using api = await serve(claude([text('ok')]))
    const message: Message = {
      role: 'user',
      parts: [
        { type: 'text', text: ' \n' },
        { type: 'media', name: 'a.png', mediaType: 'image/png', data: PNG },
        { type: 'media', name: 'b.pdf', mediaType: 'application/pdf', data: 'JVBERi0=' },
      ],
    }
    await ask(direct(api.url), request([message]))
    const [image, document, ...rest] = api.requests[0]!.body.messages[0].content
    assert.deepEqual(image, { type: 'image', source: { type: 'base64', media_type: 'image/png', data: PNG } })
    assert.equal(document.title, 'b.pdf')
    assert.deepEqual(document.source, { type: 'base64', media_type: 'application/pdf', data: 'JVBERi0=' })
    assert.deepEqual(rest, [])
  })
})

describe('Patience', () => {
  it('tries again after an overload, waiting longer each time, and then answers', async () => {
    await using api = await serve(overloaded, overloaded, claude([text('ok')]))
    const { model, waits } = patient(direct(api.url))
    const told = await ask(model, request([user('hi')]))
    assert.deepEqual(
      told.events.map((event) => event.type),
      ['text', 'text', 'end'],
    )
    assert.equal(waits.length, 2)
    assert(waits[0]! >= 500 && waits[0]! <= 1000 && waits[1]! >= 1000 && waits[1]! <= 2000, String(waits))
  })

  it('gives up after four attempts with a sentence', async () => {
    await using api = await serve(overloaded)
    const error = await failure(ask(patient(direct(api.url)).model, request([user('hi')])))
    assert.equal(error.code, 'upstream_failed')
    assert.equal(error.message, 'Anthropic is overloaded right now. Try again in a few minutes.')
    assert.equal(api.requests.length, 4)
  })

  it('waits as long as Retry-After asks, in seconds or until a date', async () => {
    const date = { date: 'Mon, 01 Jun 2026 10:00:00 GMT', 'retry-after': 'Mon, 01 Jun 2026 10:00:20 GMT' }
    await using api = await serve(
      claudeError(429, 'rate_limit_error', 'slow', { 'retry-after': '7' }),
      claudeError(429, 'rate_limit_error', 'slow', date),
      claude([text('ok')]),
    )
    const { model, waits } = patient(direct(api.url))
    await ask(model, request([user('hi')]))
    assert.deepEqual(waits, [7_000, 20_000])
  })

  it('does not wait for more than a minute but says until when', async () => {
    await using api = await serve(claudeError(429, 'rate_limit_error', 'slow', { 'retry-after': '3600' }))
    const { model } = patient(direct(api.url), () => Date.parse('2026-06-01T10:00:00Z'))
    const error = await failure(ask(model, request([user('hi')])))
    assert.equal(error.code, 'upstream_failed')
    assert.match(error.message, /rate limited.*after 2026-06-01 11:00 UTC/)
    assert.equal(error.retryAfter, 3600)
    assert.equal(api.requests.length, 1)
  })

  it('starts over when an overload comes in the middle of the answer', async () => {
    const event = { type: 'error', error: { type: 'overloaded_error', message: 'Overloaded' } }
    await using api = await serve(
      beginning('Hel', (res) => (sse(res, [event]), res.end())),
      claude([text('Hello')]),
    )
    const { events, end } = await ask(patient(direct(api.url)).model, request([user('hi')]))
    assert.deepEqual(
      events.map((one) => one.type),
      ['text', 'text', 'restart', 'text', 'text', 'end'],
    )
    assert.deepEqual(end.parts, [{ type: 'text', text: 'Hello' }])
  })

  it('starts over when the connection is cut, and when the stream ends without its last word', async () => {
    await using api = await serve(
      cut('Hel'),
      beginning('Hel', (res) => res.end()),
      claude([text('Hello')]),
    )
    const { events } = await ask(patient(direct(api.url)).model, request([user('hi')]))
    const restarts = events.filter((event) => event.type === 'restart').length
    assert.equal(restarts, 2)
    assert.equal(api.requests.length, 3)
  })

  it('does not try twice what was refused', async () => {
    await using api = await serve(claudeError(400, 'invalid_request_error', `prompt is too long ${KEY}`))
    const error = await failure(ask(patient(direct(api.url)).model, request([user('hi')])))
    assert.equal(error.code, 'upstream_refused')
    assert.equal(error.message, 'Anthropic refused the request: prompt is too long [key]')
    assert.equal(api.requests.length, 1)
  })

  it('says what to do about a missing key, a refused key and an unknown model', async () => {
    const absent = await failure(ask(models().all.choose('anthropic:x').model, request([user('hi')])))
    assert.equal(
      absent.message,
      'There is no Anthropic API key yet. Add it under Settings → Credentials as system:anthropic_api_key.',
    )
    await using api = await serve(
      claudeError(401, 'authentication_error', `invalid ${KEY}`),
      claudeError(404, 'not_found_error', 'model: x'),
    )
    const { model } = patient(direct(api.url))
    const refused = await failure(ask(model, request([user('hi')])))
    assert.equal(
      refused.message,
      'Anthropic refused the API key. Check system:anthropic_api_key under Settings → Credentials.',
    )
    const unknown = await failure(ask(model, request([user('hi')], { model: 'claude-x' })))
    assert.equal(unknown.message, 'Anthropic does not know the model claude-x. Pick another one in the model picker.')
    assert.deepEqual([absent.code, refused.code, unknown.code], Array(3).fill('upstream_refused'))
  })

  it('says that a vendor cannot be reached', async () => {
    const { model, waits } = patient(direct('http://127.0.0.1:1'))
    const error = await failure(ask(model, request([user('hi')])))
    assert.match(error.message, /^Anthropic could not be reached/)
    assert.equal(waits.length, 3)
  })

  it('is part of every model that is chosen', async () => {
    await using api = await serve(
      claudeError(529, 'overloaded_error', 'Overloaded', { 'retry-after': '0' }),
      claude([text('ok')]),
    )
    const { all } = models({ keys: { 'system:anthropic_api_key': KEY }, baseUrls: { anthropic: `${api.url}/v1` } })
    const { model, vendorModel, maxTokens } = all.choose('anthropic:claude-opus-5-5')
    await ask(model, request([user('hi')], { model: vendorModel, maxTokens }))
    assert.deepEqual(
      api.requests.map(({ path, body }) => [path, body.model]),
      Array(2).fill(['/v1/messages', 'claude-opus-5-5']),
    )
  })

  it('lets a bug through as what it is', async () => {
    const bug: Model = async function* () {
      throw new RangeError('a bug')
    }
    await assert.rejects(ask(patient(bug).model, request([user('hi')])), RangeError)
  })

  it('stops at once when asked to, in the middle of an answer', async () => {
    await using api = await serve(beginning('Hel', () => {}))
    const reason = new Error('stopped by the owner')
    const stop = new AbortController()
    const answer = patient(direct(api.url))
      .model(request([user('hi')]), stop.signal)
      [Symbol.asyncIterator]()
    assert.equal((await answer.next()).value.delta, 'H')
    assert.equal((await answer.next()).value.delta, 'el')
    const more = answer.next()
    const at = performance.now()
    stop.abort(reason)
    await assert.rejects(more, reason)
    assert(performance.now() - at < 100)
    assert.equal(api.requests.length, 1)
  })

  it('stops at once when asked to, in the middle of a pause', async () => {
    await using api = await serve(claudeError(429, 'rate_limit_error', 'slow', { 'retry-after': '30' }))
    const reason = new Error('stopped by the owner')
    const stop = new AbortController()
    const model = withRetry(direct(api.url), { attempts: 4 })
    const asking = ask(model, request([user('hi')]), stop.signal)
    while (api.requests.length === 0) await sleep(5)
    await sleep(50)
    const at = performance.now()
    stop.abort(reason)
    await assert.rejects(asking, reason)
    assert(performance.now() - at < 100)
    assert.equal(api.requests.length, 1)
  })
})

describe('The OpenAI form', () => {
  const chunk = (delta: object, finish_reason: string | null = null) => ({
    id: 'c',
    choices: [{ index: 0, delta, finish_reason }],
  })
  const tool = (index: number | undefined, id: string | undefined, name: string | undefined, args: string) =>
    chunk({ tool_calls: [{ index, id, type: 'function', function: { name, arguments: args } }] })
  const chat =
    (...chunks: object[]): Answer =>
    (res) => {
      sse(res, chunks)
      res.end('data: [DONE]\n\n')
    }
  const form = (baseUrl: string, key = KEY) =>
    openaiForm({
      provider: 'openai',
      label: 'OpenAI',
      credential: 'system:openai_api_key',
      apiKey: () => key,
      baseUrl: () => baseUrl,
    })

  it('streams text and parallel calls in pieces, and counts', async () => {
    const usage = { prompt_tokens: 50, completion_tokens: 9, prompt_tokens_details: { cached_tokens: 40 } }
    await using api = await serve(
      chat(
        chunk({ role: 'assistant', content: 'Let me ' }),
        chunk({ content: 'look.' }),
        tool(0, 'call_a', 'get_weather', '{"city":'),
        tool(1, 'call_b', 'get_weather', '{"city"'),
        tool(0, undefined, undefined, '"Berlin"}'),
        chunk({}, 'tool_calls'),
        { id: 'c', choices: [], usage },
      ),
    )
    const told = await ask(form(`${api.url}/v1`), request([user('go')]))
    assert.deepEqual(told.texts, ['Let me ', 'look.'])
    assert.deepEqual(
      callsOf(told).map((call) => [call.vendorId, call.arguments]),
      [
        ['call_a', { city: 'Berlin' }],
        ['call_b', '{"city"'],
      ],
    )
    assert.deepEqual(told.end.usage, { inputTokens: 50, outputTokens: 9, cacheReadTokens: 40, cacheWriteTokens: 0 })
    assert.equal(told.end.stopReason, 'tool_use')
  })

  it('understands servers without indexes and with "stop" after calls', async () => {
    const calls = [tool(0, 'x', 'get_weather', '{}'), tool(0, 'y', 'get_weather', '{}'), chunk({}, 'stop')]
    await using api = await serve(chat(...calls))
    const told = await ask(form(api.url), request([user('go')]))
    assert.deepEqual(
      callsOf(told).map((call) => call.vendorId),
      ['x', 'y'],
    )
    assert.equal(told.end.stopReason, 'tool_use')
  })

  it('sends everything in its own form', async () => {
    await using api = await serve(chat(chunk({ content: 'ok' }, 'stop')))
    const call = { callId: 'id', vendorId: 'call_a', name: 'get_weather', arguments: '{"city": Par' }
    const shown: Message = {
      role: 'user',
      parts: [
        { type: 'text', text: 'look' },
        { type: 'media', name: 'a.png', mediaType: 'image/png', data: PNG },
        { type: 'media', name: 'b.pdf', mediaType: 'application/pdf', data: 'JVBERi0=' },
      ],
    }
    const messages: Message[] = [
      shown,
      assistant({ type: 'opaque', vendor: 'anthropic', block: {} }, { type: 'call', call }),
      { role: 'tool', results: [{ ...call, content: 'no', success: false }] },
    ]
    await ask(form(`${api.url}/v1`), request(messages))
    const { body, path } = api.requests[0]!
    assert.equal(path, '/v1/chat/completions')
    assert.deepEqual(body.messages, [
      { role: 'system', content: 'You are Steward.\n\nToday is Monday.' },
      {
        role: 'user',
        content: [
          text('look'),
          { type: 'image_url', image_url: { url: `data:image/png;base64,${PNG}` } },
          { type: 'file', file: { filename: 'b.pdf', file_data: 'data:application/pdf;base64,JVBERi0=' } },
        ],
      },
      {
        role: 'assistant',
        content: null,
        tool_calls: [{ id: 'call_a', type: 'function', function: { name: 'get_weather', arguments: '{}' } }],
      },
      { role: 'tool', tool_call_id: 'call_a', content: 'no' },
    ])
    assert.deepEqual(
      [body.max_completion_tokens, body.max_tokens, body.stream_options],
      [1000, undefined, { include_usage: true }],
    )
    assert.deepEqual(body.tools[0].function.parameters, WEATHER.inputSchema)
  })

  it('tries again after a cut stream, an error inside it, and a server error', async () => {
    const half: Answer = (res) => (sse(res, [chunk({ content: 'Hel' })]), res.end('data: [DONE]\n\n'))
    const failing: Answer = (res) => (
      sse(res, [{ error: { code: 502, message: 'Provider returned error' } }]),
      res.end()
    )
    await using api = await serve(half, failing, json(503, {}), chat(chunk({ content: 'Hello' }, 'stop')))
    const { events } = await ask(patient(form(api.url)).model, request([user('go')]))
    assert.deepEqual(
      events.map((event) => event.type),
      ['text', 'restart', 'text', 'end'],
    )
    assert.equal(api.requests.length, 4)
  })

  it('never repeats a key, however it looks', async () => {
    await using api = await serve(json(402, { error: { message: 'No credits left for plain-key-of-my-own' } }))
    const error = await failure(ask(patient(form(api.url, 'plain-key-of-my-own')).model, request([user('go')])))
    assert.equal(error.message, 'OpenAI refused the request: No credits left for [key]')
  })

  it('says which key was refused', async () => {
    await using api = await serve(json(401, { error: { message: `Incorrect API key provided: ${KEY}` } }))
    const error = await failure(ask(patient(form(api.url)).model, request([user('go')])))
    assert.equal(error.message, 'OpenAI refused the API key. Check system:openai_api_key under Settings → Credentials.')
  })

  it('reaches Ollama without a key, with or without /v1, and names Steward to OpenRouter', async () => {
    await using api = await serve(chat(chunk({ content: 'ok' }, 'stop')))
    const keys = { 'system:openrouter_api_key': KEY }
    const withPath = models({ keys, baseUrls: { ollama: `${api.url}/v1/`, openrouter: `${api.url}/api/v1` } }).all
    const without = models({ baseUrls: { ollama: api.url } }).all
    await ask(withPath.choose('ollama:llama3:8b').model, request([user('go')], { model: 'llama3:8b' }))
    await ask(without.choose('ollama:llama3:8b').model, request([user('go')]))
    await ask(withPath.choose('openrouter:a/b').model, request([user('go')]))
    assert.deepEqual(
      api.requests.map(({ path }) => path),
      ['/v1/chat/completions', '/v1/chat/completions', '/api/v1/chat/completions'],
    )
    assert.deepEqual([api.requests[0]!.body.model, api.requests[0]!.body.max_tokens], ['llama3:8b', 1000])
    assert.equal(api.requests[2]!.headers['x-title'], 'Steward')
    const nowhere = await failure(ask(models().all.choose('ollama:x').model, request([user('go')])))
    assert.match(nowhere.message, /system:ollama_base_url/)
  })
})

describe('The list of models', () => {
  const claudes = [
    {
      id: 'claude-opus-5-5',
      display_name: 'Claude Opus 5.5',
      created_at: '2026-09-22T00:00:00Z',
      max_input_tokens: 900_000,
      lifecycle: 'active',
    },
    { id: 'claude-sonnet-5', display_name: 'Claude Sonnet 5', created_at: '2026-06-30T00:00:00Z' },
    { id: 'claude-sonnet-5-5', display_name: 'Claude Sonnet 5.5', created_at: '2026-09-28T00:00:00Z' },
  ]
  const page = (data: object[], more = {}): Answer => json(200, { data, has_more: false, ...more })
  const keys = { 'system:anthropic_api_key': KEY }

  it('holds all pages of what the key may use, with prices, and the rehearsal model', async () => {
    await using api = await serve(
      page(claudes.slice(0, 2), { has_more: true, last_id: 'claude-sonnet-5' }),
      page(claudes.slice(2)),
    )
    const {
      models: listed,
      default: chosen,
      warnings,
    } = await models({ keys, baseUrls: { anthropic: api.url } }).all.list()
    assert.deepEqual(
      listed.map(({ id }) => id),
      [...claudes.map(({ id }) => `anthropic:${id}`), 'rehearsal:offline'],
    )
    assert.deepEqual(listed[0], {
      id: 'anthropic:claude-opus-5-5',
      name: 'Claude Opus 5.5',
      provider: 'anthropic',
      context_length: 900_000,
      pricing: { prompt: 4, completion: 20 },
      capabilities: { vision: true, tools: true, online: false },
      private_ok: true,
    })
    assert.equal(chosen, 'anthropic:claude-sonnet-5-5')
    assert.deepEqual(warnings, [])
    assert.match(api.requests[1]!.path, /after_id=claude-sonnet-5/)
    assert.equal(api.requests[0]!.headers.authorization, `Bearer ${KEY}`)
  })

  it('is fetched once an hour for all who ask, and anew for another key', async () => {
    await using api = await serve(page(claudes))
    let time = 0
    const changing = { ...keys }
    const { all } = models({ keys: changing, baseUrls: { anthropic: api.url }, now: () => time })
    await Promise.all([all.list(), all.list(), all.info()])
    time += 59 * 60_000
    await all.list()
    assert.equal(api.requests.length, 1)
    changing['system:anthropic_api_key'] = 'sk-ant-another'
    await all.list()
    assert.equal(api.requests.length, 2)
    time += 61 * 60_000
    await all.list()
    assert.equal(api.requests.length, 3)
  })

  it('falls back to the known models with a warning, without the key in it, and asks again after a minute', async () => {
    await using api = await serve(json(500, {}), json(401, { error: { message: KEY } }), page(claudes))
    let time = 0
    const { all, warnings } = models({ keys, baseUrls: { anthropic: api.url }, now: () => time })
    const first = await all.list()
    assert(first.models.some(({ id }) => id === 'anthropic:claude-haiku-5-5'))
    assert.match(first.warnings[0]!, /^The list of models of Anthropic could not be fetched\. Anthropic answered 500/)
    await all.list()
    assert.equal(api.requests.length, 1)
    time += 61_000
    assert.match((await all.list()).warnings[0]!, /refused the API key/)
    time += 61_000
    assert.deepEqual((await all.list()).warnings, [])
    assert.equal(warnings.length, 2)
  })

  it('does not keep anybody waiting for a slow provider, but has its list later', async () => {
    await using api = await serve((res, seen) => void setTimeout(() => page(claudes)(res, seen), 1_800))
    const { all } = models({ keys, baseUrls: { anthropic: api.url } })
    const at = performance.now()
    const early = await all.list()
    assert(performance.now() - at < 1_700)
    assert(early.models.some(({ id }) => id === 'anthropic:claude-fable-5-2'))
    await sleep(600)
    assert(!all.listNow().models.some(({ id }) => id === 'anthropic:claude-fable-5-2'))
    assert.equal(api.requests.length, 1)
  })

  it('reads OpenRouter’s sizes, prices and abilities', async () => {
    const seeing = {
      id: 'anthropic/claude-sonnet-5.5',
      name: 'Claude Sonnet 5.5',
      created: 1_790_000_000,
      context_length: 1_000_000,
      architecture: { input_modalities: ['text', 'image'] },
      pricing: { prompt: '0.000002', completion: '0.00001', input_cache_read: '0.0000001' },
      supported_parameters: ['tools', 'max_tokens'],
      top_provider: { max_completion_tokens: 9_000 },
    }
    const online = {
      id: 'perplexity/sonar',
      name: 'Sonar',
      architecture: { modality: 'text->text' },
      pricing: { prompt: '-1', completion: '-1' },
    }
    await using api = await serve(
      json(200, { data: [seeing], links: { next: '/api/v1/models?offset=1' } }),
      json(200, { data: [online] }),
    )
    const { all } = models({
      keys: { 'system:openrouter_api_key': KEY },
      baseUrls: { openrouter: `${api.url}/api/v1` },
    })
    const [first, second] = await all.info()
    assert.deepEqual(first, {
      id: 'openrouter:anthropic/claude-sonnet-5.5',
      name: 'Claude Sonnet 5.5',
      provider: 'openrouter',
      context_length: 1_000_000,
      pricing: { prompt: 2, completion: 10 },
      capabilities: { vision: true, tools: true, online: false },
      private_ok: true,
    })
    assert.deepEqual(second!.capabilities, { vision: false, tools: false, online: true })
    assert.deepEqual(second!.pricing, { prompt: null, completion: null })
    assert.deepEqual(
      api.requests.map(({ path }) => path),
      ['/api/v1/models', '/api/v1/models?offset=1'],
    )
    assert.equal(all.choose(first.id).maxTokens, 9_000)
    const usage = { inputTokens: 1_000_000, outputTokens: 0, cacheReadTokens: 500_000, cacheWriteTokens: 0 }
    assert.equal(all.cost(first.id, usage), 1.05)
  })

  it('keeps only the chat models of OpenAI and prefers a plain one', async () => {
    const ids = ['gpt-6-pro', 'gpt-6', 'gpt-5', 'gpt-image-1', 'text-embedding-3', 'o3', 'gpt-realtime', 'whisper-1']
    await using api = await serve(json(200, { data: ids.map((id, index) => ({ id, created: 100 - index })) }))
    const { all } = models({ keys: { 'system:openai_api_key': KEY }, baseUrls: { openai: `${api.url}/v1` } })
    const { models: listed, default: chosen } = await all.list()
    assert.deepEqual(
      listed.map(({ id }) => id),
      ['openai:gpt-6-pro', 'openai:gpt-6', 'openai:gpt-5', 'openai:o3', 'rehearsal:offline'],
    )
    assert.equal(chosen, 'openai:gpt-6')
  })

  it('takes the owner’s default while it is listed, and says so once when it is not', async () => {
    await using api = await serve(page(claudes))
    let wanted = 'anthropic:claude-sonnet-5'
    const { all, warnings } = models({ keys, baseUrls: { anthropic: api.url }, defaultModel: () => wanted })
    assert.equal((await all.list()).default, wanted)
    wanted = 'anthropic:claude-sonnet-4-5'
    const { default: chosen, warnings: shown } = await all.list()
    assert.equal(chosen, 'anthropic:claude-sonnet-5-5')
    assert.match(shown[0]!, /^Anthropic no longer lists the default model anthropic:claude-sonnet-4-5\./)
    assert.equal(all.default(), chosen)
    assert.equal(warnings.length, 1)
  })

  it('finds a default without asking anybody first', () => {
    const nobody = { anthropic: 'http://127.0.0.1:1', openrouter: 'http://127.0.0.1:1' }
    assert.equal(models().all.default(), 'rehearsal:offline')
    assert.equal(models({ keys, baseUrls: nobody }).all.default(), 'anthropic:claude-sonnet-5-5')
    assert.equal(models({ defaultModel: () => 'openai:gpt-6' }).all.default(), 'rehearsal:offline')
    const openrouter = models({
      keys: { 'system:openrouter_api_key': KEY },
      baseUrls: nobody,
      defaultModel: () => 'openrouter:x/y',
    })
    assert.equal(openrouter.all.default(), 'openrouter:x/y')
    assert.deepEqual(openrouter.all.providers(), ['openrouter', 'rehearsal'])
  })

  it('has a list that is not fresh fetched when a default was asked for', async () => {
    await using api = await serve(page([{ ...claudes[1], id: 'claude-sonnet-6' }]))
    const { all } = models({ keys, baseUrls: { anthropic: api.url } })
    assert.equal(all.default(), 'anthropic:claude-sonnet-5-5')
    while (all.listNow().default === 'anthropic:claude-sonnet-5-5') await sleep(5)
    assert.equal(all.default(), 'anthropic:claude-sonnet-6')
    assert.equal(api.requests.length, 1)
  })

  it('chooses by provider and model, and names the providers where there is no such one', () => {
    const { all } = models()
    const choice = all.choose('anthropic:claude-haiku-4-5-20251001')
    assert.deepEqual(
      [choice.vendorModel, choice.contextLength, choice.maxTokens],
      ['claude-haiku-4-5-20251001', 200_000, 32_000],
    )
    assert.equal(all.choose('anthropic:claude-next').prices, null)
    for (const id of ['claude-sonnet-5-5', 'mistral:large', 'anthropic:', ':x']) {
      assert.throws(() => all.choose(id), {
        code: 'invalid',
        message: /anthropic, openrouter, openai, ollama, rehearsal/,
      })
    }
  })

  it('knows what a turn costs', () => {
    const usage = { inputTokens: 100_000, outputTokens: 1_000, cacheReadTokens: 50_000, cacheWriteTokens: 10_000 }
    const near = (actual: number | null, expected: number) => assert(Math.abs(actual! - expected) < 1e-9, `${actual}`)
    near(costUsd(findClaude('claude-sonnet-5-5')!.prices, usage), 0.04 * 2 + 0.05 * 0.1 + 0.01 * 2.5 + 0.001 * 10)
    near(
      costUsd(findClaude('claude-haiku-5-5')!.prices, { ...usage, cacheReadTokens: 0, cacheWriteTokens: 0 }),
      0.01 + 0.0005,
    )
    const long = { inputTokens: 200_000, outputTokens: 1_000, cacheReadTokens: 0, cacheWriteTokens: 0 }
    near(costUsd(findClaude('claude-haiku-5-5')!.prices, long), 0.1 + 0.0025)
    assert.equal(models().all.cost('openai:gpt-6', long), null)
    assert.equal(models().all.cost('rehearsal:offline', long), 0)
  })
})

describe('The rehearsal model', () => {
  const variant = (name: string, required: string[]) => ({
    type: 'object',
    properties: { operation: { const: name } },
    required: ['operation', ...required],
  })
  const WEB = {
    name: 'web',
    description: 'The web',
    inputSchema: { type: 'object', oneOf: [variant('search', ['query']), variant('fetch_page', ['url'])] },
  }
  const FILES = {
    name: 'filesystem',
    description: 'Files',
    inputSchema: { type: 'object', properties: { operation: { type: 'string', enum: ['read_file', 'write_file'] } } },
  }
  const say = (...messages: Message[]) => ask(rehearsal, request(messages, { tools: [WEB, FILES] }))

  it('explains itself in pieces and names what can be typed', async () => {
    const told = await say(user('hello?'))
    assert(told.texts.length > 20)
    assert.match(
      told.texts.join(''),
      /not an AI[\s\S]*\/web\.search query=…[\s\S]*\/filesystem\.write_file[\s\S]*Settings → Credentials/,
    )
    assert.deepEqual(told.end.parts, [{ type: 'text', text: told.texts.join('') }])
    assert(told.end.usage.inputTokens > 100 && told.end.usage.outputTokens > 100)
  })

  it('turns commands into calls, one a line', async () => {
    const lines = [
      '/web.search query="tea \\"green\\"" count=3 safe=true',
      ' /filesystem.write_file path=/tmp/a.txt content="two\\nlines" id=007',
    ]
    const told = await say(user(lines.join('\n')))
    assert.deepEqual(
      callsOf(told).map(({ name, arguments: args }) => [name, args]),
      [
        ['web', { operation: 'search', query: 'tea "green"', count: 3, safe: true }],
        ['filesystem', { operation: 'write_file', path: '/tmp/a.txt', content: 'two\nlines', id: '007' }],
      ],
    )
    assert.equal(told.end.stopReason, 'tool_use')
    assert.deepEqual(told.texts, [])
  })

  it('tells what came of a call', async () => {
    const told = await say(user('/web.search query=tea'))
    const result = { ...callsOf(told)[0]!, content: `Found: ${'x'.repeat(3_000)}`, success: true }
    const good = await say(user('/web.search query=tea'), said(told), { role: 'tool', results: [result] })
    assert.match(good.texts.join(''), /answered:\n\n> Found: x+…$/)
    assert(good.texts.join('').length < 1_600)
    const refused = { ...result, content: 'The owner said no.', success: false }
    const bad = await say(user('go'), said(told), { role: 'tool', results: [refused] })
    assert.match(bad.texts.join(''), /did not do it:\n\n> The owner said no\./)
  })

  it('explains the form where a command cannot be read', async () => {
    const wrong = [
      '/nothing.search query=x',
      '/web.fly',
      '/web',
      '/web.search query="open',
      '/web.search lonely',
      '/',
      '/web.search query=a\n/no',
    ]
    for (const line of wrong) {
      const told = await say(user(line))
      assert.deepEqual(callsOf(told), [], line)
      assert.match(told.texts.join(''), /`\/tool\.operation key=value/, line)
    }
  })

  it('stops when asked to', async () => {
    const stop = new AbortController()
    const answer = rehearsal(request([user('hi')]), stop.signal)[Symbol.asyncIterator]()
    assert.equal((await answer.next()).value.delta, 'Hello! ')
    stop.abort(new Error('stop'))
    await assert.rejects(answer.next(), /stop/)
  })
})

describe('Start-up', () => {
  it('loads no SDK before the first call to a model', async () => {
    const script = `
      import { registerHooks } from 'node:module'
      const asked = []
      registerHooks({ resolve: (name, context, next) => (asked.push(name), next(name, context)) })
      const { createModels } = await import('./services/models/index.ts')
      const nowhere = 'http://127.0.0.1:1'
      const all = createModels({
        credentials: { find: () => 'key' },
        baseUrls: { anthropic: nowhere, openai: nowhere, openrouter: nowhere, ollama: nowhere },
        now: Date.now, log: { warn() {} }, defaultModel: () => undefined,
      })
      await all.list()
      const choice = all.choose(all.default())
      console.log(asked.filter((name) => name === 'openai' || name.startsWith('@anthropic')).length, choice.id)
      const request = { system: { stable: '', changing: '' }, messages: [], tools: [] }
      await choice.model(request, AbortSignal.abort(new Error('no'))).next().catch(() => {})
      console.log(asked.includes('@anthropic-ai/sdk'))`
    const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script])
    assert.equal(stdout, '0 anthropic:claude-sonnet-5-5\ntrue\n')
  })
})
