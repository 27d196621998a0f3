import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, describe, it } from 'node:test'
import { newAgent, reached, worked } from './peers/agents.ts'
import { startInside, type InsideSteward } from './peers/inside.ts'
import { anotherUser, withDatabase } from './peers/database.ts'
import { makeKey, OWNER, startSteward } from './steward.ts'

/** What has had its time goes: how long that is, who may ask for it, and what is never touched. */

const DAY_MS = 24 * 3600_000
const SECRET = 'the-secret-of-an-outside-timer'
const CRON = '/api/cron/retention'
const SETTINGS = '/api/settings/retention'
const DEFAULTS = {
  transcripts_days: null,
  events_days: 30,
  trash_days: 30,
  notifications_days: 90,
  deliveries_days: 365,
  occurrences_days: 365,
}

describe('who may ask for it', () => {
  it('nobody, where no secret is set', async () => {
    await using steward = await startSteward()
    const { status, body } = await steward.anybody().post(CRON, undefined, bearer(SECRET))
    assert.deepEqual([status, body.code], [503, 'unavailable'])
  })

  it('whoever has the secret, and neither a cookie, an administrator’s key nor the wrong one', async () => {
    await using steward = await startSteward({ env: { CRON_SECRET: SECRET } })
    const key = await makeKey(steward.owner, ['admin'])
    const wrong = [steward.owner.post(CRON), steward.anybody(key).post(CRON), steward.anybody().post(CRON, undefined, bearer(`${SECRET}x`))] // prettier-ignore
    for (const answer of await Promise.all(wrong)) {
      assert.deepEqual([answer.status, answer.body.code], [401, 'unauthorized'])
      assert.ok(!answer.text.includes(SECRET))
    }
    const { status, body } = await steward.anybody().post(CRON, undefined, bearer(SECRET))
    assert.equal(status, 200)
    assert.ok(Object.values(body.deleted).every((count) => count === 0))
    assert.deepEqual(Object.keys(body.deleted).sort(), [
      'approval_links', 'audit', 'conversations', 'email_messages', 'email_reservations', 'events', 'grant_uses', 'http_sessions', 'idempotency_keys', 'notifications', 'occurrences', 'outbox', 'password_resets', 'runs', 'telegram_seen', 'trash',
    ]) // prettier-ignore
  })

  it('is slowed down when it guesses', async () => {
    await using steward = await startSteward({ env: { CRON_SECRET: SECRET } })
    const guesses = []
    for (let n = 0; n < 7; n++) guesses.push((await steward.anybody().post(CRON, undefined, bearer(`${n}`))).status)
    assert.deepEqual(guesses, [401, 401, 401, 401, 401, 429, 429])
  })
})

const bearer = (secret: string) => ({ headers: { authorization: `Bearer ${secret}` } })

describe('the settings', () => {
  let steward: InsideSteward
  before(async () => void (steward = await startInside()))
  after(() => steward[Symbol.asyncDispose]())
  const read = async () => (await steward.owner.get(SETTINGS)).body

  it('keep transcripts for good until somebody says otherwise', async () => {
    assert.deepEqual(await read(), DEFAULTS)
  })

  it('change in part, refuse what makes no sense, and are on the audit log with what was before', async () => {
    assert.equal((await steward.owner.post(SETTINGS, { transcripts_days: 90, trash_days: null })).status, 200)
    assert.deepEqual(await read(), { ...DEFAULTS, transcripts_days: 90, trash_days: null })
    for (const bad of [{ transcripts_days: 0 }, { events_days: 1.5 }, { trash_days: '7' }, { audit_days: 1 }]) {
      const { status, body } = await steward.owner.post(SETTINGS, bad)
      assert.deepEqual([status, body.detail[0].path], [400, Object.keys(bad)[0]])
    }
    const { entries } = (await steward.owner.get('/api/audit?kind=setting')).body
    assert.equal(entries[0].subject, 'transcripts_days: for good → 90, trash_days: 30 → for good')
  })

  it('are for administrators', async () => {
    const other = await anotherUser(steward)
    assert.equal((await other.get(SETTINGS)).status, 403)
    assert.equal((await other.get('/api/disk-use')).status, 403)
  })
})

