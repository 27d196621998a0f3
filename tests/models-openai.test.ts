import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { openaiForm } from '../services/models/openai.ts'
import type { Message } from '../services/shapes/message.ts'
import {
  KEY,
  PNG,
  WEATHER,
  type Answer,
  serve,
  json,
  sse,
  text,
  user,
  request,
  ask,
  assistant,
  callsOf,
  patient,
  failure,
  models,
} from './peers/model-wire.ts'

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
