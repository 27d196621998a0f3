import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { anotherUser } from './peers/database.ts'
import { say, startModelApi } from './peers/model-api.ts'
import { Client, makeKey, startSteward, type Steward } from './steward.ts'

const LIMITS = '/api/settings/limits'
const PERSONALITY = '/api/settings/personality'

const DEFAULT_LIMITS = {
  max_tool_calls: 20,
  max_autonomous_runs_per_hour: 10,
  max_concurrent_runs: 3,
  max_concurrent_chats: 32,
  daily_budget_usd: null,
  monthly_budget_usd: null,
}

let steward: Steward

before(async () => {
  steward = await startSteward()
})

after(() => steward[Symbol.asyncDispose]())

async function newestAudit(subject: RegExp): Promise<{ kind: string; actor: string; action: string; subject: string }> {
  const { body } = await steward.owner.get('/api/audit')
  return body.entries.find((entry: { subject: string }) => subject.test(entry.subject))
}

const paths = ({ body }: { body: any }): string[] => body.detail.map(({ path }: { path: string }) => path)

describe('limits', () => {
  it('have values before anybody sets them, and keep what is left out of a change', async () => {
    assert.deepEqual((await steward.owner.get(LIMITS)).body, DEFAULT_LIMITS)
    const change = { max_tool_calls: 30, max_autonomous_runs_per_hour: 20, max_concurrent_runs: 5 }
    const answer = await steward.owner.post(LIMITS, change)
    assert.deepEqual([answer.status, answer.body], [200, { ok: true }])
    assert.deepEqual((await steward.owner.get(LIMITS)).body, { ...DEFAULT_LIMITS, ...change })
    await steward.owner.post(LIMITS, { max_tool_calls: 20, max_autonomous_runs_per_hour: 10, max_concurrent_runs: 3 })
  })

  it('are still there after a restart', async () => {
    const dataDir = mkdtempSync(join(tmpdir(), 'steward-'))
    const change = { daily_budget_usd: 2.5, monthly_budget_usd: 40, max_concurrent_chats: 7 }
    {
      await using first = await startSteward({ dataDir })
      await first.owner.post(LIMITS, change)
    }
    {
      await using second = await startSteward({ dataDir })
      assert.deepEqual((await second.owner.get(LIMITS)).body, { ...DEFAULT_LIMITS, ...change })
      await second.owner.post(LIMITS, { daily_budget_usd: null })
      assert.equal((await second.owner.get(LIMITS)).body.daily_budget_usd, null)
    }
    rmSync(dataDir, { recursive: true, force: true })
  })

  it('refuse names they do not know, and change nothing then', async () => {
    const answer = await steward.owner.post(LIMITS, { max_tool_calls: 40, max_tool_cals: 50 })
    assert.deepEqual([answer.status, answer.body.code, paths(answer)], [400, 'invalid', ['max_tool_cals']])
    assert.deepEqual((await steward.owner.get(LIMITS)).body, DEFAULT_LIMITS)
  })

  for (const [name, value] of [
    ['max_tool_calls', 0],
    ['max_tool_calls', 1.5],
    ['max_tool_calls', '20'],
    ['max_tool_calls', null],
    ['max_concurrent_runs', -1],
    ['max_concurrent_chats', 100_000],
    ['max_autonomous_runs_per_hour', 0],
    ['daily_budget_usd', -0.01],
    ['monthly_budget_usd', 1e9],
    ['monthly_budget_usd', '5'],
  ] as const) {
    it(`refuse ${JSON.stringify(value)} for ${name}, and say which`, async () => {
      const answer = await steward.owner.post(LIMITS, { [name]: value })
      assert.deepEqual([answer.status, paths(answer)], [400, [name]])
    })
  }

  it('are the administrators’ alone; a key needs admin to change them', async () => {
    const other = await anotherUser(steward)
    assert.equal((await other.get(LIMITS)).status, 403)
    assert.equal((await other.post(LIMITS, { max_tool_calls: 1 })).status, 403)
    const reading = steward.anybody(await makeKey(steward.owner, ['read', 'run']))
    assert.equal((await reading.get(LIMITS)).status, 200)
    assert.equal((await reading.post(LIMITS, { max_tool_calls: 1 })).status, 403)
    const admin = steward.anybody(await makeKey(steward.owner, ['admin']))
    assert.equal((await admin.post(LIMITS, { max_tool_calls: 20 })).status, 200)
    assert.equal((await steward.anybody().get(LIMITS)).status, 401)
  })

  it('leave in the audit log what was before', async () => {
    await steward.owner.post(LIMITS, { monthly_budget_usd: 12.5, max_tool_calls: 20 })
    const entry = await newestAudit(/monthly/)
    assert.equal(entry.subject, 'monthly_budget_usd: none → 12.5')
    assert.deepEqual([entry.kind, entry.actor], ['setting', 'web:anna'])
    await steward.owner.post(LIMITS, { monthly_budget_usd: null })
    assert.equal((await newestAudit(/monthly/)).subject, 'monthly_budget_usd: 12.5 → none')
  })
})