describe('transcripts', () => {
  let steward: InsideSteward
  const old = { chat: randomUUID(), waiting: '', asked: '' }
  const mixed = randomUUID()
  let agentId: string

  async function say(conversation: string, words: string): Promise<void> {
    const chat = await steward.owner.chat(conversation)
    await chat.ask(words)
    await chat.close()
  }
  const count = (sql: string, ...values: unknown[]): number =>
    withDatabase(
      steward.dataDir,
      (db) =>
        db
          .prepare(sql)
          .pluck()
          .get(...values) as number,
    )
  const rowsOf = (table: string) => count(`SELECT count(*) FROM ${table}`)

  before(async () => {
    steward = await startInside()
    const { owner } = steward
    agentId = (await newAgent(owner, { name: 'Old' })).id
    await say(old.chat, 'An old tale')
    await say(mixed, 'The old half')
    const asking = await newAgent(owner, { name: 'Asks' })
    await owner.post('/api/webhook-targets', { name: 'door', url: 'https://example.org/x', owner: false })
    const message = '/webhook.send_to_target target="door" body="hello"'
    old.waiting = (await owner.post(`/api/agents/${asking.id}/run`, { message })).body.run_id
    await reached(owner, old.waiting, ({ status }) => status === 'waiting')
    old.asked = (await worked(owner, agentId)).id
    withDatabase(steward.dataDir, (db) => db.exec(`UPDATE approvals SET expires_at = '2099-01-01T00:00:00.000Z'`))
    steward.later(40 * DAY_MS)
    await owner.post('/api/auth/login', OWNER)
    await say(mixed, 'The new half')
    await worked(owner, agentId)
  })
  after(() => steward[Symbol.asyncDispose]())

  it('stay for good as long as nobody says otherwise', async () => {
    const before = [rowsOf('runs'), rowsOf('steps'), rowsOf('conversations')]
    const deleted = await steward.services.housekeeping.sweep()
    assert.deepEqual([deleted.runs, deleted.conversations], [0, 0])
    assert.deepEqual([rowsOf('runs'), rowsOf('steps'), rowsOf('conversations')], before)
  })

  it('go when their time is over, with their steps, events and conversations, and leave a word in the audit log', async () => {
    await steward.owner.post(SETTINGS, { transcripts_days: 30 })
    const deleted = await steward.services.housekeeping.sweep()
    assert.deepEqual([deleted.runs, deleted.conversations], [3, 2])
    assert.equal((await steward.owner.get(`/api/conversations/${old.chat}`)).status, 404)
    assert.equal((await steward.owner.get(`/api/runs/${old.asked}`)).status, 404)
    assert.equal(count('SELECT count(*) FROM steps WHERE run_id NOT IN (SELECT id FROM runs)'), 0)
    assert.equal(count('SELECT count(*) FROM events WHERE conversation_id = ?', old.chat), 0)
    assert.equal(count(`SELECT count(*) FROM runs_text WHERE runs_text MATCH 'tale'`), 0)
    const { entries } = (await steward.owner.get('/api/audit?kind=conversation')).body
    assert.deepEqual([entries[0].action, entries[0].subject, entries[0].actor], ['removed by retention', '3 runs, 2 conversations', 'system']) // prettier-ignore
  })

  it('leave what is younger in the same conversation, counted right and told with a gap', async () => {
    const { body } = await steward.owner.get(`/api/conversations/${mixed}`)
    assert.deepEqual(body.messages.map(({ content }: any) => content)[0], 'The new half')
    const { conversations } = (await steward.owner.get('/api/conversations')).body
    assert.deepEqual(
      conversations.map(({ id, message_count }: any) => [id, message_count]),
      [[mixed, body.messages.length]],
    )
    const chat = await steward.owner.chat(mixed, { after: 1 })
    await chat.next('gap')
    await chat.close()
  })

  it('of what waits for an answer are never touched, however old', async () => {
    const run = (await steward.owner.get(`/api/runs/${old.waiting}`)).body
    assert.equal(run.status, 'waiting')
    assert.equal((await steward.owner.get('/api/approvals?state=pending')).body.items[0].run_id, old.waiting)
    assert.ok(count('SELECT count(*) FROM events WHERE run_id = ?', old.waiting) > 0)
    await steward.owner.post(`/api/runs/${old.waiting}/stop`)
    await reached(steward.owner, old.waiting, ({ status }) => status === 'stopped')
  })
})

