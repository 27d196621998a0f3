import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { say, startModelApi, textIn, type ModelApi, type Request } from './peers/model-api.ts'
import { startTelegram, TOKEN, type TelegramPeer } from './peers/telegram.ts'
import { startSteward, type Steward } from './steward.ts'

const picturesIn = (request: Request | undefined) =>
  (request?.messages.at(-1)?.content ?? []).filter(({ type }) => type === 'image').map(({ source }) => source.data)
const png = (n: number) => Buffer.from(`89504e470d0a1a0a0${n}`, 'hex')

describe('an album', () => {
  let telegram: TelegramPeer
  let api: ModelApi
  let steward: Steward
  let dataDir: string
  let chat = 100

  before(async () => {
    telegram = await startTelegram()
    api = await startModelApi(say('Nice.'))
    dataDir = mkdtempSync(join(tmpdir(), 'steward-'))
    steward = await startSteward({ dataDir, env: { ...telegram.env, ...api.env } })
    await steward.owner.post('/api/telegram/config', { bot_token: TOKEN })
    for (let n = 1; n <= 4; n++) telegram.addFile(`picture-${n}`, png(n))
  })
  after(async () => {
    await steward?.[Symbol.asyncDispose]()
    await Promise.all([api, telegram].map((peer) => peer?.[Symbol.asyncDispose]()))
    rmSync(dataDir, { recursive: true, force: true })
  })

  const picture = (n: number, more: object = {}) =>
    telegram.write('', {
      chat,
      more: { media_group_id: `album-${chat}`, photo: [{ file_id: `picture-${n}`, file_size: 9 }], ...more },
    })
  const fresh = async () => {
    chat++
    await steward.owner.post('/api/telegram/whitelist', { chat_id: chat })
    await telegram.until(telegram.polling)
    api.answer(say('Nice.'))
  }
  const answers = () => telegram.said(chat).filter(({ text }) => text === 'Nice.')
  const all = [1, 2, 3].map((n) => png(n).toString('base64'))

  it('is one message with all its pictures, and what comes after it waits for it', async () => {
    await fresh()
    picture(1, { caption: 'Which is best?' })
    picture(2)
    telegram.write('And why?', { chat })
    picture(3)
    await telegram.until(() => answers().length === 2)
    assert.equal(api.requests.length, 2)
    assert.deepEqual(picturesIn(api.requests[0]), all)
    assert.match(textIn(api.requests[0]), /Which is best\?/)
    assert.doesNotMatch(textIn(api.requests[0]), /And why/)
  })

  it('waits for pictures that come later, while other chats are answered', async () => {
    await fresh()
    await steward.owner.post('/api/telegram/whitelist', { chat_id: 99 })
    picture(1)
    await telegram.until(() => !telegram.polling())
    picture(2, { caption: 'Late words' })
    telegram.write('Hello', { chat: 99 })
    await telegram.until(() => telegram.said(99).some(({ text }) => text === 'Nice.'))
    assert.equal(answers().length, 0)
    picture(3)
    await telegram.until(() => answers().length === 1)
    const [album, ...more] = api.requests.filter((request) => picturesIn(request).length > 0)
    assert.deepEqual([picturesIn(album), more], [all, []])
    assert.match(textIn(album), /Late words/)
  })

  it('comes once where the power fails in the middle of it', async () => {
    await fresh()
    picture(1, { caption: 'Before the dark' })
    picture(2)
    await telegram.until(() => !telegram.polling())
    await steward.kill()
    picture(3)
    steward = await startSteward({ dataDir, env: { ...telegram.env, ...api.env } })
    await telegram.until(() => answers().length === 1)
    await steward.kill()
    steward = await startSteward({ dataDir, env: { ...telegram.env, ...api.env } })
    telegram.write('/status', { chat })
    await telegram.until(() => telegram.said(chat).find(({ text }) => /at work/.test(text)))
    assert.equal(answers().length, 1)
    const asked = api.requests.filter((request) => picturesIn(request).length > 0)
    assert.ok(asked.length >= 1 && asked.every((request) => String(picturesIn(request)) === String(all)))
  })
})
