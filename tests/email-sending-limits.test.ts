import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { randomUUID } from 'node:crypto'
import { after, before, describe, it } from 'node:test'
import { startInside, type InsideSteward } from './peers/inside.ts'
import { addMailAccount, allow, approve, chatThat, sendEmail } from './peers/mail-house.ts'
import { resultsIn, say, startModelApi, type ModelApi } from './peers/model-api.ts'
import { startSmtp, type SmtpPeer } from './peers/smtp.ts'
import type { Client } from './steward.ts'

/** How many mails a day go to an address: taken when a step starts, given back only where nothing can have arrived. */

const HOUR = 3600_000

describe('the daily limit of an address', () => {
  let api: ModelApi
  let smtp: SmtpPeer
  let steward: InsideSteward
  let owner: Client
  let papers: string

  before(async () => {
    api = await startModelApi()
    smtp = await startSmtp()
    steward = await startInside({ ...api.env, TZ: 'Pacific/Kiritimati' })
    owner = steward.owner
    papers = mkdtempSync(join(tmpdir(), 'papers-'))
    await owner.post('/api/filesystem-whitelist', { path: papers, written_by: 'me' })
    await addMailAccount(owner, { smtp })
  })
  after(async () => {
    for (const one of [steward, smtp, api]) await one[Symbol.asyncDispose]()
    rmSync(papers, { recursive: true })
  })

  async function address(daily_limit: number): Promise<string> {
    const email = `${randomUUID()}@friends.example`
    await allow(owner, email, { daily_limit })
    return email
  }
  const mailTo = (to: string, more: object = {}) => sendEmail({ to, subject: 'Hi', body: 'Hi', ...more })
  const today = async (email: string): Promise<number> =>
    (await owner.get('/api/email-whitelist')).body.find((one: any) => one.email === email).sent_today
  const taken = (email: string) => smtp.taken.filter(({ to }) => to.includes(email)).length
  const lastResult = () => resultsIn(api.requests.at(-1)).at(-1)!

  it('lets exactly one of two runs through that write at once', async () => {
    const email = await address(1)
    api.answer(({ messages }) =>
      messages.at(-1)!.role === 'user' && messages.length === 1 ? mailTo(email) : say('Done.'),
    )
    const chats = await Promise.all([owner.chat(randomUUID()), owner.chat(randomUUID())])
    for (const chat of chats) chat.send({ type: 'message', content: 'Go on' })
    const asked = await Promise.all(chats.map((chat) => chat.next('confirmation_required')))
    await Promise.all(asked.map(({ call_id }) => owner.post(`/api/approvals/${call_id}`, { approved: true })))
    const done = await Promise.all(chats.map((chat) => chat.next('tool_done')))
    assert.deepEqual(done.map(({ success }) => success).sort(), [false, true])
    assert.match(done.find(({ success }) => !success)!.result_summary, /as often as it may be today/)
    assert.deepEqual([taken(email), await today(email)], [1, 1])
    for (const chat of chats) await chat.next('done')
  })

  it('holds in the transaction that starts a step, whatever was seen before it', async () => {
    const email = await address(1)
    const { db, mail } = steward.services
    const start = (callId: string) =>
      db.transact(() => mail.sending.reserve(callId, { destinations: [{ address: email, class: 'listed' }] }))
    start('one')
    start('one')
    assert.throws(() => start('two'), { code: 'forbidden' })
    assert.equal(await today(email), 1)
    db.transact(() => mail.sending.release('one'))
    start('two')
  })

  it('is refused before anybody is asked once it is used up, and is free again on the next day of the house', async () => {
    const email = await address(1)
    await approveAndEnd(email)
    const chat = await chatThat(owner, api, mailTo(email))
    await chat.next('done')
    assert.match(lastResult().text, /as often as it may be today/)
    assert.ok(!chat.frames.some(({ type }) => type === 'confirmation_required'))
    const day = () =>
      new Intl.DateTimeFormat('en-CA', { timeZone: 'Pacific/Kiritimati' }).format(steward.services.now())
    for (const before = day(); day() === before;) steward.later(HOUR)
    assert.equal(await today(email), 0)
    await approveAndEnd(email)
    assert.deepEqual([taken(email), await today(email)], [2, 1])
  })

  async function approveAndEnd(email: string): Promise<void> {
    const chat = await chatThat(owner, api, mailTo(email))
    await approve(owner, chat)
    await chat.next('done')
  }

  it('is given back where the server refused, and where a waiting mail is called off with its run', async () => {
    const email = await address(1)
    smtp.behave({ refuse: { [email]: '550 5.1.1 no such user' } })
    await approveAndEnd(email)
    assert.match(lastResult().text, /no such user/)
    assert.equal(await today(email), 0)
    smtp.behave({ refuse: { [email]: '451 4.3.0 later' } })
    const chat = await chatThat(owner, api, mailTo(email))
    const { run_id } = await approve(owner, chat)
    await chat.next('done')
    assert.equal(await today(email), 1, 'it waits for another try')
    const { outbox } = steward.services.webhooks
    steward.services.db.transact(() => outbox.cancel({ runId: run_id! }, 'The run was stopped.'))
    assert.equal(await today(email), 0)
    assert.equal(taken(email), 0)
  })

  it('counts what was sent and nothing else, when a run is stopped while it starts to send', async () => {
    const email = await address(100)
    const file = join(papers, 'large.bin')
    writeFileSync(file, Buffer.alloc(8 * 1024 * 1024, 'x'))
    for (let tries = 0; tries < 3; tries++) {
      const chat = await chatThat(owner, api, mailTo(email, { attachments: [file] }))
      const { call_id } = await chat.next('confirmation_required')
      const approved = owner.post(`/api/approvals/${call_id}`, { approved: true })
      if (tries > 0) await approved
      chat.send({ type: 'stop' })
      await approved
      await chat.next('done')
      assert.equal(await today(email), taken(email))
    }
  })

  it('holds for each of many recipients, and for none of them where one is used up', async () => {
    const [one, two] = [await address(1), await address(5)]
    await approveAndEnd(one)
    const chat = await chatThat(owner, api, mailTo(two, { bcc: one }))
    await chat.next('done')
    assert.match(lastResult().text, new RegExp(`${one} has been written to as often`))
    assert.deepEqual([await today(one), await today(two)], [1, 0])
  })
})
