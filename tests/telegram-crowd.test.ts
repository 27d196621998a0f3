import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { say, startModelApi } from './peers/model-api.ts'
import { startTelegram, TOKEN } from './peers/telegram.ts'
import { startSteward } from './steward.ts'

const CHATS = 60
/** Telegram's own limit. */
const MOST_A_SECOND = 30

describe('many chats that talk at once', () => {
  it('are all answered, with no more messages a second than Telegram takes', async () => {
    await using telegram = await startTelegram()
    await using api = await startModelApi(say('Yes.'))
    await using steward = await startSteward({ env: { ...telegram.env, ...api.env, LOG_LEVEL: 'error' } })
    for (let chat = 1; chat <= CHATS; chat++) await steward.owner.post('/api/telegram/whitelist', { chat_id: chat })
    await steward.owner.post('/api/telegram/config', { bot_token: TOKEN })
    await telegram.until(telegram.polling)
    for (let chat = 1; chat <= CHATS; chat++) telegram.write('Hello', { chat })
    const all = Array.from({ length: CHATS }, (_, at) => at + 1)
    await telegram.until(() => all.every((chat) => telegram.said(chat).some(({ text }) => text === 'Yes.')), 60_000)
    const sent = telegram.calls
      .filter(({ method }) => /^(sendMessage|editMessageText)$/.test(method))
      .map(({ at }) => at)
    const most = Math.max(...sent.map((from) => sent.filter((at) => at >= from && at < from + 1_000).length))
    assert.ok(most <= MOST_A_SECOND, `${most} in a second`)
  })
})