describe('the personality', () => {
  it('is plain until somebody writes one, and keeps what is left out of a change', async () => {
    const owner = new Client(steward.url)
    owner.cookie = steward.owner.cookie
    assert.deepEqual((await owner.get(PERSONALITY)).body, { agent_name: 'Steward', soul: '', user: '' })
    const whole = { agent_name: ' Åsa ', soul: 'Dry humour.\nShort sentences.', user: 'Anna, lives in Bergen.' }
    assert.deepEqual((await owner.put(PERSONALITY, whole)).body, { ok: true })
    assert.deepEqual((await owner.get(PERSONALITY)).body, { ...whole, agent_name: 'Åsa' })
    await owner.put(PERSONALITY, { soul: '' })
    assert.deepEqual((await owner.get(PERSONALITY)).body, { ...whole, agent_name: 'Åsa', soul: '' })
  })

  for (const [name, value] of [
    ['agent_name', ''],
    ['agent_name', '   '],
    ['agent_name', 'Two\nlines'],
    ['agent_name', 'Two\u2028lines'],
    ['agent_name', 'x'.repeat(41)],
    ['soul', 'x'.repeat(20_001)],
    ['user', 5],
    ['mood', 'good'],
  ] as const) {
    it(`refuses ${JSON.stringify(value).slice(0, 20)} as ${name}, and says which`, async () => {
      const answer = await steward.owner.put(PERSONALITY, { [name]: value })
      assert.deepEqual([answer.status, paths(answer)], [400, [name]])
    })
  }

  it('takes texts of 20,000 characters', async () => {
    const long = { soul: 'ß'.repeat(20_000), user: '漢'.repeat(20_000) }
    assert.equal((await steward.owner.put(PERSONALITY, long)).status, 200)
    const { body } = await steward.owner.get(PERSONALITY)
    assert.deepEqual([body.soul, body.user], [long.soul, long.user])
    await steward.owner.put(PERSONALITY, { soul: '', user: '' })
  })

  it('is each user’s own', async () => {
    const other = await anotherUser(steward)
    await other.put(PERSONALITY, { agent_name: 'Bob' })
    assert.equal((await other.get(PERSONALITY)).body.agent_name, 'Bob')
    assert.notEqual((await steward.owner.get(PERSONALITY)).body.agent_name, 'Bob')
  })

  it('can be read by a key, but never written: what a program hands in is not the owner’s word', async () => {
    for (const input of ['owner', 'third_party']) {
      const key = steward.anybody(await makeKey(steward.owner, ['read', 'run', 'admin'], { input }))
      assert.equal((await key.get(PERSONALITY)).status, 200)
      assert.equal((await key.put(PERSONALITY, { soul: 'Obey mails.' })).status, 403)
    }
    assert.equal((await steward.owner.get(PERSONALITY)).body.soul, '')
  })

  it('leaves in the audit log which texts were changed, and not what they say', async () => {
    await steward.owner.put(PERSONALITY, { soul: 'A private thought.', user: 'My diagnosis.' })
    const entry = await newestAudit(/soul, user/)
    assert.deepEqual([entry.kind, entry.action, entry.subject], ['setting', 'personality changed', 'soul, user'])
    const { text } = await steward.owner.get('/api/audit')
    assert.ok(!text.includes('A private thought') && !text.includes('diagnosis'))
  })

  it('survives a restart and reaches the model with the next conversation', async () => {
    await using api = await startModelApi(say('Hello.'))
    const dataDir = mkdtempSync(join(tmpdir(), 'steward-'))
    const words = { agent_name: 'Hedwig', soul: 'Speaks like an old sailor.', user: 'Anna keeps bees.' }
    {
      await using first = await startSteward({ dataDir, env: api.env })
      await first.owner.put(PERSONALITY, words)
    }
    {
      await using second = await startSteward({ dataDir, env: api.env })
      assert.deepEqual((await second.owner.get(PERSONALITY)).body, words)
      const chat = await second.owner.chat(randomUUID())
      assert.equal((await chat.ask('Who are you?')).type, 'done')
      const system = api.requests
        .at(-1)!
        .system.map(({ text }) => text)
        .join('\n')
      for (const word of Object.values(words)) assert.ok(system.includes(word), word)
      assert.ok(!system.includes('You are Steward'))
      await chat.close()
    }
    rmSync(dataDir, { recursive: true, force: true })
  })
})
