import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it, type TestContext } from 'node:test'
import { startInside, type InsideSteward } from './peers/inside.ts'
import { read, say, startModelApi, type ModelApi } from './peers/model-api.ts'
import type { Chat } from './steward.ts'

let api: ModelApi
let steward: InsideSteward

before(async () => {
  api = await startModelApi()
  steward = await startInside(api.env)
})

after(async () => {
  await steward[Symbol.asyncDispose]()
  await api[Symbol.asyncDispose]()
})

async function open(): Promise<Chat> {
  const chat = await steward.owner.chat(randomUUID())
  await chat.next('models')
  return chat
}

type Statement = { source: string; readonly: boolean; run: (...args: unknown[]) => unknown }

/** Counts what SQLite commits from now on: ends of transactions, and statements that write outside of one. */
function countCommits({ mock }: TestContext): () => number {
  const { sqlite } = steward.services.db
  let commits = 0
  const statements = Object.getPrototypeOf(sqlite.prepare('SELECT 1')) as Record<
    'run' | 'get' | 'all',
    Statement['run']
  >
  for (const name of ['run', 'get', 'all'] as const) {
    const original = statements[name]
    mock.method(statements, name, function (this: Statement, ...args: unknown[]) {
      const alone = !this.readonly && !sqlite.inTransaction && !this.source.startsWith('BEGIN')
      if (alone || this.source === 'COMMIT') commits++
      return original.apply(this, args)
    })
  }
  const exec = mock.method(sqlite, 'exec')
  return () => commits + exec.mock.callCount()
}

describe('what one turn costs', () => {
  it('"ping" in a new conversation sends at most 1,500 tokens to the model', async () => {
    api.answer(say('pong'))
    await (await open()).ask('ping')
    const [request] = api.requests
    const names = request!.tools.map(({ name }) => name)
    assert.deepEqual(names.slice(0, 2), ['web', 'filesystem'])
    const tokens = Buffer.byteLength(api.bodies[0]!) / 4
    assert(tokens <= 1500, `${tokens} tokens`)
  })

  it('still does so with every tool that a chat can have', async () => {
    await steward.owner.post('/api/agents', { name: 'Helper', prompt: 'Help.' })
    await steward.owner.post('/api/webhook-targets', { name: 'Hall', url: 'https://hall.example/hook' })
    const mailbox = {
      label: 'Post',
      smtp_host: 'mail.example.com',
      smtp_username: 'me@example.com',
      smtp_password: 'x',
    }
    await steward.owner.post('/api/email-accounts', mailbox)
    await steward.owner.post('/api/telegram/whitelist', { chat_id: '42', label: 'My phone' })
    api.answer(say('pong'))
    await (await open()).ask('ping')
    const tools = api.requests[0]!.tools as unknown as { name: string; description: string }[]
    const behind = tools.find(({ name }) => name === 'tools')!.description
    for (const name of ['web', 'filesystem', 'email', 'telegram', 'webhook', 'agent', 'whitelist'])
      assert.ok(tools.some((one) => one.name === name) || behind.includes(`"${name}"`), name)
    const tokens = Buffer.byteLength(api.bodies[0]!) / 4
    assert(tokens <= 1500, `${tokens} tokens`)
  })

  it('a turn without tools commits at most 6 times, first and later, short and long', async (context) => {
    api.answer({ text: Array.from({ length: 50 }, (_, at) => `word${at} `) })
    const chat = await open()
    const commits = countCommits(context)
    const known = steward.services.db.commits()
    const counts: number[] = []
    for (let turn = 0; turn < 3; turn++) {
      const before = commits()
      await chat.ask('Hello')
      counts.push(commits() - before)
    }
    assert(Math.max(...counts) <= 6, String(counts))
    assert(commits() >= steward.services.db.commits() - known && Math.min(...counts) >= 1)
  })

  it('each call of a tool adds at most 3', async (context) => {
    const folder = mkdtempSync(join(tmpdir(), 'papers-'))
    writeFileSync(join(folder, 'a.txt'), 'Hello')
    await steward.owner.post('/api/filesystem-whitelist', { path: folder })
    const calls = Array.from({ length: 5 }, () => read(join(folder, 'a.txt')))
    api.answer(...calls, say('Read.'))
    const chat = await open()
    const commits = countCommits(context)
    const done = await chat.ask('Read it five times')
    assert.equal(done.tool_calls_made, 5)
    assert(commits() <= 6 + 5 * 3, String(commits()))
  })

  it('an idle server with an open socket commits nothing', async (context) => {
    const chat = await open()
    const commits = countCommits(context)
    for (let count = 0; count < 20; count++) {
      chat.send({ type: 'ping' })
      await chat.next('pong')
    }
    assert.equal(commits(), 0)
  })
})
