import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { describe, it } from 'node:test'
import { promisify } from 'node:util'
import { rehearsal } from '../services/models/rehearsal.ts'
import type { Message } from '../services/shapes/message.ts'
import { user, request, ask, said, callsOf } from './peers/model-wire.ts'

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
