import assert from 'node:assert/strict'
import { appendFileSync, existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { toPrune } from '../services/backups/prune.ts'
import { dueDay, isDue } from '../services/backups/when.ts'
import { lockFile } from '../services/data-folder.ts'
import type { WorkEntry } from '../services/backups/log.ts'
import { anotherUser, withDatabase } from './peers/database.ts'
import { startInside, type InsideSteward } from './peers/inside.ts'
import { startSteward, type Client } from './steward.ts'

/** Backups by the route and by the clock, the drill that tries them, what goes in time, and what the owner is told. */

const DAY_MS = 24 * 3600_000
const SETTINGS = '/api/settings/backup'

const overview = async (owner: Client) => (await owner.get('/api/backups')).body
async function settled(owner: Client): Promise<any> {
  for (let look = 0; look < 600; look++) {
    const body = await overview(owner)
    if (body.going.length === 0) return body
    await pause(30)
  }
  throw new Error('it goes on and on')
}
const foldersOf = (dataDir: string) => readdirSync(join(dataDir, 'backups')).filter((name) => /^\d/.test(name)).sort() // prettier-ignore

describe('a backup by the route', () => {
  it('is begun at once, seen to be going, and listed when it is whole; the drill tries it', async () => {
    await using steward = await startSteward()
    const { owner } = steward
    const { status, body } = await owner.post('/api/backups')
    assert.equal(status, 202)
    assert.equal((await owner.post('/api/backups')).status, 409)
    assert.equal((await owner.post('/api/backups/drill')).status, 202)
    const done = await settled(owner)
    assert.equal(done.last_backup.id, body.id)
    assert.deepEqual([done.items.length, done.items[0].cause, done.items[0].key_fits], [1, 'manual', true])
    assert.deepEqual([done.last_drill.state, done.last_drill.backup], ['done', done.items[0].id])
    assert.deepEqual(foldersOf(steward.dataDir), [done.items[0].id])
    const left = readdirSync(join(steward.dataDir, 'backups')).filter((name) => name.startsWith('.'))
    assert.deepEqual(left, ['.lock'])
    const { entries } = (await owner.get('/api/audit?kind=backup')).body
    assert.deepEqual(
      entries.map(({ action }: any) => action),
      ['drill started', 'started'],
    )
  })

  it('is begun once for one Idempotency-Key', async () => {
    await using steward = await startSteward()
    const once = { headers: { 'idempotency-key': 'tonight' } }
    const [one, two] = [await steward.owner.post('/api/backups', {}, once), await steward.owner.post('/api/backups', {}, once)] // prettier-ignore
    assert.deepEqual([one.status, two.status, one.body.id], [202, 202, two.body.id])
    await settled(steward.owner)
  })

  it('is for administrators', async () => {
    await using steward = await startSteward()
    const other = await anotherUser(steward)
    for (const answer of [await other.get('/api/backups'), await other.post('/api/backups'), await other.get(SETTINGS)])
      assert.equal(answer.status, 403)
  })

  it('that is going when Steward is killed counts as failed, and the next start leaves no half of it for whole', async () => {
    const steward = await startSteward()
    const { id } = (await steward.owner.get('/api/auth/me')).body
    mkdirSync(join(steward.dataDir, 'files', id), { recursive: true })
    for (let n = 0; n < 300; n++) writeFileSync(join(steward.dataDir, 'files', id, `${n}`), Buffer.alloc(300_000, n))
    await steward.owner.post('/api/backups')
    while (!readdirSync(join(steward.dataDir, 'backups')).some((name) => name.startsWith('.making-'))) await pause(2)
    await steward.kill()
    assert.deepEqual(foldersOf(steward.dataDir), [])
    await using again = await startSteward({ dataDir: steward.dataDir })
    const { items, results } = await overview(again.owner)
    assert.deepEqual([items, results[0].state], [[], 'failed'])
    assert.match(results[0].problem, /stopped before it was done/)
    await again.owner.post('/api/backups')
    const done = await settled(again.owner)
    assert.equal(done.items[0].files, 300)
    assert.ok(!readdirSync(join(again.dataDir, 'backups')).some((name) => name.startsWith('.making-')))
  })

  it('does not hold up who asks meanwhile', async () => {
    await using steward = await startInside()
    withDatabase(steward.dataDir, (db) => {
      db.exec(`WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 150000)
        INSERT INTO events (user_id, type, data, created_at) SELECT 'x', 'text', hex(randomblob(200)), '2099-01-01T00:00:00.000Z' FROM n`)
    })
    await steward.owner.post('/api/backups')
    await steward.owner.post('/api/backups/drill')
    let longest = 0
    let turns = 0
    for (let last = performance.now(); steward.services.backups.stand().going.length > 0; turns++) {
      await pause(1)
      longest = Math.max(longest, performance.now() - last)
      last = performance.now()
    }
    assert.equal((await overview(steward.owner)).last_drill.state, 'done')
    assert.ok(turns > 100, `${turns} turns, the longest ${longest} ms`)
  })
})

describe('a damaged backup', () => {
  let steward: InsideSteward
  before(async () => {
    steward = await startInside()
    await steward.owner.post('/api/backups')
    const [name] = (await settled(steward.owner)).items.map(({ id }: any) => id)
    appendFileSync(join(steward.dataDir, 'backups', name, 'steward.sqlite'), 'x')
    await steward.owner.post('/api/backups/drill')
    await settled(steward.owner)
  })
  after(() => steward[Symbol.asyncDispose]())

  it('fails the drill, which the owner is told of, and /ready and the doctor', async () => {
    const { owner } = steward
    const { last_drill } = await overview(owner)
    assert.equal(last_drill.state, 'failed')
    assert.match(last_drill.problem, /not as it was written: steward\.sqlite/)
    const { items } = (await owner.get('/api/notifications')).body
    assert.deepEqual([items[0].kind, items[0].title], ['trouble', 'A backup could not be restored on trial'])
    assert.ok((await owner.get('/ready')).body.warnings.some((text: string) => /restore drill failed/.test(text)))
    const findings = (await owner.get('/api/doctor')).body.items
    assert.ok(findings.some(({ id }: any) => id === 'drill-failed'))
  })

  it('is made good by the next one, which copies everything anew', async () => {
    await steward.owner.post('/api/backups')
    await steward.owner.post('/api/backups/drill')
    assert.equal((await settled(steward.owner)).last_drill.state, 'done')
    assert.deepEqual(
      (await steward.owner.get('/ready')).body.warnings.filter((text: string) => /drill/.test(text)),
      [],
    )
  })
})

describe('a backup that cannot be made', () => {
  it('is told, with the reason', async () => {
    await using steward = await startInside()
    const { services } = steward
    const release = lockFile(join(steward.dataDir, 'backups', '.lock'))!
    await steward.owner.post('/api/backups')
    await services.backups.settled()
    release()
    const { results, items } = await overview(steward.owner)
    assert.deepEqual([items, results[0].state], [[], 'failed'])
    assert.match(results[0].problem, /is going on\. Wait/)
    const { title, text } = (await steward.owner.get('/api/notifications')).body.items[0]
    assert.deepEqual([title, /is going on/.test(text)], ['A backup failed', true])
  })
})

describe('the settings of backups', () => {
  it('change in part, refuse what makes no sense, and are on the audit log', async () => {
    await using steward = await startSteward()
    const { owner } = steward
    assert.deepEqual((await owner.get(SETTINGS)).body, { enabled: true, time: '03:30', keep_daily: 7, keep_weekly: 4 })
    assert.equal((await owner.post(SETTINGS, { time: '23:05', keep_daily: 3 })).status, 200)
    assert.deepEqual((await owner.get(SETTINGS)).body, { enabled: true, time: '23:05', keep_daily: 3, keep_weekly: 4 })
    for (const bad of [{ time: '24:00' }, { time: '3:30' }, { keep_daily: 0 }, { keep_weekly: 1.5 }, { hour: 3 }])
      assert.equal((await owner.post(SETTINGS, bad)).status, 400, JSON.stringify(bad))
    const { entries } = (await owner.get('/api/audit?kind=setting')).body
    assert.equal(entries[0].subject, 'time: 03:30 → 23:05, keep_daily: 7 → 3')
  })
})

describe('the daily backup', () => {
  it('is made once a day, made up for once after days away, tried on trial once a week, and pruned', async () => {
    await using steward = await startInside()
    const { backups } = steward.services
    const look = async () => {
      backups.look()
      await backups.settled()
    }
    const made = () => withDatabase(steward.dataDir, (db) => db.prepare(`SELECT kind FROM backup_runs WHERE state = 'done' ORDER BY id`).pluck().all()) // prettier-ignore
    await look()
    assert.deepEqual(made(), [], 'what was due before there was a house is not owed')
    steward.later(DAY_MS)
    await look()
    await look()
    assert.deepEqual(made(), ['backup', 'drill'])
    steward.later(5 * DAY_MS)
    await look()
    await look()
    assert.deepEqual(made(), ['backup', 'drill', 'backup'])
    steward.services.backups.changeSettings({ keep_daily: 1, keep_weekly: 1 }, { userId: null, name: 'system' })
    const proven = steward.services.backups.stand().last_drill!.backup
    steward.later(DAY_MS)
    await look()
    assert.equal(foldersOf(steward.dataDir).length, 2, 'the newest, and the one that was proven')
    assert.ok(existsSync(join(steward.dataDir, 'backups', proven!, 'manifest.json')))
    steward.services.backups.changeSettings({ enabled: false }, { userId: null, name: 'system' })
    steward.later(DAY_MS)
    await look()
    assert.equal(made().length, 4)
  })

  it('is due once the time of day has come, by the clock of the house', () => {
    const rule = { time: '03:30', timezone: 'Europe/Berlin' }
    assert.equal(dueDay(new Date('2026-11-25T02:29:00Z'), rule.time, rule.timezone), '2026-11-24')
    assert.equal(dueDay(new Date('2026-11-25T02:30:00Z'), rule.time, rule.timezone), '2026-11-25')
    assert.equal(dueDay(new Date('2026-10-25T01:30:00Z'), rule.time, rule.timezone), '2026-10-24')
    const born = new Date('2026-11-01T12:00:00Z')
    const entry = (at: string, state: WorkEntry['state']): WorkEntry => ({ id: at, kind: 'backup', cause: 'daily', state, backup: null, problem: null, started_at: at, ended_at: at }) // prettier-ignore
    const now = new Date('2026-11-25T06:00:00Z')
    assert.equal(isDue(rule, now, [], born), true)
    assert.equal(isDue(rule, now, [], new Date('2026-11-25T05:00:00Z')), false)
    assert.equal(isDue(rule, now, [entry('2026-11-25T02:30:00.000Z', 'done')], born), false)
    assert.equal(isDue(rule, now, [entry('2026-11-24T02:30:00.000Z', 'done')], born), true)
    const failed = entry('2026-11-25T02:30:00.000Z', 'failed')
    assert.equal(isDue(rule, new Date('2026-11-25T03:00:00Z'), [failed], born), false)
    assert.equal(isDue(rule, now, [failed], born), true)
    assert.equal(isDue(rule, now, [failed, failed, failed], born), false)
  })
})

describe('what is kept', () => {
  const at = (day: string, cause: 'daily' | 'manual' = 'daily') => ({ name: `${day} ${cause}`, at: new Date(`${day}T03:30:00Z`), cause }) // prettier-ignore
  const days = Array.from({ length: 60 }, (_, n) => new Date(Date.parse('2026-11-25') - n * DAY_MS).toISOString().slice(0, 10)) // prettier-ignore
  const rule = { daily: 7, weekly: 4, timezone: 'UTC' }
  const keeps = (all: ReturnType<typeof at>[], always: string[] = [], more = {}) => {
    const gone = new Set(toPrune(all, { ...rule, ...more }, new Set(always)))
    return all.map(({ name }) => name).filter((name) => !gone.has(name))
  }

  it('is the newest of each of the last days and weeks', () => {
    const names = keeps(days.map((day) => at(day)))
    const weekly = ['2026-11-25', '2026-11-22', '2026-11-15', '2026-11-08']
    const expected = [...new Set([...days.slice(0, 7), ...weekly])].map((day) => `${day} daily`)
    assert.deepEqual(names, expected)
  })

  it('is never less than the newest, what was proven, and what somebody made by hand', () => {
    const all = [at('2026-11-25', 'manual'), at('2026-11-20', 'manual'), ...days.slice(1).map((day) => at(day))]
    const names = keeps(all, ['2026-10-10 daily'], { daily: 1, weekly: 1 })
    assert.deepEqual(names, ['2026-11-25 manual', '2026-11-20 manual', '2026-11-24 daily', '2026-10-10 daily'])
    assert.deepEqual(keeps([at('2020-01-01')]), ['2020-01-01 daily'])
  })
})

it('the folder of backups is closed to tools, as all of DATA_DIR is', async () => {
  await using steward = await startSteward()
  const { status } = await steward.owner.post('/api/filesystem-whitelist', { path: join(steward.dataDir, 'backups') })
  assert.equal(status, 400)
})
