import assert from 'node:assert/strict'
import { chmodSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { before, describe, it } from 'node:test'
import { auditKeysOf } from '../services/audit/keys.ts'
import { FIELDS } from '../services/audit/entry.ts'
import { verifyChain } from '../services/audit/verify.ts'
import { copyOf, masterKeyOf, runVerify, verdictOn } from './peers/audit.ts'
import { withDatabase } from './peers/database.ts'
import { startSteward } from './steward.ts'

/** The folder of a Steward that has ended, and how many entries it left. */
let house: string
let count: number

before(async () => {
  house = mkdtempSync(join(tmpdir(), 'chained-'))
  const steward = await startSteward({ dataDir: house })
  for (let n = 0; n < 20; n++) await steward.owner.post('/api/credentials', { key: `key-${n}`, value: `secret ${n}` })
  assert.deepEqual((await steward.owner.get('/api/audit/verify')).body.ok, true)
  await steward.stop()
  count = withDatabase(house, (db) => db.prepare('SELECT count(*) FROM audit').pluck().get() as number)
})

type Db = Parameters<Parameters<typeof withDatabase>[1]>[0]
const cut = (db: Db) => db.prepare('DELETE FROM audit WHERE id > ?').run(count - 2)
const head = (db: Db, value: object) =>
  db.prepare(`UPDATE settings SET value = ? WHERE name = 'audit_head'`).run(JSON.stringify(value))

/** What is done to the log, and the entry at which it must show. */
const TAMPERING: Record<string, [(db: Db) => void, () => number]> = {
  'an entry that was changed': [(db) => db.exec(`UPDATE audit SET subject = 'else' WHERE id = 5`), () => 5],
  'the newest entry changed': [(db) => db.prepare(`UPDATE audit SET actor = 'me' WHERE id = ?`).run(count), () => count],
  'a mac that was changed': [(db) => db.exec(`UPDATE audit SET mac = 'x' || substr(mac, 2) WHERE id = 5`), () => 5],
  'an entry removed from the middle': [(db) => db.exec('DELETE FROM audit WHERE id = 7'), () => 7],
  'one removed and the rest moved up': [
    (db) => {
      db.exec('DELETE FROM audit WHERE id = 7')
      for (let id = 8; id <= count; id++) db.prepare('UPDATE audit SET id = id - 1 WHERE id = ?').run(id)
    },
    () => 7,
  ],
  'two entries that changed places': [
    (db) => db.exec('UPDATE audit SET id = -1 WHERE id = 4; UPDATE audit SET id = 4 WHERE id = 5; UPDATE audit SET id = 5 WHERE id = -1'),
    () => 4,
  ],
  'all entries moved by one': [
    (db) => {
      for (let id = count; id > 0; id--) db.prepare('UPDATE audit SET id = id + 1 WHERE id = ?').run(id)
    },
    () => 1,
  ],
  'the oldest removed': [(db) => db.exec('DELETE FROM audit WHERE id <= 3'), () => 1],
  'the newest removed': [cut, () => count - 1],
  'the newest removed, and the count of ids with them': [
    (db) => {
      cut(db)
      db.prepare(`UPDATE sqlite_sequence SET seq = ? WHERE name = 'audit'`).run(count - 2)
    },
    () => count - 1,
  ],
  'the newest removed, and another head': [
    (db) => {
      cut(db)
      const mac = db.prepare('SELECT mac FROM audit ORDER BY id DESC').pluck().get()
      head(db, { id: count - 2, mac, seal: mac })
    },
    () => count - 1,
  ],
  'no head any more': [(db) => db.exec(`DELETE FROM settings WHERE name = 'audit_head'`), () => count + 1],
  'a head that is no JSON': [(db) => db.exec(`UPDATE settings SET value = '{' WHERE name = 'audit_head'`), () => count + 1],
  'an entry of somebody else at the end': [
    (db) => {
      const columns = FIELDS.join(', ')
      db.exec(`INSERT INTO audit (${columns}, mac) SELECT ${columns}, mac FROM audit WHERE id = 5`)
    },
    () => count + 1,
  ],
  'an invented checkpoint for the oldest': [
    (db) => {
      const mac = db.prepare('SELECT mac FROM audit WHERE id = 3').pluck().get()
      const words = JSON.stringify({ removed: 3, up_to: 3, mac, older_than: '2026-01-01T00:00:00.000Z' })
      db.exec('DELETE FROM audit WHERE id <= 3')
      db.prepare(`UPDATE audit SET kind = 'checkpoint', arguments = ? WHERE id = 10`).run(words)
    },
    () => 10,
  ],
  'everything removed': [(db) => db.exec('DELETE FROM audit'), () => 1],
} // prettier-ignore

describe('the chain of the audit log', () => {
  it('holds where nothing was touched', async () => {
    assert.deepEqual(await verdictOn(copyOf(house)), { ok: true, entries: count })
    assert.ok(count > 20)
  })

  for (const [what, [tamper, at]] of Object.entries(TAMPERING))
    it(`shows ${what}`, async () => {
      const verdict = await verdictOn(copyOf(house, tamper))
      assert.equal(verdict.ok, false)
      assert.equal(verdict.first_broken, at(), verdict.problem)
    })

  it('covers every field of an entry', async () => {
    for (const field of FIELDS) {
      const copy = copyOf(house, (db) =>
        db.exec(`UPDATE audit SET ${field} = coalesce(${field}, 0) || '1' WHERE id = 6`),
      )
      const verdict = await withDatabaseAsync(copy, (db) =>
        verifyChain(db, auditKeysOf(db, [Buffer.from(masterKeyOf(copy), 'base64')])!),
      )
      assert.deepEqual([field, verdict.first_broken], [field, 6])
    }
  })

  it('stays broken when Steward goes on over a cut tail', async () => {
    const dataDir = copyOf(house, (db) => {
      cut(db)
      db.prepare(`UPDATE sqlite_sequence SET seq = ? WHERE name = 'audit'`).run(count - 2)
    })
    await using steward = await startSteward({ dataDir })
    const { body } = await steward.owner.get('/api/audit/verify')
    assert.deepEqual([body.ok, body.first_broken], [false, count - 1])
    assert.ok((await steward.owner.get('/api/audit')).body.total > count - 2, 'it went on writing')
  })

  it('stays broken when the tail is cut while Steward runs', async () => {
    const dataDir = copyOf(house)
    await using steward = await startSteward({ dataDir })
    withDatabase(dataDir, (db) => {
      db.exec('DELETE FROM audit WHERE id > 10')
      db.exec(
        `UPDATE sqlite_sequence SET seq = 10 WHERE name = 'audit'; DELETE FROM settings WHERE name = 'audit_head'`,
      )
    })
    await steward.owner.post('/api/credentials', { key: 'after', value: 'a later secret' })
    const { body } = await steward.owner.get('/api/audit/verify')
    assert.deepEqual([body.ok, body.first_broken, body.entries], [false, 11, 10])
  })

  it('says so in an entry where there was no head at the start', async () => {
    const dataDir = copyOf(house, (db) => {
      cut(db)
      db.exec(`DELETE FROM settings WHERE name = 'audit_head'`)
    })
    await using steward = await startSteward({ dataDir })
    const [entry] = (await steward.owner.get('/api/audit?kind=audit')).body.entries
    assert.deepEqual([entry.action, entry.actor], ['begins', 'system'])
    assert.match(entry.subject, /nothing says whether there were later ones/)
  })

  it('holds across changes of the master key, with what either key signed', async () => {
    const dataDir = copyOf(house)
    await using steward = await startSteward({ dataDir })
    for (let n = 0; n < 2; n++) {
      assert.equal((await steward.owner.post('/api/credentials/rotate-master-key', {})).status, 200)
      await steward.owner.post('/api/credentials', { key: 'later', value: `secret ${n}` })
      assert.equal((await steward.owner.get('/api/audit/verify')).body.ok, true)
    }
    await steward.stop()
    assert.equal((await verdictOn(dataDir)).ok, true)
    const old = (db: Db) => db.exec(`UPDATE audit SET subject = 'else' WHERE id = 5`)
    assert.equal((await verdictOn(copyOf(dataDir, old))).first_broken, 5)
    const cutToTheOldKey = (db: Db) => {
      const rotated = db
        .prepare(`SELECT id FROM audit WHERE action = 'rotated' ORDER BY id DESC`)
        .pluck()
        .get() as number
      db.prepare('DELETE FROM audit WHERE id > ?').run(rotated)
      return rotated
    }
    let end = 0
    const verdict = await verdictOn(copyOf(dataDir, (db) => void (end = cutToTheOldKey(db))))
    assert.deepEqual([verdict.ok, verdict.first_broken], [false, end + 1])
  })

  it('is for administrators to verify', async () => {
    await using steward = await startSteward({ dataDir: copyOf(house) })
    assert.equal((await steward.anybody().get('/api/audit/verify')).status, 401)
  })
})

describe('npm run audit:verify', () => {
  it('says it in one line, and by how it ends', async () => {
    const whole = await runVerify([house])
    assert.deepEqual([whole.code, whole.stderr], [0, ''])
    assert.equal(whole.stdout, `The audit log is whole: ${count} entries.\n`)
    const broken = await runVerify([copyOf(house, (db) => db.exec('DELETE FROM audit WHERE id = 7'))])
    assert.equal(broken.code, 1)
    assert.match(broken.stdout, /^The audit log is broken at entry 7: Entry 7 is missing; .*\n$/)
  })

  it('takes a database file alone with the key from the environment or a file', async () => {
    const copy = copyOf(house)
    const key = masterKeyOf(copy)
    const alone = join(mkdtempSync(join(tmpdir(), 'alone-')), 'kept.sqlite')
    renameSync(join(copy, 'steward.sqlite'), alone)
    const keyFile = join(copy, 'elsewhere.key')
    writeFileSync(keyFile, `${key}\n`)
    const refused = await runVerify([alone])
    assert.equal(refused.code, 1)
    assert.match(
      refused.stderr,
      /^The audit log could not be verified: No master key at hand fits .*STEWARD_MASTER_KEY.*\n$/,
    )
    for (const env of [{ STEWARD_MASTER_KEY: key }, { STEWARD_MASTER_KEY_FILE: keyFile }, { DATA_DIR: copy }] as Record<
      string,
      string
    >[])
      assert.deepEqual(await runVerify([alone], env), {
        code: 0,
        stdout: `The audit log is whole: ${count} entries.\n`,
        stderr: '',
      })
    const wrong = await runVerify([alone], { STEWARD_MASTER_KEY: Buffer.alloc(32, 7).toString('base64') })
    assert.equal(wrong.code, 1)
  })

  it('looks at DATA_DIR where nothing is named, also while Steward runs', async () => {
    const dataDir = copyOf(house)
    await using steward = await startSteward({ dataDir })
    await steward.owner.post('/api/credentials', { key: 'more', value: 'another secret' })
    const { code, stdout } = await runVerify(['--json'], { DATA_DIR: dataDir })
    assert.equal(code, 0)
    assert.ok(JSON.parse(stdout).entries > count)
  })

  it('reads where it may not write', { skip: process.getuid?.() === 0 && 'root may write anywhere' }, async () => {
    const copy = copyOf(house)
    chmodSync(copy, 0o500)
    assert.equal((await verdictOn(copy)).ok, true)
    chmodSync(copy, 0o700)
  })

  it('says what it lacks', async () => {
    const { code, stderr } = await runVerify(['/nowhere/at/all'])
    assert.equal(code, 1)
    assert.equal(stderr, 'The audit log could not be verified: There is no database at /nowhere/at/all.\n')
    const old = copyOf(house, (db) => db.pragma('user_version = 2'))
    assert.match((await runVerify([old])).stderr, /has the schema 2; this version of Steward reads \d+\.\n$/)
    rmSync(old, { recursive: true })
  })
})

async function withDatabaseAsync<T>(dataDir: string, work: (db: Db) => Promise<T>): Promise<T> {
  const { default: Database } = await import('better-sqlite3')
  const db = new Database(join(dataDir, 'steward.sqlite'))
  try {
    return await work(db)
  } finally {
    db.close()
  }
}
