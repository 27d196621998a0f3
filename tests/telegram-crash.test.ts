import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { startModelApi, textIn } from './peers/model-api.ts'
import { startTelegram, TOKEN } from './peers/telegram.ts'
import { startSteward } from './steward.ts'

const CHATS = 20
const EACH = 10
const KILLS = 8

describe('Steward, killed again and again while 200 messages are on their way', () => {
  it('answers each in its order, and none twice', async () => {
    const dataDir = mkdtempSync(join(tmpdir(), 'steward-telegram-'))
    await using telegram = await startTelegram()
    await using api = await startModelApi()
    api.answer((request) => {
      const asked = [...textIn(request).matchAll(/question (\d+-\d+)\b/g)].at(-1)?.[1]
      return { text: ['Answer ', `to ${asked}.`], pauseMs: 20 }
    })
    const env = { ...telegram.env, ...api.env, LOG_LEVEL: 'error' }
    const first = await startSteward({ dataDir, env })
    for (let chat = 1; chat <= CHATS; chat++) await first.owner.post('/api/telegram/whitelist', { chat_id: chat })
    await first.owner.post('/api/telegram/config', { bot_token: TOKEN })
    await telegram.until(telegram.polling)
    for (let n = 1; n <= EACH; n++)
      for (let chat = 1; chat <= CHATS; chat++) telegram.write(`This is question ${chat}-${n}`, { chat })
    await sleep(150)
    await first.kill()
    for (let kill = 1; kill < KILLS; kill++) {
      const steward = await startSteward({ dataDir, env, setUp: false })
      await sleep(100 + ((kill * 619) % 900))
      await steward.kill()
    }
    const last = await startSteward({ dataDir, env, setUp: false })
    const isAnswer = (text: string) => /^Answer to \d+-\d+\.$|interrupted three times/.test(text)
    const answers = (chat: number) => telegram.said(chat).flatMap(({ text }) => (isAnswer(text) ? [text] : []))
    const all = Array.from({ length: CHATS }, (_, at) => at + 1)
    await telegram.until(() => all.every((chat) => answers(chat).length >= EACH), 90_000).catch(() => {})
    await telegram.until(() => telegram.pending() === 0)
    await sleep(500)
    for (const chat of all) {
      const given = answers(chat)
      assert.equal(given.length, EACH, `chat ${chat}: ${JSON.stringify(telegram.said(chat).map(({ text }) => text))}`)
      const whole = given.filter((text) => text.startsWith('Answer'))
      assert.equal(new Set(whole).size, whole.length, 'none twice')
      const rest = telegram.said(chat).filter(({ text }) => !isAnswer(text))
      assert.deepEqual(
        rest.filter(({ text }) => text !== '…'),
        [],
        'at most empty placeholders are left',
      )
    }
    const asked = api.requests.map((request) => [...textIn(request).matchAll(/question (\d+)-(\d+)\b/g)].at(-1)!)
    const order = new Map<string, number>()
    for (const [, chat, n] of asked) {
      assert.ok(Number(n) >= (order.get(chat!) ?? 0), `chat ${chat} in order`)
      order.set(chat!, Number(n))
    }
    await last.stop()
    rmSync(dataDir, { recursive: true, force: true })
  })
})
