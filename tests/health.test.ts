import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { SCHEMA_VERSION } from '../db/open.ts'
import { anotherUser, withDatabase } from './peers/database.ts'
import { refused } from './peers/refused.ts'
import { makeKey, startSteward, type Steward } from './steward.ts'

const CHECKS = ['database', 'vault', 'schema', 'disk', 'scheduler', 'mail', 'telegram', 'models']

let steward: Steward

before(async () => {
  steward = await startSteward()
})
after(() => steward[Symbol.asyncDispose]())

/** What the probe says while the database is changed behind Steward's back; it is put right again. */
async function whileChanged(change: string, back: string, path = '/ready') {
  withDatabase(steward.dataDir, (db) => db.exec(change))
  try {
    return await steward.owner.get(path)
  } finally {
    withDatabase(steward.dataDir, (db) => db.exec(back))
  }
}

describe('readiness', () => {
  it('has every check of the contract, and calls off what is not there', async () => {
    const { status, body } = await steward.anybody().get('/ready')
    assert.deepEqual([status, body.status, body.issues], [200, 'ok', []])
    assert.deepEqual(Object.keys(body.checks), CHECKS)
    assert.deepEqual(
      Object.entries(body.checks).filter(([, state]) => state !== 'ok'),
      [
        ['mail', 'off'],
        ['telegram', 'off'],
        ['models', 'off'],
      ],
    )
  })

  it('is 503 with the report while the schema is not that of this program', async () => {
    for (const path of ['/ready', '/health/ready', '/health/detailed']) {
      const { status, body } = await whileChanged(
        'PRAGMA user_version = 3',
        `PRAGMA user_version = ${SCHEMA_VERSION}`,
        path,
      )
      assert.deepEqual([status, body.status, body.checks.schema], [503, 'unhealthy', 'unhealthy'])
      assert.deepEqual(body.issues, ['The database has another schema.'])
    }
    assert.equal((await steward.anybody().get('/ready')).status, 200)
  })

  it('is 503 while the vault cannot be opened', async () => {
    const { status, body } = await whileChanged(
      `UPDATE settings SET name = 'kept' WHERE name = 'vault_check'; INSERT INTO settings VALUES ('vault_check', 'v1.00000000.AAAA.AAAA', '')`,
      `DELETE FROM settings WHERE name = 'vault_check'; UPDATE settings SET name = 'vault_check' WHERE name = 'kept'`,
    )
    assert.deepEqual([status, body.checks.vault], [503, 'unhealthy'])
    assert.match(body.issues.join(), /master key does not fit/)
    assert.doesNotMatch(body.issues.join(), /v1\.|00000000/)
  })

  it('is 503 while the database cannot be read', async () => {
    const { status, body } = await whileChanged(
      'PRAGMA legacy_alter_table = ON; ALTER TABLE users RENAME TO away',
      'PRAGMA legacy_alter_table = ON; ALTER TABLE away RENAME TO users',
    )
    assert.deepEqual([status, body.checks.database], [503, 'unhealthy'])
    assert.deepEqual(body.issues, ['The database cannot be read.'])
  })

  it('leaves liveness alone: that the process answers', async () => {
    const { status, body } = await whileChanged(
      'PRAGMA user_version = 3',
      `PRAGMA user_version = ${SCHEMA_VERSION}`,
      '/health/live',
    )
    assert.deepEqual([status, body.status], [200, 'ok'])
  })

  it('is written down as it is: the body of a 503 is the report', async () => {
    const { body } = await steward.anybody().get('/openapi.json')
    for (const path of ['/ready', '/health/ready', '/health/detailed']) {
      const responses = body.paths[path].get.responses
      assert.deepEqual(responses[503].content['application/json'].schema, responses[200].content['application/json'].schema) // prettier-ignore
      assert.equal(responses[503].content['application/json'].example.status, 'unhealthy')
    }
  })
})

describe('health in detail', () => {
  it('is for whoever is signed in, or has a key that reads', async () => {
    refused(await steward.anybody().get('/health/detailed'), 401, 'unauthorized')
    refused(await steward.anybody(await makeKey(steward.owner, ['approve'])).get('/health/detailed'), 403, 'forbidden')
    for (const one of [
      steward.owner,
      await anotherUser(steward),
      steward.anybody(await makeKey(steward.owner, ['read'])),
    ])
      assert.equal((await one.get('/health/detailed')).status, 200)
  })

  it('says what /ready says, with latencies and figures that are there', async () => {
    const { body: plain } = await steward.anybody().get('/ready')
    const { body } = await steward.owner.get('/health/detailed')
    const { status, checks, warnings, issues } = body
    assert.deepEqual({ status, checks, warnings, issues }, plain)
    assert.deepEqual(Object.keys(body.latencies_ms), CHECKS)
    for (const ms of Object.values<number>(body.latencies_ms)) assert.ok(ms >= 0 && ms < 10_000)
    assert.equal(body.versions.node, process.versions.node)
    assert.match(body.versions.sqlite, /^3\.\d+\.\d+$/)
    assert.ok(body.memory.rss_bytes > 10_000_000 && body.memory.heap_used_bytes < body.memory.rss_bytes)
    assert.ok(body.database.size_bytes + body.database.wal_bytes > 10_000)
    assert.ok(body.disk.free_bytes <= body.disk.total_bytes)
    assert.ok(body.event_loop_delay_ms >= 0)
    assert.ok(body.uptime_s >= 0)
    const { items: _items, ...queue } = (await steward.owner.get('/api/queue')).body
    assert.deepEqual(body.queue, queue)
  })
})
