import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, beforeEach, describe, it } from 'node:test'
import { z } from 'zod'
import type { Tool } from '../services/agent/tool.ts'
import { newAgent, reached, worked } from './peers/agents.ts'
import { startInside, type InsideSteward } from './peers/inside.ts'
import { resultsIn, say, startModelApi, use, write, type ModelApi, type Reply } from './peers/model-api.ts'
import { startTelegram, TOKEN, type Standing, type TelegramPeer } from './peers/telegram.ts'
import type { Client } from './steward.ts'

/** Something that cannot be undone. */
const furnace: Tool = {
  name: 'furnace',
  description: 'Burns things.',
  operations: {
    burn: {
      description: 'Burn it',
      input: () => z.strictObject({ what: z.string() }),
      effect: 'write',
      destructive: true,
      attendedOnly: false,
      yields: { integrity: 'owner', privacy: 'private' },
      recovery: 'ask',
      inspect: () => ({}),
      describe: () => 'Burn the letters.',
      run: async () => ({ content: 'Burnt.' }),
    },
  },
}

const folder = mkdtempSync(join(tmpdir(), 'phone-'))
let telegram: TelegramPeer
let api: ModelApi
let steward: InsideSteward
let owner: Client
const CHAT = 42

before(async () => {
  telegram = await startTelegram()
  api = await startModelApi()
  steward = await startInside({ ...telegram.env, ...api.env }, { tools: [furnace] })
  owner = steward.owner
  await owner.post('/api/filesystem-whitelist', { path: folder, written_by: 'me' })
  await owner.post('/api/telegram/whitelist', { chat_id: CHAT, label: 'My phone' })
  await owner.post('/api/telegram/config', { bot_token: TOKEN })
})
after(async () => {
  await steward[Symbol.asyncDispose]()
  await api[Symbol.asyncDispose]()
  await telegram[Symbol.asyncDispose]()
})
beforeEach(() => telegram.until(telegram.polling))

const buttons = (message: Standing): string[] =>
  (message.reply_markup?.inline_keyboard ?? []).flat().map(({ text }: any) => text)
const answered = (text: string | RegExp, chat = CHAT) =>
  telegram.until(() =>
    telegram.said(chat).find((one) => (typeof text === 'string' ? one.text === text : text.test(one.text))),
  )
/** The newest open question in a chat, of which the words hold this. */
const question = (words: RegExp, chat = CHAT) =>
  telegram.until(() => telegram.said(chat).findLast((one) => words.test(one.text) && buttons(one).length > 0))
const says = (start: RegExp) => telegram.until(() => telegram.answers.findLast(({ text }) => start.test(text)))

let number = 0
/** Asks for a file to be written; answers where, once the question stands in the chat. */
async function asks(): Promise<{ path: string; message: Standing; done: string }> {
  const path = join(folder, `note-${++number}.txt`)
  const done = `Finished ${number}.`
  const script: Reply[] = [write(path, 'Hello'), say(done)]
  api.answer(...script)
  telegram.write('/new', { chat: CHAT })
  telegram.write('Write it', { chat: CHAT })
  return { path, done, message: await question(new RegExp(`note-${number}\\.txt`)) }
}

describe('a question of a run in the owner’s chat', () => {
  it('stands there with buttons, and is approved by a tap', async () => {
    const { path, message, done } = await asks()
    assert.match(message.text, /^❓ Steward asks for your yes:\n\nWrite 5 characters to .*\n\nWhy you are asked: /)
    assert.deepEqual(buttons(message), ['Approve', 'Deny', 'Details'])
    assert.equal(existsSync(path), false)
    telegram.press(message, 'Approve')
    await answered(done)
    assert.equal(readFileSync(path, 'utf8'), 'Hello')
    await telegram.until(() => /✅ Approved \(telegram\)\.$/.test(message.text) && buttons(message).length === 0)
    const [entry] = (await owner.get('/api/audit?kind=approval')).body.entries
    assert.deepEqual([entry.action, entry.actor], ['approved', 'telegram'])
  })

  it('is denied by a tap, and a second tap is told so', async () => {
    const { path, message, done } = await asks()
    const before = { ...message }
    telegram.press(message, 'Deny')
    await answered(done)
    assert.match(resultsIn(api.requests.at(-1))[0]!.text, /The owner said no/)
    assert.equal(existsSync(path), false)
    telegram.press(before, 'Approve')
    await says(/^Already decided: 🚫 Denied/)
    assert.equal(existsSync(path), false)
  })

  it('shows what exactly would be done', async () => {
    const { message, done } = await asks()
    telegram.press(message, 'Details')
    const { text } = await answered(/^filesystem\.write_file\n/)
    assert.match(text, /"content": "Hello"/)
    telegram.press(message, 'Deny')
    await answered(done)
  })

  it('that was decided on the page says so, without buttons', async () => {
    const { message, done } = await asks()
    const { items } = (await owner.get('/api/approvals?state=pending')).body
    await owner.post(`/api/approvals/${items[0].id}`, { approved: true })
    await answered(done)
    await telegram.until(() => /✅ Approved \(.*anna.*\)\.$/.test(message.text) && buttons(message).length === 0)
  })

  it('that ran out of time says so', async () => {
    const { message } = await asks()
    const before = { ...message }
    steward.later(16 * 60_000)
    telegram.later(16 * 60_000)
    telegram.press(before, 'Approve')
    await telegram.until(() => /⌛ Nobody answered in time/.test(message.text))
    await says(/^Already decided: ⌛|ran out of time/)
  })

  it('is nobody else’s to decide', async () => {
    const { path, message, done } = await asks()
    telegram.press(message, 'Approve', { from: 666 })
    await says(/^Only my owner decides/)
    const inGroup = { ...message, chat_id: '-5' }
    telegram.press(inGroup, 'Approve', { from: CHAT })
    await telegram.until(() => telegram.answers.filter(({ text }) => /^Only my owner/.test(text)).length === 2)
    await owner.put(`/api/telegram/whitelist/${CHAT}`, { owner: false })
    telegram.press(message, 'Approve')
    await telegram.until(() => telegram.answers.filter(({ text }) => /^Only my owner/.test(text)).length === 3)
    await owner.put(`/api/telegram/whitelist/${CHAT}`, { owner: true })
    assert.equal(existsSync(path), false)
    telegram.push({ callback_query: { id: '1', from: { id: CHAT }, chat_instance: '1', data: 'nonsense' } })
    await says(/do not know this button/)
    telegram.press(message, 'Deny')
    await answered(done)
  })

  it('asks twice about what cannot be undone', async () => {
    api.answer(use('furnace', { operation: 'burn', what: 'letters' }), say('It burns.'))
    telegram.write('/new', { chat: CHAT })
    telegram.write('Burn them', { chat: CHAT })
    const message = await question(/Burn the letters/)
    telegram.press(message, 'Approve')
    await says(/cannot be undone/)
    await telegram.until(() => buttons(message).includes('Yes, really'))
    assert.equal(api.requests.length, 1)
    telegram.press(message, 'Back')
    await telegram.until(() => buttons(message).includes('Approve'))
    telegram.press(message, 'Approve')
    await telegram.until(() => buttons(message).includes('Yes, really'))
    telegram.press(message, 'Yes, really')
    await answered('It burns.')
  })

  it('comes again with /approvals', async () => {
    telegram.write('/approvals', { chat: CHAT })
    await answered('Nothing waits for your yes.')
    const { message, done } = await asks()
    telegram.write('/approvals', { chat: CHAT })
    const again = await telegram.until(() =>
      telegram.said(CHAT).findLast((one) => one.text === message.text && one.message_id > message.message_id),
    )
    telegram.press(again, 'Approve')
    await answered(done)
  })
})

