import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { DOVECOT_MISSING, startDovecot, type Dovecot } from './peers/dovecot.ts'
import { EXIM_MISSING, startExim, type Exim } from './peers/exim.ts'
import { startInside, type InsideSteward } from './peers/inside.ts'
import { addMailAccount, allow, approve, chatThat, pending, sendEmail } from './peers/mail-house.ts'
import { resultsIn, say, startModelApi, type ModelApi } from './peers/model-api.ts'
import { startRelay } from './peers/relay.ts'
import { startSmtp, type SmtpPeer } from './peers/smtp.ts'
import { startSteward, type Client } from './steward.ts'

/** Mails of which nobody knows whether they arrived, and those that certainly did not: never lost, never sent twice. */

const PARTNER = 'partner@friends.example'
const TEAM = 'team@friends.example'
const MAIL = { to: PARTNER, subject: 'Lunch', body: 'At noon?' }

const idOf = (text: string): string => /^Message-ID: <([^@]*)@/im.exec(text)![1]!

let api: ModelApi
let dovecot: Dovecot
before(async () => {
  if (DOVECOT_MISSING) return
  api = await startModelApi()
  dovecot = await startDovecot()
})
after(async () => {
  await dovecot?.[Symbol.asyncDispose]()
  await api?.[Symbol.asyncDispose]()
})

const lastResult = () => resultsIn(api.requests.at(-1)).at(-1)!
const copiesOf = (callId: string) => dovecot.mails('Sent').filter((one) => one.includes(`<${callId}@`))
const sentToday = async (owner: Client, email: string): Promise<number> =>
  (await owner.get('/api/email-whitelist')).body.find((one: any) => one.email === email).sent_today

async function until(is: () => Promise<boolean> | boolean): Promise<void> {
  for (let tries = 0; tries < 800; tries++) {
    if (await is()) return
    await new Promise((resolve) => setTimeout(resolve, 25))
  }
  assert.fail('It did not come to that.')
}

