import assert from 'node:assert/strict'
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { newAgent, reached } from './peers/agents.ts'
import { DOVECOT_MISSING, startDovecot, type Dovecot } from './peers/dovecot.ts'
import { startInside, type InsideSteward } from './peers/inside.ts'
import { addMailbox, deliver, inState, mail, SENDER } from './peers/mails.ts'
import { say, startModelApi, write, type ModelApi } from './peers/model-api.ts'
import { startTelegram, TOKEN, type TelegramPeer } from './peers/telegram.ts'

const [PHONE, TABLET] = [42, 43]

describe('a mail account that names a Telegram chat', { skip: DOVECOT_MISSING }, () => {
  let telegram: TelegramPeer
  let api: ModelApi
  let dovecot: Dovecot
  let steward: InsideSteward
  const folder = mkdtempSync(join(tmpdir(), 'letters-'))

  before(async () => {
    telegram = await startTelegram()
    api = await startModelApi()
    dovecot = await startDovecot()
    steward = await startInside({ ...telegram.env, ...api.env })
    const { owner } = steward
    await owner.post('/api/filesystem-whitelist', { path: folder })
    for (const [chat_id, label] of [[PHONE, 'My phone'], [TABLET, 'My tablet']]) await owner.post('/api/telegram/whitelist', { chat_id, label }) // prettier-ignore
    await owner.post('/api/telegram/config', { bot_token: TOKEN, notices: ['trouble'] })
    await owner.post('/api/email-whitelist', { email: SENDER })
    await telegram.until(telegram.polling)
  })
  after(async () => {
    await steward[Symbol.asyncDispose]()
    await dovecot[Symbol.asyncDispose]()
    await api[Symbol.asyncDispose]()
    await telegram[Symbol.asyncDispose]()
  })

  it('has the questions and results of its mails told there and nowhere else, whatever is chosen for the rest', async () => {
    const { owner } = steward
    const agent = await newAgent(owner, { name: 'Filing clerk', allowed_tools: ['filesystem'] })
    const { id } = await addMailbox(owner, dovecot, { agent_id: agent.id, telegram_chat_id: String(TABLET) })
    await inState(owner, id, 'connected')
    api.answer(write(join(folder, 'note.txt'), 'Filed'), say('It is filed.'))
    deliver(dovecot, mail({ subject: 'File this' }))
    const question = await telegram.until(() => telegram.said(TABLET).find(({ text }) => /^❓ Filing clerk/.test(text)))
    telegram.press(question, 'Approve')
    await telegram.until(() =>
      telegram.said(TABLET).find(({ text }) => /^Filing clerk is done\n\nIt is filed\./.test(text)),
    )
    const [run] = (await owner.get('/api/runs?origin=email')).body.items
    await reached(owner, run.id, ({ status }) => status === 'succeeded')
    assert.deepEqual(telegram.said(PHONE), [])
  })
})
