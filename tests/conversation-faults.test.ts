import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { startInside, type InsideSteward } from './peers/inside.ts'
import { fetchPage, MODEL, read, resultsIn, say, startModelApi, textIn, use, type ModelApi } from './peers/model-api.ts'
import { startSite, type Site } from './peers/site.ts'
import type { Chat, Frame } from './steward.ts'

const SOON = { 'retry-after-ms': '10' }
const WORKING = { cost_usd: 0.00007, input_tokens: 10, output_tokens: 5 }

let api: ModelApi
let site: Site
let steward: InsideSteward
const folder = mkdtempSync(join(tmpdir(), 'papers-'))

before(async () => {
  api = await startModelApi()
  site = await startSite()
  steward = await startInside({ ...api.env, ALLOWED_PRIVATE_HOSTS: site.host })
  writeFileSync(join(folder, 'note.txt'), 'Buy bread.')
  await steward.owner.post('/api/filesystem-whitelist', { path: folder })
})

after(async () => {
  await steward[Symbol.asyncDispose]()
  await site[Symbol.asyncDispose]()
  await api[Symbol.asyncDispose]()
})

async function open(id: string = randomUUID()): Promise<Chat & { id: string }> {
  const chat = await steward.owner.chat(id)
  await chat.next('models')
  return Object.assign(chat, { id })
}

const toolDone = (chat: Chat) => chat.frames.filter(({ type }) => type === 'tool_done')
const said = (frames: Frame[]) =>
  frames.flatMap(({ type, content }) => (type === 'text' ? [content as string] : [])).join('')
const set = (values: Record<string, unknown>) => steward.services.settings.change(values)

describe('a model that cannot be used', () => {
  it('for want of a key says where to put one', async () => {
    await using bare = await startInside({ ANTHROPIC_BASE_URL: api.url })
    const chat = await bare.owner.chat(randomUUID())
    const error = await chat.ask('Hello', { model: MODEL })
    assert.equal(error.code, 'upstream_refused')
    assert.match(error.error, /Settings → Credentials as system:anthropic_api_key/)
    assert.equal(error.run_id, chat.frames.find(({ type }) => type === 'user_message')!.run_id)
    await bare.owner.post('/api/credentials', { key: 'system:anthropic_api_key', value: 'sk-ant-wrong-0123456789' })
    const refused = await chat.ask('Hello')
    assert.equal(refused.code, 'upstream_refused')
    assert.match(refused.error, /refused the API key. Check system:anthropic_api_key under Settings/)
    assert.doesNotMatch(JSON.stringify(chat.frames), /sk-ant-wrong/)
    await bare.owner.post('/api/credentials', { key: 'system:anthropic_api_key', value: api.env.ANTHROPIC_API_KEY })
    api.answer(say('Here I am.'))
    assert.equal((await chat.ask('And now?')).text, 'Here I am.')
    assert.match(textIn(api.requests[0]), /Hello\nHello\nAnd now\?/)
  })

  it('because nobody answers is an error, and the conversation goes on afterwards', { timeout: 30_000 }, async () => {
    api.answer({ status: 529, headers: SOON }, { status: 500, headers: SOON }, { text: ['x'], cutAfter: 1 }, { status: 503, headers: SOON }, say('Back.')) // prettier-ignore
    const chat = await open()
    const error = await chat.ask('Hello')
    assert.deepEqual([error.type, error.code], ['error', 'upstream_failed'])
    assert.match(error.error, /overloaded/)
    const statuses = chat.frames.flatMap(({ type, status }) => (type === 'run' ? [status] : []))
    assert.deepEqual(statuses, ['queued', 'running', 'failed'])
    const { body } = await steward.owner.get(`/api/conversations/${chat.id}`)
    assert.deepEqual(body.messages[1].error, { error: error.error, code: 'upstream_failed' })
    assert.equal((await chat.ask('Again')).text, 'Back.')
    assert.equal(textIn(api.requests[4]), 'Hello\nAgain')
  })

  it('because it does not know the request says what the vendor said', async () => {
    api.answer({ status: 400, error: 'max_tokens: 1 is too many' }, { status: 404, error: 'model: gone' })
    const chat = await open()
    assert.match((await chat.ask('Hello')).error, /max_tokens: 1 is too many/)
    assert.match((await chat.ask('Hello')).error, /does not know the model claude-sonnet-5-5/)
    assert.equal(api.requests.length, 2)
  })
})