describe('a connection that breaks while a mail is sent', { skip: DOVECOT_MISSING }, () => {
  let smtp: SmtpPeer
  let steward: InsideSteward
  let owner: Client
  let large: string

  before(async () => {
    smtp = await startSmtp()
    steward = await startInside(api.env)
    owner = steward.owner
    const papers = mkdtempSync(join(tmpdir(), 'papers-'))
    await owner.post('/api/filesystem-whitelist', { path: papers, written_by: 'me' })
    large = join(papers, 'large.bin')
    writeFileSync(large, Buffer.alloc(15 * 1024 * 1024))
    for (const email of [PARTNER, TEAM]) await allow(owner, email, { daily_limit: 100 })
    await addMailAccount(owner, { dovecot, smtp, smtp_username: '' })
  })
  after(async () => {
    await steward[Symbol.asyncDispose]()
    await smtp[Symbol.asyncDispose]()
    rmSync(dirname(large), { recursive: true })
  })

  const taken = (callId: string) => smtp.taken.filter(({ text }) => idOf(text) === callId)
  const outbox = (id: string) => steward.services.webhooks.outbox.find(id)!
  const deliveredLater = async (id: string) => {
    steward.later(3600_000)
    steward.services.webhooks.outbox.look()
    await until(() => outbox(id).state === 'delivered')
  }

  it('before the message was asked for, or in the middle of it, is tried again, under the same id', async () => {
    for (const drop of ['greeting', 'mail', 'rcpt', 'data', 'middle'] as const) {
      smtp.behave({ drop })
      const attachments = drop === 'middle' ? [large] : []
      const chat = await chatThat(owner, api, sendEmail({ ...MAIL, attachments }))
      const { call_id } = await approve(owner, chat)
      await chat.next('done')
      assert.match(lastResult().text, /not taken yet.*tries again by itself/s, drop)
      assert.deepEqual([outbox(call_id).state, taken(call_id).length], ['queued', 0], drop)
      await deliveredLater(call_id)
      assert.equal(taken(call_id).length, 1, drop)
      await until(() => copiesOf(call_id).length === 1 && outbox(call_id).body === '')
    }
  })

  it('after the message was there is asked about, and nothing is sent again by itself', async () => {
    smtp.behave({ drop: 'taken' })
    const chat = await chatThat(owner, api, sendEmail(MAIL))
    const { call_id } = await approve(owner, chat)
    const question = await chat.next('confirmation_required')
    assert.deepEqual([question.kind, question.call_id], ['uncertain', call_id])
    steward.later(60_000)
    steward.services.webhooks.outbox.look()
    assert.equal(outbox(call_id).state, 'uncertain')
    const [approval] = await pending(owner)
    await owner.post(`/api/approvals/${approval.id}`, { decision: 'done' })
    await chat.next('done')
    assert.deepEqual([lastResult().text, taken(call_id).length], ['Done; the owner looked.', 1])
    await until(() => copiesOf(call_id).length === 1)
  })

  it('is sent again under the same id when the owner says so, and not when they give it up', async () => {
    for (const [decision, times] of [
      ['again', 2],
      ['give_up', 1],
    ] as const) {
      smtp.behave({ drop: 'taken' })
      const before = await sentToday(owner, PARTNER)
      const chat = await chatThat(owner, api, sendEmail(MAIL))
      const { call_id } = await approve(owner, chat)
      await chat.next('confirmation_required')
      const [approval] = await pending(owner)
      await owner.post(`/api/approvals/${approval.id}`, { decision })
      await chat.next('done')
      assert.equal(taken(call_id).length, times, decision)
      assert.equal(new Set(taken(call_id).map(({ text }) => text)).size, 1)
      assert.equal(await sentToday(owner, PARTNER), before + 1, 'it counts, as it may have arrived')
    }
  })

  it('gives its place back once where the server certainly refuses what the owner wants sent again', async () => {
    smtp.behave({ drop: 'taken' }, { data: '554 5.7.1 spam' })
    const before = await sentToday(owner, PARTNER)
    const chat = await chatThat(owner, api, sendEmail(MAIL))
    const { call_id } = await approve(owner, chat)
    await chat.next('confirmation_required')
    assert.equal(await sentToday(owner, PARTNER), before + 1)
    const [approval] = await pending(owner)
    await owner.post(`/api/approvals/${approval.id}`, { decision: 'again' })
    await chat.next('done')
    assert.match(lastResult().text, /was not sent\..*spam/s)
    assert.deepEqual([outbox(call_id).state, await sentToday(owner, PARTNER)], ['failed', before])
    const next = await chatThat(owner, api, sendEmail(MAIL))
    await approve(owner, next)
    await next.next('done')
    assert.equal(await sentToday(owner, PARTNER), before + 1)
  })

  it('is over, and still counts, where it may not be sent again after all', async () => {
    smtp.behave({ drop: 'taken' })
    const before = await sentToday(owner, PARTNER)
    const chat = await chatThat(owner, api, sendEmail(MAIL))
    const { call_id } = await approve(owner, chat)
    await chat.next('confirmation_required')
    const [approval] = await pending(owner)
    await owner.delete(`/api/email-whitelist/${PARTNER}`)
    await owner.post(`/api/approvals/${approval.id}`, { decision: 'again' })
    await chat.next('done')
    await allow(owner, PARTNER, { daily_limit: 100 })
    assert.deepEqual([outbox(call_id).state, taken(call_id).length], ['failed', 1])
    assert.equal(await sentToday(owner, PARTNER), before + 1)
  })

  it('leaves one copy also where the server puts its own there a little later', async () => {
    const late = (text: string) => void setTimeout(() => dovecot.deliver(text, 'Sent'), 1_500)
    smtp.behave({ onTaken: late })
    const chat = await chatThat(owner, api, sendEmail(MAIL))
    const { call_id } = await approve(owner, chat)
    await chat.next('done')
    await until(() => copiesOf(call_id).length === 2)
    await until(() => copiesOf(call_id).length === 1)
  })

  it('is known to be done where the mail lies among what was sent, and then there is no second copy', async () => {
    smtp.behave({ drop: 'taken', onTaken: (text) => dovecot.deliver(text, 'Sent') })
    const chat = await chatThat(owner, api, sendEmail(MAIL))
    const { call_id } = await approve(owner, chat)
    const done = await chat.next('tool_done')
    assert.deepEqual([done.success, taken(call_id).length, copiesOf(call_id).length], [true, 1, 1])
    assert.deepEqual(await pending(owner), [])
  })

  it('says exactly for whom a mail was not taken, and counts only the others', async () => {
    smtp.behave({ refuse: { [TEAM]: '550 5.1.1 no such user here' } })
    const before = [await sentToday(owner, PARTNER), await sentToday(owner, TEAM)]
    const chat = await chatThat(owner, api, sendEmail({ ...MAIL, cc: TEAM }))
    const { call_id } = await approve(owner, chat)
    const done = await chat.next('tool_done')
    const words = `The mail server took it for ${PARTNER}, but not for ${TEAM} (550 5.1.1 no such user here).`
    assert.deepEqual([done.success, done.result_summary], [true, words])
    assert.deepEqual(taken(call_id).map(({ to }) => to), [[PARTNER]]) // prettier-ignore
    assert.deepEqual([await sentToday(owner, PARTNER), await sentToday(owner, TEAM)], [before[0]! + 1, before[1]])
  })

  it('is tried again where the server says "later", and never where it says "no"', async () => {
    smtp.behave({ data: '451 4.7.1 try later' }, { refuse: { [PARTNER]: '450 4.2.1 greylisted' } })
    const first = await chatThat(owner, api, sendEmail(MAIL))
    const { call_id } = await approve(owner, first)
    await first.next('done')
    assert.match(lastResult().text, /try later/)
    steward.later(3600_000)
    steward.services.webhooks.outbox.look()
    await until(() => /greylisted/.test(outbox(call_id).lastError ?? ''))
    await deliveredLater(call_id)
    assert.equal(taken(call_id).length, 1)

    smtp.behave({ data: '554 5.7.1 spam' })
    const before = await sentToday(owner, PARTNER)
    const second = await chatThat(owner, api, sendEmail(MAIL))
    const refused = await approve(owner, second)
    await second.next('done')
    assert.match(lastResult().text, /was not sent\..*spam/s)
    assert.deepEqual([outbox(refused.call_id).state, taken(refused.call_id).length], ['failed', 0])
    assert.equal(await sentToday(owner, PARTNER), before)
  })

  it('keeps the copy for later where the mailbox is down, which is no failure of the mail', async () => {
    await dovecot.stop()
    const [{ id, label }] = (await owner.get('/api/email-accounts')).body
    await owner.put(`/api/email-accounts/${id}`, { label })
    const chat = await chatThat(owner, api, sendEmail(MAIL))
    const { call_id } = await approve(owner, chat)
    const done = await chat.next('tool_done')
    assert.deepEqual([done.success, taken(call_id).length], [true, 1])
    await chat.next('done')
    assert.match(lastResult().text, /copy in the folder of sent mail could not be made yet/)
    await dovecot.start()
    steward.services.mail.start()
    await until(() => copiesOf(call_id).length === 1)
  })

  it('drops what waits when its account is removed', async () => {
    const other = await addMailAccount(owner, { dovecot, smtp, smtp_username: '', label: 'Other' })
    const [first] = (await owner.get('/api/email-accounts')).body.filter(({ id }: any) => id !== other.id)
    await owner.put(`/api/email-accounts/${first.id}`, { enabled: false })
    smtp.behave({ drop: 'mail' })
    const before = await sentToday(owner, PARTNER)
    const chat = await chatThat(owner, api, sendEmail(MAIL))
    const { call_id } = await approve(owner, chat)
    await chat.next('done')
    assert.equal(outbox(call_id).state, 'queued')
    await owner.delete(`/api/email-accounts/${other.id}`)
    assert.deepEqual([outbox(call_id).state, await sentToday(owner, PARTNER)], ['failed', before])
    steward.later(3600_000)
    steward.services.webhooks.outbox.look()
    assert.equal(taken(call_id).length, 0)
  })
})

