import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import {
  cpSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { before, describe, it } from 'node:test'
import { openDb } from '../db/open.ts'
import { openVault } from '../services/master-key.ts'
import { withDatabase as at } from './peers/database.ts'
import { makeKey, OWNER, startSteward, type Steward } from './steward.ts'

/** The master key is changed while Steward runs, by command, and across a crash at any instant. */

const ROOT = join(import.meta.dirname, '..')
const SECRET = 'planted-before-the-rotation'
const KEY = 'my:secret'
const PATH = `/api/credentials/${encodeURIComponent(KEY)}`
const ROTATE = '/api/credentials/rotate-master-key'

const keyFileOf = (dir: string): string => readFileSync(join(dir, 'master.key'), 'utf8').trim()

function command(dataDir: string, env: Record<string, string> = {}) {
  const cwd = mkdtempSync(join(tmpdir(), 'cwd-'))
  const all = { PATH: process.env.PATH ?? '', DATA_DIR: dataDir, ...env }
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(ROOT, 'dist', 'cli.js'), 'rotate-key'], {
    cwd,
    env: all,
  })
  return { status, said: String(stdout), complained: String(stderr) }
}

/** A data folder with a credential and a webhook target, and nobody on it. */
async function folder(env: Record<string, string> = {}): Promise<string> {
  const dataDir = mkdtempSync(join(tmpdir(), 'steward-'))
  const steward = await startSteward({ dataDir, env })
  await fill(steward)
  await steward.stop()
  return dataDir
}

async function fill({ owner }: Pick<Steward, 'owner'>): Promise<void> {
  assert.equal((await owner.post('/api/credentials', { key: KEY, value: SECRET })).status, 200)
  const target = { name: 'home', url: 'https://hooks.example.org/1' }
  assert.equal((await owner.post('/api/webhook-targets', target)).status, 201)
}

/** Every sealed value of a data folder by the id of the key it is under. */
function sealedUnder(dataDir: string): string[] {
  return at(dataDir, (db) => {
    const tables = db.prepare<[], { name: string }>(`SELECT name FROM sqlite_schema WHERE type = 'table'`).all()
    const texts = tables.flatMap(({ name }) =>
      db.prepare<[], Record<string, unknown>>(`SELECT * FROM "${name}"`).all().flatMap(Object.values),
    )
    return texts.flatMap((text) => /^v1\.([0-9a-f]{8})\.[\w-]{16}\./.exec(String(text))?.[1] ?? [])
  })
}

describe('rotating the master key while Steward runs', () => {
  it('seals everything anew, gives out the new key once, signs everybody else out, and goes on', async () => {
    await using steward = await startSteward()
    await fill(steward)
    const other = steward.anybody()
    await other.post('/api/auth/login', OWNER)
    const old = keyFileOf(steward.dataDir)
    const [oldId] = sealedUnder(steward.dataDir)

    const answer = await steward.owner.post(ROTATE)
    assert.equal(answer.status, 200, answer.text)
    assert.equal(answer.headers.get('cache-control'), 'no-store')
    const { recovery_key, resealed, unreadable, note } = answer.body
    assert.deepEqual([resealed, unreadable], [2, 0])
    assert.match(note, /Backups made before now need the old one/)
    assert.notEqual(recovery_key, old)
    assert.equal(keyFileOf(steward.dataDir), recovery_key)
    assert.equal(statSync(join(steward.dataDir, 'master.key')).mode & 0o777, 0o600)
    assert.deepEqual(
      readdirSync(steward.dataDir).filter((name) => name.startsWith('master.key')),
      ['master.key'],
    )

    const ids = new Set(sealedUnder(steward.dataDir))
    assert.equal(ids.size, 1)
    assert.ok(!ids.has(oldId!))
    assert.equal((await steward.owner.get(PATH)).body.value, SECRET)
    assert.equal((await other.get('/api/auth/me')).status, 401)
    const audit = (await steward.owner.get('/api/audit')).text
    assert.match(audit, /"action":"rotated","subject":"master key"/)
    assert.ok(!audit.includes(recovery_key))
  })

  it('survives a restart, and a second rotation', async () => {
    const dataDir = mkdtempSync(join(tmpdir(), 'steward-'))
    for (const round of [1, 2]) {
      await using steward = await startSteward({ dataDir })
      if (round === 1) await fill(steward)
      assert.equal((await steward.owner.get(PATH)).body.value, SECRET)
      assert.equal((await steward.owner.post(ROTATE)).status, 200)
    }
    await using steward = await startSteward({ dataDir })
    assert.equal((await steward.owner.get(PATH)).body.value, SECRET)
  })

  it('is for a signed-in administrator who gave the password again', async () => {
    await using steward = await startSteward()
    assert.equal((await steward.anybody().post(ROTATE)).status, 401)
    const key = await makeKey(steward.owner, ['admin'])
    assert.equal((await steward.anybody(key).post(ROTATE)).status, 403)
    at(steward.dataDir, (db) => db.exec(`UPDATE http_sessions SET data = json_remove(data, '$.confirmedAt')`))
    const refused = await steward.owner.post(ROTATE)
    assert.deepEqual([refused.status, refused.body.code], [403, 'password_required'])
  })

  it('is refused with the way to go where the key comes from the environment', async () => {
    const env = { STEWARD_MASTER_KEY: randomBytes(32).toString('base64') }
    await using steward = await startSteward({ env })
    const { status, body } = await steward.owner.post(ROTATE)
    assert.deepEqual([status, body.code], [409, 'conflict'])
    assert.match(body.error, /NEW_STEWARD_MASTER_KEY/)
  })

  it('leaves a value that cannot be opened as it is, and says so', async () => {
    await using steward = await startSteward()
    await fill(steward)
    at(steward.dataDir, (db) => db.exec(`UPDATE webhook_targets SET sealed = 'v1.00000000.AAAAAAAAAAAAAAAA.AAAA'`))
    const { body } = await steward.owner.post(ROTATE)
    assert.deepEqual([body.resealed, body.unreadable], [1, 1])
    assert.equal((await steward.owner.get(PATH)).body.value, SECRET)
  })
})

