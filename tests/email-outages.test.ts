import assert from 'node:assert/strict'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { after, afterEach, before, beforeEach, describe, it } from 'node:test'
import { newAgent } from './peers/agents.ts'
import { withDatabase } from './peers/database.ts'
import { DOVECOT_MISSING, startDovecot, type Dovecot } from './peers/dovecot.ts'
import { addMailbox, deliver, inMailbox, inState, looked, lookedAt, mail, until } from './peers/mails.ts'
import { say, startModelApi, textIn, type ModelApi } from './peers/model-api.ts'
import { startProxy, type Proxy } from './peers/proxy.ts'
import { startSteward, type Client, type Steward } from './steward.ts'

/** What can go wrong between a mailbox and its listener: nothing that comes in is lost or started twice by it. */

const DEADLINE_S = 4

describe('a mailbox that is not always there', { skip: DOVECOT_MISSING }, () => {
  let dovecot: Dovecot
  let api: ModelApi
  let steward: Steward
  let owner: Client
  let agentId: string
  let mailbox: Dovecot
  let proxy: Proxy

  before(async () => {
    ;[dovecot, api] = await Promise.all([startDovecot(), startModelApi(say('Done.'))])
    steward = await startSteward({ env: api.env })
    owner = steward.owner
    await owner.put('/api/settings/mail', { mail_poll_s: 5, mail_deadline_s: DEADLINE_S, mail_max_bytes: 1024 ** 2 })
    await owner.post('/api/settings/limits', { max_autonomous_runs_per_hour: 10_000 })
    agentId = (await newAgent(owner)).id
  })
  after(async () => {
    await steward?.[Symbol.asyncDispose]()
    await Promise.all([dovecot, api].map((peer) => peer?.[Symbol.asyncDispose]()))
  })
  beforeEach(async () => {
    mailbox = dovecot.another()
    proxy = await startProxy(dovecot.port)
    api.answer(say('Done.'))
  })
  afterEach(async () => {
    for (const { id } of (await owner.get('/api/email-accounts')).body) await owner.delete(`/api/email-accounts/${id}`)
    await owner.post('/api/notifications/read-all')
    await proxy[Symbol.asyncDispose]()
  })

  async function listen(more: Record<string, unknown> = {}): Promise<string> {
    const { id } = await addMailbox(owner, mailbox, { imap_port: proxy.port, agent_id: agentId, ...more })
    await until(
      () =>
        withDatabase(steward.dataDir, (db) => db.prepare('SELECT 1 FROM email_folders WHERE account_id = ?').get(id)),
      (row) => row !== undefined,
    )
    await inState(owner, id, 'connected')
    return id
  }
  const put = (draft: Parameters<typeof mail>[0]) => deliver(mailbox, mail(draft))
  const subjects = (mails: { subject: string }[]) => mails.map(({ subject }) => subject)
  const numbered = (count: number) => Array.from({ length: count }, (_, n) => `No. ${n}`)
  const told = async () =>
    (await owner.get('/api/notifications?kind=trouble&unread=true')).body.items
      .map(({ title }: any) => title)
      .toReversed()

  it('reads what came while Steward was down, in order', async () => {
    const id = await listen({ imap_port: dovecot.port })
    await steward.stop()
    for (const subject of numbered(40)) put({ subject })
    steward = await startSteward({ dataDir: steward.dataDir, env: api.env })
    owner = steward.owner
    const mails = await lookedAt(owner, id, 40)
    assert.deepEqual(subjects(mails), numbered(40))
    const runs = (await owner.get('/api/runs?origin=email&limit=200')).body.items.toReversed()
    assert.deepEqual(
      mails.flatMap(({ run_ids }) => run_ids),
      runs.slice(-40).map((run: any) => run.id),
    )
  })

  it('goes on after a restart of the mail server', async () => {
    const id = await listen()
    await dovecot.stop()
    proxy.cut()
    put({ subject: 'While it was down' })
    await until(
      async () => (await owner.get(`/api/email-accounts/${id}`)).body,
      ({ status, last_error }) => status !== 'connected' && last_error !== null,
    )
    await dovecot.start()
    await inState(owner, id, 'connected')
    put({ subject: 'And after' })
    assert.deepEqual(subjects(await lookedAt(owner, id, 2)), ['While it was down', 'And after'])
  })

  it('starts each mail once where the connection is cut while mails are fetched', async () => {
    const id = await listen()
    proxy.cut()
    proxy.cutAfter(60_000)
    for (const subject of numbered(30)) put({ subject, text: 'word '.repeat(1_000) })
    const mails = await lookedAt(owner, id, 30)
    assert.deepEqual(subjects(mails), numbered(30))
    assert.ok(proxy.connections() >= 3, `${proxy.connections()} connections`)
    assert.ok(mails.every(({ run_ids }) => run_ids.length === 1))
  })

  it('notices a connection that is silently dead, says so once, and reads what has piled up once', async () => {
    const id = await listen()
    put({ subject: 'Before' })
    await lookedAt(owner, id, 1)
    proxy.swallow()
    const since = Date.now()
    for (const subject of numbered(5)) put({ subject })
    const account = await inState(owner, id, 'error')
    assert.ok(Date.now() - since < 2 * DEADLINE_S * 1000, 'noticed within the deadline, give or take')
    assert.match(account.last_error, /has not answered for \d+ seconds, although the connection looks open/)
    await until(told, (titles) => titles.length === 1)
    assert.deepEqual(await told(), ['The mail account “Work” cannot be listened to'])
    proxy.heal()
    const mails = await lookedAt(owner, id, 6)
    assert.deepEqual(subjects(mails), ['Before', ...numbered(5)])
    assert.ok(mails.every(({ run_ids }) => run_ids.length === 1))
    assert.deepEqual(await told(), [
      'The mail account “Work” cannot be listened to',
      'The mail account “Work” is listened to again',
    ])
    put({ subject: 'Heard at once again' })
    await lookedAt(owner, id, 7)
  })

  it('keeps an idle connection for as long as the server answers', async () => {
    const id = await listen()
    const made = proxy.connections()
    const asked: string[] = []
    proxy.onData((from, text) => from === 'client' && asked.push(...(text.match(/NOOP|IDLE|DONE/g) ?? [])))
    await until(
      () => asked.filter((word) => word === 'NOOP').length,
      (count) => count >= 4,
    )
    assert.equal(proxy.connections(), made)
    assert.deepEqual(await told(), [])
    put({ subject: 'Still there' })
    await lookedAt(owner, id, 1)
  })

  it('does not tell of an outage that is over before the deadline', async () => {
    const id = await listen()
    proxy.cut()
    put({ subject: 'One' })
    await lookedAt(owner, id, 1)
    assert.deepEqual(await told(), [])
  })

  it('goes past mails that are expunged while it reads', async () => {
    const id = await listen()
    await inMailbox(mailbox, async (client) => {
      for (const subject of numbered(60)) await client.append('INBOX', mail({ subject, text: 'word '.repeat(3_000) }))
      await client.mailboxOpen('INBOX')
      await client.messageDelete('20:50')
    })
    put({ subject: 'The last' })
    const mails = await until(
      () => looked(owner, id),
      (found) => found.some(({ subject }) => subject === 'The last'),
    )
    const seen = subjects(mails)
    assert.deepEqual(seen.slice(0, 19), numbered(19))
    assert.deepEqual(seen.slice(-11, -1), numbered(60).slice(50))
    assert.equal(new Set(seen).size, seen.length)
  })

  it('looks at no mail twice where the folder is numbered anew, and at those it had not seen', async () => {
    put({ subject: 'Before listening' })
    const id = await listen()
    put({ subject: 'Seen' })
    await lookedAt(owner, id, 1)
    await dovecot.stop()
    put({ subject: 'Unseen' })
    for (const name of [
      'dovecot-uidlist',
      'dovecot.index',
      'dovecot.index.log',
      'dovecot.index.cache',
      'dovecot.list.index',
      'dovecot.list.index.log',
      'dovecot-uidvalidity',
    ])
      rmSync(join(mailbox.maildir(), name), { force: true })
    await dovecot.start()
    await inState(owner, id, 'connected')
    put({ subject: 'New' })
    assert.deepEqual(subjects(await lookedAt(owner, id, 3)), ['Seen', 'Unseen', 'New'])
    const validity = withDatabase(steward.dataDir, (db) =>
      db.prepare('SELECT uid_validity, last_uid FROM email_folders WHERE account_id = ?').get(id),
    )
    assert.equal((validity as any).last_uid, 4)
  })

  it('tells the agent of a mail that is too large without what is too large', async () => {
    const id = await listen()
    const boundary = 'b1'
    const big = `Content-Type: application/pdf; name="plan.pdf"\r\nContent-Transfer-Encoding: base64\r\nContent-Disposition: attachment; filename="plan.pdf"\r\n\r\n${'QUJD'.repeat(19).concat('\r\n').repeat(420_000)}`
    put({
      subject: 'The plan',
      body: `Content-Type: multipart/mixed; boundary=${boundary}\r\n\r\n--${boundary}\r\nContent-Type: text/plain\r\n\r\nHere is the plan.\r\n--${boundary}\r\n${big}\r\n--${boundary}--`,
    })
    put({ subject: 'Next' })
    const [large, next] = await lookedAt(owner, id, 2, 60)
    assert.deepEqual([large.subject, large.outcome, next.subject], ['The plan', 'started', 'Next'])
    assert.ok(large.size > 30 * 1024 ** 2)
    const told = await until(
      () => api.requests.map(textIn).find((text) => text.includes('The plan')),
      (text) => text !== undefined,
    )
    assert.match(told!, /Here is the plan\./)
    assert.match(
      told!,
      /plan\.pdf \(application\/pdf, .*MiB\): not passed on: it is part of a mail of 3\d MiB, which is too large/,
    )
    assert.match(told!, /only its beginning was read/)
    assert.ok(told!.length < 10_000)
  })

  it('knows a mail that is too large again, wherever it lies', async () => {
    const id = await listen({ folders: ['INBOX', 'Archive'] })
    const raw = mail({ subject: 'Large', text: 'word '.repeat(500_000) })
    deliver(mailbox, raw)
    await lookedAt(owner, id, 1)
    await inMailbox(mailbox, async (client) => {
      await client.append('Archive', raw)
      await client.append(
        'Archive',
        mail({ subject: 'Large', text: `${'word '.repeat(500_000)} and more`, id: 'x@example.org' }),
      )
    })
    const mails = await lookedAt(owner, id, 2)
    assert.equal(mails.length, 2)
    assert.deepEqual(
      mails.map(({ folder }) => folder),
      ['INBOX', 'Archive'],
    )
  })

  it('is stopped by no mail that cannot be read', async () => {
    const id = await listen()
    put({ from: 'ann@example.org, bo@example.org', subject: 'Of two' })
    deliver(mailbox, Buffer.from('no header at all'))
    deliver(mailbox, Buffer.from([0, 1, 2, 255, 254, 13, 10, 13, 10, 0, 0]))
    put({ subject: 'A good one' })
    const mails = await lookedAt(owner, id, 4)
    assert.deepEqual(
      mails.map(({ outcome }) => outcome),
      ['unreadable', 'unreadable', 'unreadable', 'started'],
    )
    assert.ok(mails.every(({ reason }) => reason !== ''))
  })

  it('says that a password was changed, leaves the server alone, and goes on with the new one', async () => {
    const id = await listen()
    dovecot.setPassword('another-password')
    proxy.cut()
    const account = await inState(owner, id, 'error')
    assert.match(account.last_error, /refused the IMAP sign-in of box-\d+@example\.test\. Check name and password/)
    await until(told, (titles) => titles.length === 1)
    const tries = proxy.connections()
    put({ subject: 'Meanwhile' })
    await until(
      () => Date.now(),
      (now) => now > Date.parse(account.updated_at) + 5_000,
    )
    assert.ok(proxy.connections() - tries <= 1, 'no hammering')
    await owner.put(`/api/email-accounts/${id}`, { imap_password: 'another-password' })
    assert.deepEqual(subjects(await lookedAt(owner, id, 1)), ['Meanwhile'])
    dovecot.setPassword(dovecot.password)
  })
})
