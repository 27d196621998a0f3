import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { say, startModelApi, type ModelApi } from './peers/model-api.ts'
import { startProxy, type Proxy } from './peers/proxy.ts'
import { startTelegram, TOKEN, type TelegramPeer } from './peers/telegram.ts'
import { Client, startSteward, type Steward } from './steward.ts'

/** What can go wrong between a bot and Telegram: the owner knows of it, once, and of its end. */

const CHAT = 42
const SILENT = 'The Telegram bot @steward_test_bot cannot be listened to'
const BACK = 'The Telegram bot @steward_test_bot is listened to again'

describe('a Telegram that is not always there', () => {
  let telegram: TelegramPeer
  let proxy: Proxy
  let api: ModelApi
  let steward: Steward
  let owner: Client

  before(async () => {
    telegram = await startTelegram()
    proxy = await startProxy(Number(new URL(telegram.url).port))
    api = await startModelApi(say('All is well.'))
    steward = await startSteward({ env: { ...api.env, TELEGRAM_API_ROOT: `http://127.0.0.1:${proxy.port}` } })
    owner = steward.owner
    await owner.post('/api/telegram/whitelist', { chat_id: CHAT })
    await owner.post('/api/telegram/config', { bot_token: TOKEN, deadline_s: 4 })
  })
  after(async () => {
    await steward?.[Symbol.asyncDispose]()
    await Promise.all([api, proxy, telegram].map((peer) => peer?.[Symbol.asyncDispose]()))
  })
  beforeEach(async () => {
    await telegram.until(telegram.polling)
    await owner.post('/api/notifications/read-all')
  })

  const config = async () => (await owner.get('/api/telegram/config')).body
  const told = async (): Promise<string[]> =>
    (await owner.get('/api/notifications?kind=trouble&unread=true')).body.items
      .map(({ title }: any) => title)
      .toReversed()
  async function until<T>(look: () => Promise<T>, holds: (found: T) => boolean): Promise<T> {
    for (let left = 600; left > 0; left--) {
      const found = await look()
      if (holds(found)) return found
      await sleep(50)
    }
    throw new Error(`it never came; at last: ${JSON.stringify(await look())}`)
  }

  it('that says nothing any more, although the connection looks open, is noticed, told once, and so is its end', async () => {
    const before = await until(config, ({ last_heard_at }) => last_heard_at !== null)
    assert.equal((await owner.get('/ready')).body.checks.telegram, 'ok')
    proxy.swallow()
    telegram.write('Are you there?', { chat: CHAT })
    const { last_error } = await until(config, ({ status }) => status === 'error')
    assert.match(last_error, /did not answer in time/)
    const { checks, status, warnings } = (await owner.get('/ready')).body
    assert.deepEqual([checks.telegram, status], ['degraded', 'degraded'])
    assert.ok(warnings.some((words: string) => /Telegram bot cannot be listened to/.test(words)))
    await until(told, (titles) => titles.length > 0)
    const attempts = proxy.connections()
    await until(async () => proxy.connections(), (now) => now > attempts + 1) // prettier-ignore
    assert.deepEqual(await told(), [SILENT], 'however often it was tried in vain')
    proxy.heal()
    await telegram.until(() => telegram.said(CHAT).find(({ text }) => text === 'All is well.'), 60_000)
    const after = await until(config, (now) => now.status === 'running')
    assert.ok(after.last_heard_at > before.last_heard_at)
    assert.deepEqual(await until(told, (titles) => titles.length > 1), [SILENT, BACK])
    assert.equal((await owner.get('/ready')).body.checks.telegram, 'ok')
    assert.equal(api.requests.length, 1)
  })

  it('that is gone for a moment only is no news', async () => {
    telegram.trouble('getUpdates', { status: 502, description: 'Bad Gateway' })
    await until(config, ({ status }) => status === 'error')
    await until(config, ({ status }) => status === 'running')
    await sleep(1_000)
    assert.deepEqual(await told(), [])
  })

  it('that no longer knows the token is told of at once, since it does not mend itself', async () => {
    telegram.trouble('getUpdates', { status: 401, description: 'Unauthorized' })
    telegram.write('/new', { chat: CHAT })
    await until(told, (titles) => titles.length === 1)
    const [notice] = (await owner.get('/api/notifications?kind=trouble&unread=true')).body.items
    assert.deepEqual([notice.title, /Copy it again from BotFather/.test(notice.text)], [SILENT, true])
    await owner.post('/api/telegram/restart')
    await until(config, ({ status }) => status === 'running')
  })

  it('is shared with nobody: another program that asks for the same messages is said in words until it ends', async () => {
    const other = () => new Client(telegram.url).post(`/bot${TOKEN}/getUpdates`, { timeout: 0 })
    const { last_error } = await until(async () => (await other(), config()), ({ status }) => status === 'error') // prettier-ignore
    assert.match(last_error, /Another program asks Telegram for the messages of this bot/)
    await until(config, ({ status }) => status === 'running')
    telegram.write('Hello again', { chat: CHAT })
    await telegram.until(() => telegram.said(CHAT).filter(({ text }) => text === 'All is well.').length === 2)
  })
})