describe('npm run rotate-key', () => {
  it('changes the key file of a folder on which nobody runs', async () => {
    const dataDir = await folder()
    const { status, said } = command(dataDir)
    assert.equal(status, 0)
    assert.match(said, /2 sealed values/)
    assert.ok(said.includes(keyFileOf(dataDir)))
    await using steward = await startSteward({ dataDir })
    assert.equal((await steward.owner.get(PATH)).body.value, SECRET)
  })

  it('refuses a folder on which Steward runs', async () => {
    await using steward = await startSteward()
    const old = keyFileOf(steward.dataDir)
    const { status, complained } = command(steward.dataDir)
    assert.equal(status, 1)
    assert.match(complained, /Another Steward is already running/)
    assert.equal(keyFileOf(steward.dataDir), old)
  })

  it('changes a key of the environment to the one that is given, and refuses without it', async () => {
    const [STEWARD_MASTER_KEY, NEW_STEWARD_MASTER_KEY] = [1, 2].map(() => randomBytes(32).toString('base64')) as [
      string,
      string,
    ]
    const dataDir = await folder({ STEWARD_MASTER_KEY })
    assert.match(command(dataDir, { STEWARD_MASTER_KEY }).complained, /NEW_STEWARD_MASTER_KEY/)
    const { status, said } = command(dataDir, { STEWARD_MASTER_KEY, NEW_STEWARD_MASTER_KEY })
    assert.equal(status, 0)
    assert.ok(!said.includes(NEW_STEWARD_MASTER_KEY))
    await assert.rejects(startSteward({ dataDir, env: { STEWARD_MASTER_KEY } }), /does not fit/)
    await using steward = await startSteward({ dataDir, env: { STEWARD_MASTER_KEY: NEW_STEWARD_MASTER_KEY } })
    assert.equal((await steward.owner.get(PATH)).body.value, SECRET)
    assert.ok(!existsSync(join(dataDir, 'master.key')))
  })
})

describe('a crash in the middle of a rotation', () => {
  let before1: string
  let after1: string
  before(async () => {
    before1 = await folder()
    after1 = copyOf(before1)
    assert.equal(command(after1).status, 0)
  })

  const copyOf = (dir: string): string => {
    const copy = mkdtempSync(join(tmpdir(), 'steward-'))
    cpSync(dir, copy, { recursive: true })
    return copy
  }

  /** The folder as a crash leaves it: whose database, and which key files lie there. */
  const instants: Record<string, (dir: string) => void> = {
    'while the new key is written': (dir) => writeFileSync(join(dir, 'master.key.new.part'), 'half a k'),
    'before the transaction': (dir) => cpSync(join(after1, 'master.key'), join(dir, 'master.key.new')),
    'after the transaction, before the new key has its place': (dir) => {
      cpSync(join(after1, 'steward.sqlite'), join(dir, 'steward.sqlite'))
      cpSync(join(after1, 'master.key'), join(dir, 'master.key.new'))
    },
    'after everything': (dir) => {
      cpSync(join(after1, 'steward.sqlite'), join(dir, 'steward.sqlite'))
      cpSync(join(after1, 'master.key'), join(dir, 'master.key.new'))
      renameSync(join(dir, 'master.key.new'), join(dir, 'master.key'))
    },
  }

  for (const [when, leave] of Object.entries(instants)) {
    it(`${when} leaves a folder that opens, and one key`, async () => {
      const dataDir = copyOf(before1)
      leave(dataDir)
      await using steward = await startSteward({ dataDir })
      assert.equal((await steward.owner.get(PATH)).body.value, SECRET)
      const left = readdirSync(dataDir).filter((name) => name.startsWith('master.key') && !name.endsWith('.part'))
      assert.deepEqual(left, ['master.key'])
    })
  }

  it('never takes a key that does not fit', () => {
    const dataDir = copyOf(before1)
    writeFileSync(join(dataDir, 'master.key.new'), randomBytes(32).toString('base64'))
    const old = keyFileOf(dataDir)
    const db = openDb(join(dataDir, 'steward.sqlite'), { schemaDir: join(ROOT, 'db'), backupDir: tmpdir() })
    assert.equal(openVault({ db, dataDir, fromEnvironment: undefined }).recoveryKey(), old)
    db.close()
  })

  it('keeps the keys that verify what was signed before', () => {
    const vaultOf = (dataDir: string) => {
      const db = openDb(join(dataDir, 'steward.sqlite'), { schemaDir: join(ROOT, 'db'), backupDir: tmpdir() })
      const vault = openVault({ db, dataDir, fromEnvironment: undefined })
      db.close()
      return vault
    }
    const [old, present] = [vaultOf(copyOf(before1)), vaultOf(copyOf(after1))]
    assert.deepEqual(present.deriveAll('audit'), [present.derive('audit'), old.derive('audit')])
    assert.deepEqual(present.deriveAll('session'), [present.derive('session')])
  })
})
