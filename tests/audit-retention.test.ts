import assert from 'node:assert/strict'
import { setImmediate as turn } from 'node:timers/promises'
import { after, before, describe, it } from 'node:test'
import { copyOf, verdictOn } from './peers/audit.ts'
import { anotherUser } from './peers/database.ts'
import { startInside, type InsideSteward } from './peers/inside.ts'
import { makeKey, signInOwner, startSteward } from './steward.ts'

const DAY_MS = 24 * 3600_000
/** More than are removed in one part. */
const MANY = 2_500

/** So many entries of the present moment. */
function fill({ services }: InsideSteward, entries = MANY): void {
  services.db.transact(() => {
    for (let n = 0; n < entries; n++)
      services.audit.record({ kind: 'setting', action: 'tried', subject: `${n}`, by: { userId: null, name: 'system' } })
  })
}

/** Days pass; sessions have run out, so the owner signs in again. */
async function later(steward: InsideSteward, days: number): Promise<void> {
  steward.later(days * DAY_MS)
  await signInOwner(steward)
}

const verified = async ({ owner }: InsideSteward) => (await owner.get('/api/audit/verify')).body
const checkpoints = async ({ owner }: InsideSteward): Promise<any[]> =>
  (await owner.get('/api/audit?kind=checkpoint')).body.entries

describe('removing old audit entries', () => {
  let steward: InsideSteward
  before(async () => void (steward = await startInside()))
  after(() => steward[Symbol.asyncDispose]())

  it('leaves checkpoints from which the rest verifies, and says how many went', async () => {
    fill(steward)
    const { entries } = await verified(steward)
    await later(steward, 100)
    assert.deepEqual((await steward.owner.delete('/api/audit?older_than_days=101')).body, { deleted: 0 })
    assert.deepEqual(await checkpoints(steward), [])
    const { status, body } = await steward.owner.delete('/api/audit?older_than_days=90')
    assert.deepEqual([status, body], [200, { deleted: entries }])
    const left = await checkpoints(steward)
    assert.equal(
      left.reduce((sum, { arguments: { removed } }) => sum + removed, 0),
      entries,
    )
    assert.equal(left[0].arguments.up_to, entries)
    assert.deepEqual([left[0].actor, left[0].action], ['web:anna', 'removed'])
    const { ok, entries: rest } = await verified(steward)
    assert.deepEqual([ok, rest], [true, left.length + 1], 'the checkpoints and the sign-in')
  })

  it('goes on from older checkpoints when those are removed too', async () => {
    const before = await checkpoints(steward)
    fill(steward, 10)
    await later(steward, 100)
    const { deleted } = (await steward.owner.delete('/api/audit?older_than_days=90')).body
    assert.equal(deleted, before.length + 1 + 10)
    const [only, ...others] = await checkpoints(steward)
    assert.deepEqual(others, [])
    assert.ok(only.arguments.up_to > before[0].id)
    assert.equal((await verified(steward)).ok, true)
    assert.equal((await verdictOn(copyOf(steward.dataDir))).ok, true)
  })

  it('shows a checkpoint that was changed, moved or removed', async () => {
    const [{ id, arguments: said }] = (await checkpoints(steward)) as [{ id: number; arguments: { up_to: number } }]
    const broken = async (sql: string, ...values: unknown[]) => {
      const verdict = await verdictOn(copyOf(steward.dataDir, (db) => db.prepare(sql).run(...values)))
      assert.equal(verdict.ok, false, sql)
      return verdict.first_broken
    }
    const words = (more: object) => JSON.stringify({ ...said, ...more })
    assert.equal(await broken('UPDATE audit SET arguments = ? WHERE id = ?', words({ removed: 1 }), id), id)
    assert.equal(await broken('UPDATE audit SET arguments = ? WHERE id = ?', words({ up_to: said.up_to + 1 }), id), id)
    assert.equal(await broken('UPDATE audit SET arguments = ? WHERE id = ?', words({ mac: 'x' }), id), id)
    assert.equal(await broken(`UPDATE audit SET kind = 'setting' WHERE id = ?`, id), 1)
    assert.equal(await broken('DELETE FROM audit WHERE id = ?', id), 1)
    assert.equal(await broken('DELETE FROM audit WHERE id <= ?', said.up_to + 1), said.up_to + 1)
  })

  it('holds at every instant between its parts', async () => {
    fill(steward)
    await later(steward, 100)
    const before = (await verified(steward)).entries
    const removing = steward.services.audit.retention.removeOlder(90, { userId: null, name: 'system' })
    const counts: number[] = []
    for (let done = false; !done;) {
      await turn()
      const { ok, entries } = await verdictOn(copyOf(steward.dataDir))
      assert.equal(ok, true)
      counts.push(entries)
      done = await Promise.race([removing.then(() => true), turn(false)])
    }
    assert.ok(
      counts.some((count) => count > 1_000 && count < before),
      `was looked at half-way: ${counts.join(', ')}`,
    )
    assert.equal((await verified(steward)).ok, true)
  })

  it('removes nothing that does not verify, and what stands before it only', async () => {
    fill(steward, 20)
    await later(steward, 100)
    const first = (await steward.owner.get('/api/audit?per_page=200')).body.entries.at(-1).id as number
    const change = steward.services.db.prepare('UPDATE audit SET subject = ? WHERE id = ?')
    const kept = steward.services.db
      .prepare('SELECT subject FROM audit WHERE id = ?')
      .pluck()
      .get(first + 5)
    change.run('something else', first + 5)
    for (let tries = 0; tries < 2; tries++) {
      const { status, body } = await steward.owner.delete('/api/audit?older_than_days=90')
      assert.deepEqual([status, body.code, body.detail], [409, 'conflict', { first_broken: first + 5 }])
    }
    assert.equal((await steward.owner.get('/api/audit?per_page=200')).body.entries.at(-1).id, first + 5)
    assert.deepEqual((await verified(steward)).first_broken, first + 5)
    change.run(kept, first + 5)
    assert.ok((await steward.owner.delete('/api/audit?older_than_days=90')).body.deleted > 10)
    assert.equal((await verified(steward)).ok, true)
  })

  it('keeps all that came after the first entry that is young enough, whatever its clock said', async () => {
    fill(steward, 5)
    steward.later(-300 * DAY_MS)
    fill(steward, 5)
    steward.later(300 * DAY_MS)
    assert.deepEqual((await steward.owner.delete('/api/audit?older_than_days=90')).body, { deleted: 0 })
  })

  it('needs a number of whole days, and an administrator', async () => {
    for (const query of [
      '',
      '?older_than_days=0',
      '?older_than_days=-1',
      '?older_than_days=1.5',
      '?older_than_days=all',
    ])
      assert.equal((await steward.owner.delete(`/api/audit${query}`)).status, 400, query)
    const user = await anotherUser(steward)
    const reader = await makeKey(steward.owner, ['read'])
    for (const asker of [user, new (user.constructor as any)(steward.url, reader)]) {
      assert.equal((await asker.delete('/api/audit?older_than_days=1')).status, 403)
      assert.equal((await asker.post('/api/settings/audit-retention', { days: 1 })).status, 403)
    }
    assert.equal((await user.get('/api/audit/verify')).status, 403)
    assert.equal((await user.get('/api/settings/audit-retention')).status, 403)
  })
})

