import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { after, before, describe, it } from 'node:test'
import { newId } from '../services/ids.ts'
import { createListening } from '../services/mail/listening.ts'
import { newAgent } from './peers/agents.ts'
import { withDatabase } from './peers/database.ts'
import { DOVECOT_MISSING, startDovecot, type Dovecot } from './peers/dovecot.ts'
import { startInside } from './peers/inside.ts'
import { addMailbox, deliver, inState, looked, lookedAt, mail, until } from './peers/mails.ts'
import { say, startModelApi, type ModelApi } from './peers/model-api.ts'
import { startSteward, type Client, type Steward } from './steward.ts'

/** Each mail starts its run once: whatever ends the process, whoever else listens, however many there are. */

const MANY = 400
const KILLS = 14
const ACCOUNTS = 50

const subjects = (mails: { subject: string }[]) => mails.map(({ subject }) => subject)
const numbered = (count: number) => Array.from({ length: count }, (_, n) => `No. ${n}`)

describe('a mail starts one run', { skip: DOVECOT_MISSING }, () => {
  let dovecot: Dovecot
  let api: ModelApi
  before(async () => {
    ;[dovecot, api] = await Promise.all([startDovecot(), startModelApi(say('Done.'))])
  })
  after(() => Promise.all([dovecot, api].map((peer) => peer?.[Symbol.asyncDispose]())))

  async function prepared(owner: Client): Promise<string> {
    await owner.post('/api/settings/limits', { max_autonomous_runs_per_hour: 100_000 })
    return (await newAgent(owner)).id
  }

  const bookmarked = (dataDir: string, id: string) =>
    until(
      () => withDatabase(dataDir, (db) => db.prepare('SELECT 1 FROM email_folders WHERE account_id = ?').get(id)),
      (row) => row !== undefined,
    )

  it('where two listen at the same mailbox on the same rows', async () => {
    const mailbox = dovecot.another()
    await using steward = await startInside(api.env)
    const { services, owner } = steward
    const agentId = await prepared(owner)
    const { id } = await addMailbox(owner, mailbox, { agent_id: agentId })
    await bookmarked(steward.dataDir, id)
    const { mail: house, db, settings, agents, runs, version, now } = services
    const second = createListening({
      ...{ db, settings, agents, version, now, newId, parser: house.reader, accounts: house.accounts },
      resolve: (_account, host) => Promise.resolve({ host }),
      whitelist: () => [],
      triggers: house.triggers,
      submit: runs.submit,
      mayWork: () => true,
      notify: () => {},
      log: { error: () => {}, info: () => {} },
    })
    second.listeners.start()
    await until(
      () => second.listeners.statusOf(id).status,
      (status) => status === 'connected',
    )
    for (const subject of numbered(60)) deliver(mailbox, mail({ subject }))
    const mails = await lookedAt(owner, id, 60)
    assert.deepEqual(subjects(mails), numbered(60))
    assert.ok(mails.every(({ run_ids }) => run_ids.length === 1))
    assert.equal((await owner.get('/api/runs?origin=email')).body.total, 60)
    await second.close()
  })

  it('where the process is killed again and again between a mail and its run', async () => {
    const mailbox = dovecot.another()
    const dataDir = mkdtempSync(join(tmpdir(), 'steward-mail-'))
    const start = (): Promise<Steward> => startSteward({ dataDir, env: api.env })
    let steward = await start()
    const agentId = await prepared(steward.owner)
    const { id } = await addMailbox(steward.owner, mailbox, { agent_id: agentId })
    await bookmarked(dataDir, id)
    let sent = 0
    for (let kill = 0; kill < KILLS; kill++) {
      for (let n = 0; n < 25; n++) deliver(mailbox, mail({ subject: `No. ${sent++}` }))
      await until(
        () => withDatabase(dataDir, (db) => db.prepare('SELECT count(*) FROM email_messages').pluck().get() as number),
        (count) => count > sent - 25 + ((kill * 7) % 23),
      )
      await sleep((kill * 37) % 60)
      await steward.kill()
      steward = await start()
    }
    const mails = await until(
      () =>
        withDatabase(
          dataDir,
          (db) => db.prepare('SELECT id, subject, outcome FROM email_messages ORDER BY id').all() as any[],
        ),
      (rows) => rows.length >= sent,
    )
    assert.deepEqual(subjects(mails), numbered(sent))
    const counts = withDatabase(dataDir, (db) =>
      db
        .prepare(
          'SELECT count(run_id) AS n FROM email_messages LEFT JOIN email_runs ON email_message_id = email_messages.id GROUP BY email_messages.id',
        )
        .pluck()
        .all(),
    )
    assert.deepEqual(new Set(counts), new Set([1]))
    const runs = withDatabase(dataDir, (db) =>
      db.prepare("SELECT count(*) FROM runs WHERE origin = 'email'").pluck().get(),
    )
    assert.equal(runs, sent)
    await steward.stop()
    rmSync(dataDir, { recursive: true })
  })

  it('where many wait, each in its turn, most of which start nothing', async () => {
    const mailbox = dovecot.another()
    await using steward = await startSteward({ env: api.env })
    const { owner } = steward
    const agentId = await prepared(owner)
    const { id } = await addMailbox(owner, mailbox, { agent_id: agentId })
    await bookmarked(steward.dataDir, id)
    await owner.post('/api/pause')
    await dovecot.stop()
    for (let n = 0; n < MANY; n++)
      deliver(mailbox, mail({ subject: `No. ${n}`, ...(n % 10 === 0 ? {} : { from: 'news@evil.example' }) }))
    await dovecot.start()
    const rows = () =>
      withDatabase(
        steward.dataDir,
        (db) => db.prepare('SELECT subject, outcome FROM email_messages ORDER BY id').all() as any[],
      )
    const found = await until(rows, (all) => all.length >= MANY, 60)
    assert.deepEqual(subjects(found), numbered(MANY))
    assert.equal(found.filter(({ outcome }) => outcome === 'started').length, MANY / 10)
    assert.equal((await owner.get('/api/runs?origin=email')).body.total, MANY / 10)
  })

  it(`for each of ${ACCOUNTS} accounts in one process`, async () => {
    await using steward = await startSteward({ env: api.env })
    const { owner } = steward
    const agentId = await prepared(owner)
    const mailbox = dovecot.another()
    const ids: string[] = []
    for (let n = 0; n < ACCOUNTS; n++)
      ids.push((await addMailbox(owner, mailbox, { label: `Box ${n}`, agent_id: agentId })).id)
    for (const id of ids) {
      await bookmarked(steward.dataDir, id)
      await inState(owner, id, 'connected')
    }
    deliver(mailbox, mail({ subject: 'For all' }))
    for (const id of ids) assert.equal((await lookedAt(owner, id, 1)).length, 1)
    assert.equal((await owner.get('/api/runs?origin=email')).body.total, ACCOUNTS)
    assert.deepEqual(subjects(await looked(owner, ids[0]!)), ['For all'])
    const status = await steward.stop()
    assert.equal(status, 0)
  })
})