describe('everything else', () => {
  it('goes as the settings say: events, notifications that were read, deliveries, ledgers', async () => {
    await using steward = await startInside()
    const { services, owner } = steward
    const userId = (await owner.get('/api/auth/me')).body.id
    const at = '2026-01-05T08:00:00.000Z'
    const many = 450
    withDatabase(steward.dataDir, (db) => {
      const id = (n: number) => `019b8d2e-7c1a-7000-8000-${n.toString().padStart(12, '0')}`
      const outbox = db.prepare(`INSERT INTO outbox (id, user_id, door, address, body, state, created_at, updated_at) VALUES (?, ?, 'webhook', 'x', '', ?, ?, ?)`) // prettier-ignore
      const ledger = db.prepare(`INSERT INTO occurrences (schedule_id, due_at, until_at, state, recorded_at) VALUES (?, ?, ?, 'missed', ?)`) // prettier-ignore
      const note = db.prepare(`INSERT INTO notifications (id, user_id, kind, title, created_at, read_at) VALUES (?, ?, 'result', 't', ?, ?)`) // prettier-ignore
      const event = db.prepare(
        `INSERT INTO events (user_id, type, data, created_at) VALUES (?, 'notification', '{}', ?)`,
      )
      for (let n = 0; n < many; n++) {
        const minute = new Date(Date.parse(at) + n * 60_000).toISOString()
        outbox.run(id(n), userId, n === 7 ? 'uncertain' : 'delivered', at, at)
        ledger.run(n % 2 ? 'one' : 'two', minute, minute, minute)
        note.run(id(n), userId, at, n === 7 ? null : at)
        event.run(userId, at)
      }
    })
    steward.later(400 * DAY_MS)
    const deleted = await services.housekeeping.sweep()
    const { outbox, occurrences, notifications } = deleted
    assert.deepEqual({ outbox, occurrences, notifications }, { outbox: many - 1, occurrences: many, notifications: many - 1 }) // prettier-ignore
    assert.ok(deleted.events! >= many)
    withDatabase(steward.dataDir, (db) => {
      for (const table of ['outbox', 'notifications'])
        assert.equal(db.prepare(`SELECT count(*) FROM ${table} WHERE id LIKE '%0007'`).pluck().get(), 1, table)
    })
  })

  it('is done once where two ask for it together', async () => {
    await using steward = await startInside()
    const [one, two] = [steward.services.housekeeping.sweep(), steward.services.housekeeping.sweep()]
    assert.equal(one, two)
    await one
  })
})

describe('what only counts for a while', () => {
  it('goes once nothing reads it any more: places in daily limits, and which updates of Telegram were taken', async () => {
    await using steward = await startInside()
    const { db, housekeeping, now } = steward.services
    const daysAgo = (days: number) => new Date(now().getTime() - days * 24 * 3600_000).toISOString()
    const reserve = db.prepare('INSERT INTO email_reservations (call_id, address, day, created_at) VALUES (?, ?, ?, ?)')
    const see = db.prepare('INSERT INTO telegram_seen (bot_id, update_id, created_at) VALUES (?, ?, ?)')
    for (const days of [0, 59, 61])
      reserve.run(`call-${days}`, 'ann@example.org', daysAgo(days).slice(0, 10), daysAgo(days))
    for (const days of [0, 6, 8]) see.run('1', days, daysAgo(days))
    const removed = await housekeeping.sweep()
    assert.deepEqual([removed.email_reservations, removed.telegram_seen], [1, 1])
    assert.deepEqual(db.prepare('SELECT call_id FROM email_reservations ORDER BY call_id').pluck().all(), ['call-0', 'call-59']) // prettier-ignore
    assert.deepEqual(db.prepare('SELECT update_id FROM telegram_seen ORDER BY update_id').pluck().all(), [0, 6])
  })
})

describe('the disk', () => {
  it('is told by what takes it', async () => {
    await using steward = await startSteward()
    const { status, body } = await steward.owner.get('/api/disk-use')
    assert.equal(status, 200)
    assert.ok(body.database > 100_000 && body.free > 0 && body.total > body.free)
    assert.deepEqual(Object.keys(body), ['database', 'files', 'trash', 'backups', 'other', 'free', 'total'])
  })
})
