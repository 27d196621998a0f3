import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, it } from 'node:test'
import type { Model } from '../services/agent/model.ts'
import { withRetry } from '../services/models/retry.ts'
import {
  KEY,
  serve,
  claudeError,
  overloaded,
  sse,
  text,
  claude,
  beginning,
  cut,
  user,
  request,
  ask,
  direct,
  patient,
  failure,
  models,
} from './peers/model-wire.ts'

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