describe('a server that is killed while Exim has the mail', { skip: DOVECOT_MISSING || EXIM_MISSING }, () => {
  let exim: Exim
  before(async () => void (exim = await startExim()))
  after(() => exim[Symbol.asyncDispose]())

  /** Kills it after Exim took the mail and before its answer came; then starts it again. */
  async function killedInBetween(inSent: boolean) {
    const before = exim.mails().length
    await using relay = await startRelay(exim.port)
    const first = await startSteward({ env: api.env })
    await allow(first.owner, PARTNER, { daily_limit: 1 })
    const signIn = { smtp_username: exim.username, smtp_password: exim.password }
    await addMailAccount(first.owner, { dovecot, smtp: relay, ...signIn })
    relay.lose('silent')
    api.answer(sendEmail(MAIL), say('The end.'))
    const id = randomUUID()
    const chat = await first.owner.chat(id)
    chat.send({ type: 'message', content: 'Go on' })
    const { call_id } = await approve(first.owner, chat)
    const [mail] = (await exim.arrived(before + 1)).slice(before)
    await first.kill()
    relay.lose('nothing')
    if (inSent) dovecot.deliver(mail!, 'Sent')
    const second = await startSteward({ env: api.env, dataDir: first.dataDir })
    return {
      second,
      chat: await second.owner.chat(id, { after: 0 }),
      callId: call_id,
      count: () => exim.mails().length - before,
    }
  }

  it('knows after the restart that it is done, where it lies among what was sent', async () => {
    const { second, chat, callId, count } = await killedInBetween(true)
    await using _ = second
    await chat.next('done', 30_000)
    assert.deepEqual(await pending(second.owner), [])
    assert.deepEqual([lastResult().failed, count(), copiesOf(callId).length], [false, 1, 1])
    assert.equal(await sentToday(second.owner, PARTNER), 1)
  })

  it('asks otherwise, and sends nothing again by itself', async () => {
    const { second, chat, callId, count } = await killedInBetween(false)
    await using _ = second
    await until(async () => (await pending(second.owner)).length === 1)
    const [approval] = await pending(second.owner)
    assert.deepEqual([approval.kind, approval.call_id, count()], ['uncertain', callId, 1])
    await second.owner.post(`/api/approvals/${approval.id}`, { decision: 'done' })
    await chat.next('done')
    assert.equal(count(), 1)
    await until(() => copiesOf(callId).length === 1)
  })
})