describe('a model that stumbles', () => {
  it('is asked again: overloaded twice, then fine', async () => {
    api.answer({ status: 529, headers: SOON }, { status: 429, headers: { 'retry-after': '0' } }, say('Fine.'))
    const chat = await open()
    const done = await chat.ask('Hello')
    assert.equal(done.text, 'Fine.')
    assert.equal(api.requests.length, 3)
    assert.deepEqual(done.usage, WORKING)
  })

  it('in the middle of an answer begins it anew: state replaces what was shown', async () => {
    const call = { ...read(join(folder, 'note.txt')), text: ['Before.'] }
    api.answer(call, { text: ['Half', ' an'], cutAfter: 2 }, say('A whole', ' answer.'))
    const chat = await open()
    const done = await chat.ask('Hello')
    const at = chat.frames.findIndex(({ type }) => type === 'state')
    const state = chat.frames[at]!
    assert.equal(said(chat.frames.slice(0, at)), 'Before.\n\nHalf an')
    assert.equal(state.text, 'Before.')
    assert.deepEqual([state.status, state.tool_calls.length], ['running', 1])
    assert.equal(state.text + said(chat.frames.slice(at)), 'Before.\n\nA whole answer.')
    assert.equal(done.text, 'Before.\n\nA whole answer.')
    const { body } = await steward.owner.get(`/api/conversations/${chat.id}`)
    assert.equal(body.messages[1].content, done.text)
  })

  it('can be stopped while it is waited for', async () => {
    api.answer({ status: 429, headers: { 'retry-after': '30' } })
    const chat = await open()
    chat.send({ type: 'message', content: 'Hello' })
    while (api.requests.length === 0) await sleep(10)
    await sleep(50)
    const began = performance.now()
    chat.send({ type: 'stop' })
    assert.equal((await chat.next('done')).stop_reason, 'stopped')
    assert(performance.now() - began < 500)
  })
})

describe('unusable arguments', () => {
  it('are told to the model, which may do better', async () => {
    const path = join(folder, 'note.txt')
    api.answer(
      use('filesystem', '{"operation": "read_fi'),
      use('filesystem', { operation: 'read_file', path, surprise: 1 }),
      read(path),
      say('Bread.'),
    )
    const chat = await open()
    const done = await chat.ask('Read')
    assert.equal(done.text, 'Bread.')
    assert.equal(done.tool_calls_made, 3)
    const told = [1, 2].map((at) => resultsIn(api.requests[at])[0]!)
    assert.match(told[0]!.text, /not a JSON object/)
    assert.match(told[1]!.text, /surprise/)
    assert(told.every(({ failed }) => failed))
    assert.deepEqual(
      toolDone(chat).map(({ success }) => success),
      [false, false, true],
    )
  })

  it('three times in a row end the run with an error', async () => {
    api.answer(
      use('weather', { city: 'Bonn' }),
      use('filesystem', { operation: 'format_disk' }),
      use('filesystem', []),
      say('No.'),
    )
    const chat = await open()
    const error = await chat.ask('Weather?')
    assert.equal(error.code, 'upstream_failed')
    assert.match(error.error, /three times/)
    assert.equal(toolDone(chat).length, 3)
    assert.match(toolDone(chat)[0]!.result_summary, /There is no tool weather/)
    assert.match(toolDone(chat)[1]!.result_summary, /one of: list_directory, read_file, write_file, delete_file/)
    assert.equal(api.requests.length, 3)
    assert.equal((await chat.ask('Still there?')).text, 'No.')
  })
})

