import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { LLMock } from '@copilotkit/aimock'
import type { Message } from '../services/shapes/message.ts'
import {
  KEY,
  PNG,
  WEATHER,
  serve,
  claudeError,
  text,
  claude,
  user,
  request,
  ask,
  assistant,
  said,
  callsOf,
  direct,
} from './peers/model-wire.ts'

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