describe('what runs by itself', () => {
  it('asks in the owner’s chats, where that is chosen', async () => {
    const agent = await newAgent(owner, { name: 'Clerk', allowed_tools: ['furnace'] })
    const start = async () => {
      api.answer(use('furnace', { operation: 'burn', what: 'it' }), say('Gone.'))
      const { run_id } = (await owner.post(`/api/agents/${agent.id}/run`, {})).body
      await reached(owner, run_id, ({ status }) => status === 'waiting')
      return run_id as string
    }
    const run = await start()
    const message = await question(/^❓ Clerk asks for your yes/)
    telegram.press(message, 'Approve')
    await telegram.until(() => buttons(message).includes('Yes, really'))
    telegram.press(message, 'Yes, really')
    await reached(owner, run, ({ status }) => status === 'succeeded')
    await owner.post('/api/telegram/config', { notices: ['trouble'] })
    const count = telegram.said(CHAT).length
    const quiet = await start()
    await owner.post(`/api/runs/${quiet}/stop`)
    await reached(owner, quiet, ({ status }) => status === 'stopped')
    assert.equal(telegram.said(CHAT).length, count)
  })

  it('tells what the owner wants to be told, with nothing to tap', async () => {
    const agent = await newAgent(owner, { name: 'Unlucky' })
    api.answer({ status: 400, error: 'see https://evil.example/x' })
    await worked(owner, agent.id)
    const { entities, text } = await answered(/^Unlucky failed\n\n/)
    const [{ type, offset, length }] = entities
    assert.deepEqual([type, text.slice(offset, offset + length)], ['code', 'https://evil.example/x'])
  })
})

describe('the tool telegram', () => {
  const send = (chat_id: string, message: string) => use('telegram', { operation: 'send_message', chat_id, message })

  it('writes to the owner without asking, to others only after a yes, and to strangers never', async () => {
    await owner.post('/api/telegram/whitelist', { chat_id: 77, label: 'Grandma', owner: false })
    telegram.write('/new', { chat: CHAT })
    api.answer(
      send(String(CHAT), '**Milk** is out.'),
      send('77', 'Dinner at seven?'),
      send('78', 'Hello'),
      say('All sent.'),
    )
    telegram.write('Tell everybody', { chat: CHAT })
    const own = await answered('Milk is out.')
    assert.deepEqual(own.entities, [{ type: 'bold', offset: 0, length: 4 }])
    const message = await question(/Send to the Telegram chat "Grandma": "Dinner at seven\?"/)
    assert.equal(telegram.said(77).length, 0)
    telegram.press(message, 'Approve')
    await answered('Dinner at seven?', 77)
    await answered('All sent.')
    assert.match(resultsIn(api.requests.at(-1))[0]!.text, /not on the list/)
    assert.equal(telegram.said(78).length, 0)
  })

  it('asks the owner where nobody knows whether it arrived', async () => {
    telegram.write('/new', { chat: CHAT })
    await telegram.until(() => telegram.pending() === 0)
    await answered(/new conversation/)
    api.answer(send('77', 'Once only'), say('So be it.'))
    telegram.write('Tell Grandma', { chat: CHAT })
    const message = await question(/Once only/)
    await telegram.until(() => telegram.polling())
    telegram.trouble('sendMessage', { cut: true })
    telegram.press(message, 'Approve')
    const doubt = await question(/^❓ Did this happen\?/)
    assert.deepEqual(buttons(doubt), ['It happened', 'Do it again', 'Give it up', 'Details'])
    telegram.press(doubt, 'It happened')
    await answered('So be it.')
    assert.equal(telegram.said(77).filter(({ text }) => text === 'Once only').length, 1)
  })
})