describe('how long audit entries are kept', () => {
  it('is for good until somebody says otherwise; null and 0 mean that again, and each change is in the log', async () => {
    await using steward = await startInside()
    const { owner } = steward
    const path = '/api/settings/audit-retention'
    assert.deepEqual((await owner.get(path)).body, { days: null })
    const told: string[] = []
    for (const days of [90, 30, 0, 7, null, null]) {
      assert.deepEqual((await owner.post(path, { days })).body, { ok: true })
      assert.deepEqual((await owner.get(path)).body, { days: days || null })
    }
    for (const body of [{}, { days: -1 }, { days: 1.5 }, { days: '90' }, { days: 1e9 }, { days: 1, more: 1 }])
      assert.equal((await owner.post(path, body)).status, 400, JSON.stringify(body))
    for (const { action, subject, actor } of (await owner.get('/api/audit?kind=setting')).body.entries)
      told.unshift(`${actor} ${action} ${subject}`)
    assert.deepEqual(
      told,
      ['none → 90', '90 → 30', '30 → none', 'none → 7', '7 → none'].map(
        (change) => `web:anna audit retention changed audit_retention_days: ${change}`,
      ),
    )
  })

  it('is seen to once a day, also after a restart', async () => {
    const steward = await startInside()
    const { retention } = steward.services.audit
    fill(steward, 10)
    await later(steward, 40)
    await retention.sweep()
    assert.deepEqual(await checkpoints(steward), [], 'nothing was said yet')
    await steward.owner.post('/api/settings/audit-retention', { days: 30 })
    await retention.sweep()
    await retention.sweep()
    const [only, ...others] = await checkpoints(steward)
    assert.deepEqual([only.actor, only.action, others], ['system', 'removed', []])
    const copy = copyOf(steward.dataDir)
    await steward[Symbol.asyncDispose]()
    await using again = await startSteward({ dataDir: copy })
    assert.deepEqual((await again.owner.get('/api/settings/audit-retention')).body, { days: 30 })
    assert.equal((await again.owner.get('/api/audit/verify')).body.ok, true)
    assert.equal((await again.owner.get('/api/audit?kind=checkpoint')).body.total, 1)
  })
})
