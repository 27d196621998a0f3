import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { newAgent } from './peers/agents.ts'
import { anotherUser } from './peers/database.ts'
import { refusingUrl } from './peers/receiver.ts'
import { refused } from './peers/refused.ts'
import { startTelegram, TOKEN, type TelegramPeer } from './peers/telegram.ts'
import { startSteward, type Client, type Steward } from './steward.ts'

let telegram: TelegramPeer
let steward: Steward
let owner: Client
before(async () => {
  telegram = await startTelegram()
  steward = await startSteward({ env: telegram.env })
  owner = steward.owner
})
after(async () => {
  await steward[Symbol.asyncDispose]()
  await telegram[Symbol.asyncDispose]()
})

const config = async (client = owner) => (await client.get('/api/telegram/config')).body
const set = (body: object) => owner.post('/api/telegram/config', body)
async function reaches(status: string, client = owner): Promise<any> {
  for (;;) {
    const now = await config(client)
    if (now.status === status) return now
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

describe('the bot', () => {
  it('is not there at first, and cannot be started', async () => {
    assert.deepEqual(await config(), {
      bot_token_set: false,
      status: 'stopped',
      last_error: null,
      last_heard_at: null,
      bot: null,
      enabled: true,
      default_agent_id: null,
      max_age_s: 600,
      deadline_s: 75,
      notices: ['approval', 'trouble', 'budget'],
    })
    for (const what of ['start', 'stop', 'restart']) refused(await owner.post(`/api/telegram/${what}`), 409, 'conflict')
    assert.equal((await owner.get('/ready')).body.checks.telegram, 'off')
  })

  it('is kept only with a token that Telegram knows', async () => {
    for (const bot_token of ['not a token', '123456:AAHunknown-to-telegram']) {
      const answer = await set({ bot_token })
      refused(answer, 400, 'invalid')
      assert.equal(answer.body.detail[0].path, 'bot_token')
    }
    telegram.trouble('getMe', { drop: true })
    refused(await set({ bot_token: TOKEN }), 502, 'upstream_failed')
    assert.equal((await config()).bot_token_set, false)
  })

  it('listens as soon as it has a token, without a restart of Steward', async () => {
    assert.deepEqual((await set({ bot_token: TOKEN })).body, { ok: true })
    const { bot_token_set, bot } = await reaches('running')
    assert.deepEqual([bot_token_set, bot], [true, { id: '123456', username: 'steward_test_bot', name: 'Steward' }])
    await telegram.until(telegram.polling)
    const [first] = telegram.calls.filter(({ method }) => method === 'getUpdates')
    assert.equal('offset' in first!.payload, false, 'a start confirms nothing')
    const taken = telegram.calls.find(({ method }) => method === 'deleteWebhook')
    assert.equal(taken?.payload.drop_pending_updates, false)
    assert.equal((await owner.get('/ready')).body.checks.telegram, 'ok')
  })

  it('is stopped, started and started anew', async () => {
    assert.deepEqual((await owner.post('/api/telegram/stop')).body, { ok: true })
    assert.deepEqual([(await config()).status, (await config()).enabled], ['stopped', false])
    telegram.write('while it was away')
    await owner.post('/api/telegram/start')
    await reaches('running')
    await telegram.until(() => telegram.pending() === 0)
    const asked = telegram.calls.filter(({ method }) => method === 'deleteWebhook').length
    await owner.post('/api/telegram/restart')
    await reaches('running')
    assert.equal(telegram.calls.filter(({ method }) => method === 'deleteWebhook').length, asked + 1)
  })

  it('leaves its switching in the audit log', async () => {
    const { entries } = (await owner.get('/api/audit?kind=telegram')).body
    const actions = entries.map(({ action }: any) => action)
    assert.ok(actions.includes('bot changed') && actions.includes('bot restarted'), String(actions))
  })

  for (const [what, trouble, words] of [
    ['a token that was revoked', { status: 401, description: 'Unauthorized' }, /does not accept the bot token/],
    [
      'another program that asks for its messages',
      { status: 409, description: 'Conflict: terminated by other getUpdates request' },
      /Another program/,
    ],
    [
      'a webhook that was set',
      { status: 409, description: "Conflict: can't use getUpdates method while webhook is active" },
      /webhook is set/,
    ],
    ['trouble at Telegram', { status: 502, description: 'Bad Gateway' }, /trouble of its own/],
    ['a connection that breaks', { drop: true }, /connection to Telegram broke/],
  ] as const)
    it(`says of ${what} what is the matter, and goes on by itself or by a restart`, async () => {
      await telegram.until(telegram.polling)
      telegram.trouble('getUpdates', trouble)
      telegram.write('wake up')
      const { last_error } = await reaches('error')
      assert.match(last_error, words)
      assert.doesNotMatch(last_error, /AAHtest/)
      assert.equal((await owner.get('/ready')).body.checks.telegram, 'degraded')
      if ('status' in trouble && trouble.status === 401) await owner.post('/api/telegram/restart')
      assert.equal((await reaches('running')).last_error, null)
    })

  it('stands with its token in no answer, file, log or audit entry', async () => {
    const secret = TOKEN.slice(TOKEN.indexOf(':') + 1)
    const texts = [
      (await owner.get('/api/telegram/config')).text,
      (await owner.get('/api/audit')).text,
      steward.output(),
      readFileSync(join(steward.dataDir, 'steward.sqlite'), 'latin1'),
      readFileSync(join(steward.dataDir, 'steward.sqlite-wal'), 'latin1'),
    ]
    for (const text of texts) assert.equal(text.includes(secret), false)
  })

  it('belongs to one user', async () => {
    const ben = await anotherUser(steward)
    assert.equal((await config(ben)).bot_token_set, false)
    refused(await ben.post('/api/telegram/config', { bot_token: TOKEN }), 409, 'conflict')
  })

  it('still opens after the master key was changed', async () => {
    await owner.post('/api/auth/confirm', { password: 'correct horse battery' })
    const rotated = await owner.post('/api/credentials/rotate-master-key')
    assert.equal(rotated.status, 200, rotated.text)
    await owner.post('/api/telegram/restart')
    await reaches('running')
  })

  it('has a default agent, if it is one', async () => {
    refused(await set({ default_agent_id: 'nobody' }), 400, 'invalid')
    const { id } = await newAgent(owner, { name: 'Butler' })
    await set({ default_agent_id: id })
    assert.deepEqual([(await config()).default_agent_id, (await config()).bot_token_set], [id, true])
    await set({ default_agent_id: null })
  })

  it('is gone when its token is taken away', async () => {
    await set({ bot_token: null })
    const { bot_token_set, status } = await config()
    assert.deepEqual([bot_token_set, status], [false, 'stopped'])
    await telegram.until(() => telegram.polling() === 0)
  })

  it('waits for a network that is not there yet', async () => {
    await using lonely = await startSteward({ env: { TELEGRAM_API_ROOT: await refusingUrl() } })
    const answer = await lonely.owner.post('/api/telegram/config', { bot_token: TOKEN })
    refused(answer, 502, 'upstream_failed')
    assert.match(answer.body.error, /cannot be reached/)
  })
})

describe('the list of chats', () => {
  const LIST = '/api/telegram/whitelist'

  it('takes chats by their number, and knows private ones as the owner’s unless told otherwise', async () => {
    const made = await owner.post(LIST, { chat_id: '123456789', label: 'My phone' })
    assert.equal(made.status, 201)
    const { created_at: _at, ...rest } = made.body
    assert.deepEqual(rest, { chat_id: '123456789', label: 'My phone', owner: true })
    assert.equal((await owner.post(LIST, { chat_id: 555, label: 'Grandma', owner: false })).body.owner, false)
    assert.equal((await owner.post(LIST, { chat_id: '-100200300' })).body.owner, false)
    refused(await owner.post(LIST, { chat_id: '123456789' }), 409, 'conflict')
    assert.deepEqual(
      (await owner.get(LIST)).body.map(({ chat_id }: any) => chat_id),
      ['123456789', '555', '-100200300'],
    )
    assert.deepEqual((await owner.put(`${LIST}/555`, { label: 'Granny' })).body, { ok: true })
    assert.deepEqual((await owner.delete(`${LIST}/123456789`)).body, { ok: true })
    refused(await owner.delete(`${LIST}/123456789`), 404, 'not_found')
    refused(await owner.put(`${LIST}/1`, { label: 'x' }), 404, 'not_found')
  })

  it('refuses what is no chat, and a group as the owner’s own', async () => {
    for (const chat_id of ['', 'anna', '@anna', '0', '1.5', '12345678901234567890123'])
      refused(await owner.post(LIST, { chat_id }), 400, 'invalid')
    for (const answer of [
      await owner.post(LIST, { chat_id: '-5', owner: true }),
      await owner.put(`${LIST}/-100200300`, { owner: true }),
    ]) {
      refused(answer, 400, 'invalid')
      assert.equal(answer.body.detail[0].path, 'owner')
    }
  })

  it('is each user’s own', async () => {
    const ben = await anotherUser(steward)
    assert.deepEqual((await ben.get(LIST)).body, [])
    refused(await ben.delete(`${LIST}/555`), 404, 'not_found')
    assert.equal((await ben.post(LIST, { chat_id: '555' })).status, 201)
  })

  it('is tried with a message that arrives, or says why not', async () => {
    refused(await owner.post('/api/telegram/test', { chat_id: '9' }), 404, 'not_found')
    refused(await owner.post('/api/telegram/test', { chat_id: '555' }), 409, 'conflict')
    await set({ bot_token: TOKEN })
    assert.deepEqual((await owner.post('/api/telegram/test', { chat_id: '555' })).body, { ok: true })
    assert.match(telegram.said(555)[0]!.text, /can write to this chat/)
    telegram.trouble('sendMessage', { status: 403, description: 'Forbidden: bot was blocked by the user' })
    const { ok, error } = (await owner.post('/api/telegram/test', { chat_id: '555' })).body
    assert.deepEqual([ok, /bot was blocked/.test(error)], [false, true])
  })
})

describe('triggers', () => {
  const LIST = '/api/telegram/triggers'
  const tried = async (text: string) => (await owner.post(`${LIST}/test`, { text })).body.trigger?.trigger_word ?? null

  it('are made, listed in their order, changed and removed', async () => {
    const { id: agent_id } = await newAgent(owner, { name: 'Weather' })
    const made = await owner.post(LIST, { trigger_word: 'weather', agent_id, enabled: true })
    assert.equal(made.status, 201)
    assert.deepEqual(made.body, { id: made.body.id, position: 1, trigger_word: 'weather', agent_id, enabled: true })
    const both = (await owner.post(LIST, { trigger_word: 'Weather  Tomorrow', agent_id })).body
    assert.equal(await tried('TOMORROW: what weather?'), 'weather', 'the first by position')
    await owner.put(`${LIST}/${both.id}`, { position: 0 })
    assert.equal(await tried('TOMORROW: what weather?'), 'Weather  Tomorrow', 'all words, any order, any case')
    assert.equal(await tried('what weather?'), 'weather')
    assert.equal(await tried('what time is it?'), null)
    await owner.put(`${LIST}/${made.body.id}`, { enabled: false })
    assert.equal(await tried('what weather?'), null)
    const ben = await anotherUser(steward)
    assert.deepEqual((await ben.get(LIST)).body, [])
    refused(await ben.put(`${LIST}/${both.id}`, { enabled: false }), 404, 'not_found')
    for (const { id } of (await owner.get(LIST)).body) await owner.delete(`${LIST}/${id}`)
    refused(await owner.delete(`${LIST}/${both.id}`), 404, 'not_found')
  })

  it('need words and an agent', async () => {
    const { id: agent_id } = await newAgent(owner, { name: 'Other' })
    for (const [body, path] of [
      [{ trigger_word: ' ', agent_id }, 'trigger_word'],
      [{ trigger_word: '\u200b', agent_id }, 'trigger_word'],
      [{ trigger_word: 'x', agent_id: 'nobody' }, 'agent_id'],
      [{ trigger_word: 'x', agent_id, word: 'y' }, 'word'],
    ] as const) {
      const answer = await owner.post(LIST, body)
      refused(answer, 400, 'invalid')
      assert.equal(answer.body.detail[0].path, path)
    }
  })
})