describe('limits', () => {
  after(() => set({ max_tool_calls: 20 }))

  it('max_tool_calls: the model is asked for an answer without tools, and the run ends with it', async () => {
    set({ max_tool_calls: 2 })
    const call = read(join(folder, 'note.txt'))
    const three = { calls: [call.calls![0]!, call.calls![0]!, call.calls![0]!] }
    api.answer(three, say('That is all I could do.'))
    const chat = await open()
    const done = await chat.ask('Read thrice')
    assert.equal(done.stop_reason, 'max_tool_calls')
    assert.equal(done.text, 'That is all I could do.')
    const results = resultsIn(api.requests[1])
    const [refused, ...others] = results.filter(({ failed }) => failed)
    assert.deepEqual([results.length, others.length], [3, 0])
    assert.match(refused!.text, /all the 2 tool calls/)
    assert.deepEqual(api.requests[1]!.tool_choice, { type: 'none' })
    assert.deepEqual(api.requests[1]!.tools, api.requests[0]!.tools)
  })

  it('max_tool_calls: a call that was counted and approved is done, also when it was the last', async () => {
    set({ max_tool_calls: 1 })
    const path = join(folder, 'last.txt')
    api.answer(use('filesystem', { operation: 'write_file', path, content: 'x' }), say('Written.'))
    const chat = await open()
    chat.send({ type: 'message', content: 'Write' })
    const { call_id } = await chat.next('confirmation_required')
    chat.send({ type: 'confirm', call_id, approved: true })
    assert.equal((await chat.next('tool_done')).success, true)
    assert.equal((await chat.next('done')).stop_reason, 'max_tool_calls')
  })
})

describe('a tool', () => {
  it('that hangs is cut off after its time, and the model is told', { timeout: 40_000 }, async () => {
    site.hang('/slow')
    api.answer(fetchPage(`${site.url}/slow`), say('Too slow.'))
    const chat = await open()
    chat.send({ type: 'message', content: `Read ${site.url}/slow` })
    const done = await chat.next('done', 30_000)
    assert.equal(done.text, 'Too slow.')
    const [call] = toolDone(chat)
    assert.equal(call!.success, false)
    assert(call!.duration_ms >= 19_000 && call!.duration_ms < 25_000)
    assert.match(resultsIn(api.requests[1])[0]!.text, /did not finish its answer within 20 seconds/)
  })

  it('that hangs ends at once when the run is stopped', async () => {
    site.hang('/slow')
    api.answer(fetchPage(`${site.url}/slow`), say('Never said.'))
    const chat = await open()
    site.seen.length = 0
    chat.send({ type: 'message', content: `Read ${site.url}/slow` })
    while (site.seen.length === 0) await sleep(10)
    const began = performance.now()
    chat.send({ type: 'stop' })
    assert.equal((await chat.next('tool_done')).success, false)
    assert.equal((await chat.next('done')).stop_reason, 'stopped')
    assert(performance.now() - began < 500)
    assert.equal(api.requests.length, 1)
  })

  it('may be asked about while another of its turn still works: answered once, the run goes on once', async () => {
    site.page('/first', '<p>First.</p>')
    site.page('/other', '<p>Other.</p>')
    site.page('/slow', (res) => void setTimeout(() => res.end('Slow.'), 500))
    const both = ['/slow', '/other'].map((path) => fetchPage(site.url + path).calls![0]!)
    api.answer(fetchPage(`${site.url}/first`), { calls: both }, say('All read.'))
    const chat = await open()
    site.seen.length = 0
    chat.send({ type: 'message', content: `Read ${site.url}/first and ${site.url}/slow` })
    const { call_id } = await chat.next('confirmation_required')
    chat.send({ type: 'confirm', call_id, approved: true })
    const done = await chat.next('done')
    assert.equal(done.text, 'All read.')
    assert.deepEqual(site.seen, ['/first', '/slow', '/other'])
    assert.equal(api.requests.length, 3)
    await sleep(300)
    assert.equal(chat.frames.filter(({ type }) => type === 'done').length, 1)
    assert.equal(toolDone(chat).length, 3)
  })

  it('may be stopped while it is asked about and another still works: nothing is left open', async () => {
    site.page('/first', '<p>First.</p>')
    site.hang('/slow')
    const both = ['/slow', '/other'].map((path) => fetchPage(site.url + path).calls![0]!)
    api.answer(fetchPage(`${site.url}/first`), { calls: both }, say('Never.'))
    const chat = await open()
    chat.send({ type: 'message', content: `Read ${site.url}/first and ${site.url}/slow` })
    const { call_id } = await chat.next('confirmation_required')
    chat.send({ type: 'stop' })
    assert.equal((await chat.next('done')).stop_reason, 'stopped')
    assert(chat.frames.some(({ type, call_id: id }) => type === 'confirmation_closed' && id === call_id))
    chat.send({ type: 'confirm', call_id, approved: true })
    assert.equal((await chat.next('error')).code, 'conflict')
    assert.equal(toolDone(chat).length, 3)
    assert.equal(api.requests.length, 2)
  })
})
