import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, it } from 'node:test'
import { newAgent } from './peers/agents.ts'
import { withDatabase } from './peers/database.ts'
import { DOVECOT_MISSING, startDovecot, type Dovecot } from './peers/dovecot.ts'
import { addMailAccount, allow, approve, chatThat, pending, sendEmail } from './peers/mail-house.ts'
import { until } from './peers/mails.ts'
import { startModelApi, type ModelApi } from './peers/model-api.ts'
import { startSmtp, type SmtpPeer } from './peers/smtp.ts'
import { startSteward, type Client, type Steward } from './steward.ts'

/** Mails that leave by themselves when the process is killed: found among what was sent, or told; never sent again. */

const PARTNER = 'partner@friends.example'
const MINE = 'anna@phone.example'

describe('a mail that is on its way by itself when the process is killed', { skip: DOVECOT_MISSING }, () => {
  let api: ModelApi
  let dovecot: Dovecot
  let smtp: SmtpPeer
  before(async () => {
    ;[api, dovecot, smtp] = await Promise.all([startModelApi(), startDovecot(), startSmtp()])
  })
  after(() => Promise.all([api, dovecot, smtp].map((peer) => peer?.[Symbol.asyncDispose]())))
  beforeEach(() => void (smtp.taken.length = 0))

  const start = (dataDir?: string): Promise<Steward> =>
    startSteward({ env: api.env, ...(dataDir === undefined ? {} : { dataDir }) })
  const rows = (dataDir: string) =>
    withDatabase(dataDir, (db) => db.prepare(`SELECT id, state FROM outbox WHERE door = 'email'`).all()) as {
      id: string
      state: string
    }[]
  const told = async (owner: Client): Promise<string[]> =>
    (await owner.get('/api/notifications?kind=delivery')).body.items.map(({ title }: { title: string }) => title)
  const keepIt = (text: string) => dovecot.deliver(text, 'Sent')

  /** The first try of a tool's mail is broken off, the second is taken, and nobody hears of it. */
  async function killedInRetry(onTaken?: (text: string) => void): Promise<Steward> {
    const first = await start()
    await allow(first.owner, PARTNER)
    await addMailAccount(first.owner, { dovecot, smtp, smtp_username: '' })
    smtp.behave({ drop: 'mail' }, { hang: true, ...(onTaken ? { onTaken } : {}) })
    const chat = await chatThat(first.owner, api, sendEmail({ to: PARTNER, subject: 'Lunch', body: 'At noon?' }))
    await approve(first.owner, chat)
    await chat.next('done')
    await smtp.arrived(1)
    await first.kill()
    return start(first.dataDir)
  }

  it('is told where nobody knows what became of it, once, and nothing is sent again', async () => {
    const again = await killedInRetry()
    await until(
      () => told(again.owner),
      (titles) => titles.length > 0,
    )
    assert.deepEqual(await told(again.owner), ['It is not known whether a message arrived'])
    assert.deepEqual(
      rows(again.dataDir).map(({ state }) => state),
      ['uncertain'],
    )
    await again.kill()
    await using third = await start(again.dataDir)
    assert.deepEqual([(await told(third.owner)).length, (await pending(third.owner)).length], [1, 0])
    assert.equal(smtp.taken.length, 1)
  })

  it('is known to have gone out where it lies among what was sent', async () => {
    await using again = await killedInRetry(keepIt)
    await until(
      () => rows(again.dataDir),
      ([row]) => row!.state === 'delivered',
    )
    assert.deepEqual([await told(again.owner), smtp.taken.length], [[], 1])
  })

  /** A question goes to the owner's own address; the server takes it, and nobody hears of it. */
  async function killedInNotice(onTaken?: (text: string) => void): Promise<Steward> {
    const first = await startSteward()
    const { owner } = first
    await allow(owner, PARTNER)
    await allow(owner, MINE, { owner: true })
    await addMailAccount(owner, { dovecot, smtp, smtp_username: '' })
    await owner.put('/api/settings/notices', { address: MINE })
    smtp.behave({ hang: true, ...(onTaken ? { onTaken } : {}) })
    const { id } = await newAgent(owner)
    await owner.post('/api/webhook-targets', { name: 'kitchen', url: 'http://127.0.0.1:9/', owner: false })
    const message = '/webhook.send_to_target target="kitchen" body="Hello"'
    await owner.post(`/api/agents/${id}/run`, { message })
    await smtp.arrived(1)
    await first.kill()
    return startSteward({ dataDir: first.dataDir })
  }

  it('is told on the page where it was a notice, and by no other mail', async () => {
    await using again = await killedInNotice()
    await until(
      () => told(again.owner),
      (titles) => titles.length > 0,
    )
    assert.deepEqual([(await told(again.owner)).length, smtp.taken.length], [1, 1])
  })

  it('is known where it was a notice that lies among what was sent', async () => {
    await using again = await killedInNotice(keepIt)
    await until(
      () => rows(again.dataDir),
      ([row]) => row!.state === 'delivered',
    )
    assert.deepEqual([await told(again.owner), smtp.taken.length], [[], 1])
  })
})
