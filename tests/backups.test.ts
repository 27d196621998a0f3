import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import {
  appendFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import Database from 'better-sqlite3'
import { SCHEMA_VERSION } from '../db/open.ts'
import { createVault } from '../services/vault.ts'
import { newAgent } from './peers/agents.ts'
import { command, type Said } from './peers/commands.ts'
import { withDatabase } from './peers/database.ts'
import { OWNER, startSteward, type Steward } from './steward.ts'

/** Backups by command, while Steward runs and while it does not, and what a restore makes of them. */

const SECRET = 'a-secret-of-the-house'
const KEY_PATH = `/api/credentials/${encodeURIComponent('my:secret')}`
const folders: string[] = []
after(() => folders.forEach((folder) => rmSync(folder, { recursive: true, force: true })))

function folder(): string {
  folders.push(mkdtempSync(join(tmpdir(), 'backups-')))
  return folders.at(-1)!
}

const backup = (dataDir: string, ...args: string[]) => command('backup', args, { DATA_DIR: dataDir }).ended
const restore = (dataDir: string, args: string[], env: Record<string, string> = {}) =>
  command('restore', args, { DATA_DIR: dataDir, ...env }).ended
const backupsOf = (dataDir: string): string[] =>
  readdirSync(join(dataDir, 'backups')).filter((name) => /^\d/.test(name))
const newestOf = (dataDir: string): string => join(dataDir, 'backups', backupsOf(dataDir).sort().at(-1)!)
const manifestOf = (path: string) => JSON.parse(readFileSync(join(path, 'manifest.json'), 'utf8'))

function put(file: string, content: string | Buffer): void {
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, content, { mode: 0o600 })
}

const conversation = randomUUID()

/** A conversation, a credential, an agent, files and the trash. */
async function fill(steward: Steward): Promise<void> {
  const { owner, dataDir } = steward
  await owner.post('/api/credentials', { key: 'my:secret', value: SECRET })
  await newAgent(owner, { name: 'Gardener' })
  const chat = await owner.chat(conversation)
  await chat.ask('Remember the plum tree')
  await chat.close()
  const { id } = (await owner.get('/api/auth/me')).body
  put(join(dataDir, 'files', id, 'letters', 'to aunt.txt'), 'Dear aunt')
  put(join(dataDir, 'files', id, 'photo.bin'), Buffer.alloc(300_000, 3))
  mkdirSync(join(dataDir, 'files', id, 'empty'))
  put(join(dataDir, 'files', '.uploads', 'half'), 'Not arriv')
  put(join(dataDir, 'trash', randomUUID()), 'Dear uncle')
}

/** Everything is there: on a Steward that was started on the folder. */
async function assertAllThere(dataDir: string): Promise<void> {
  const steward = await startSteward({ dataDir })
  try {
    const { owner } = steward
    const { messages } = (await owner.get(`/api/conversations/${conversation}`)).body
    assert.equal(messages[0].content, 'Remember the plum tree')
    await owner.post('/api/auth/confirm', { password: OWNER.password })
    assert.equal((await owner.get(KEY_PATH)).body.value, SECRET)
    assert.deepEqual(
      (await owner.get('/api/agents')).body.map(({ name }: { name: string }) => name),
      ['Gardener'],
    )
    const { id } = (await owner.get('/api/auth/me')).body
    assert.equal(readFileSync(join(dataDir, 'files', id, 'letters', 'to aunt.txt'), 'utf8'), 'Dear aunt')
    assert.ok(existsSync(join(dataDir, 'files', id, 'empty')))
    assert.equal(statSync(join(dataDir, 'files', id, 'photo.bin')).nlink, 1, 'a file of its own')
    assert.equal(readdirSync(join(dataDir, 'trash')).length, 1)
    assert.equal((await owner.get('/api/audit/verify')).body.ok, true)
  } finally {
    await steward.stop()
  }
}

function filesBelow(dir: string): string[] {
  return readdirSync(dir, { recursive: true, encoding: 'utf8' }).map((name) => join(dir, name))
}

describe('a backup', () => {
  let steward: Steward
  let made: Said
  before(async () => {
    steward = await startSteward({ dataDir: folder() })
    await fill(steward)
    made = await backup(steward.dataDir)
  })
  after(() => steward.stop())

  it('is made while Steward runs, and says where it is, where the key is, and that it is useless without', () => {
    assert.equal(made.status, 0, made.complained)
    assert.ok(made.said.includes(newestOf(steward.dataDir)))
    assert.match(made.said, /master key is not in it, and without the key the backup cannot be used/)
    assert.ok(made.said.includes(join(steward.dataDir, 'master.key')))
  })

  it('has a manifest with the schema, the key it needs, the head of the audit log, counts and checksums', () => {
    const manifest = manifestOf(newestOf(steward.dataDir))
    assert.equal(manifest.schema_version, SCHEMA_VERSION)
    assert.match(manifest.master_key_id, /^[0-9a-f]{8}$/)
    const newest = withDatabase(steward.dataDir, (db) => db.prepare('SELECT id, mac FROM audit ORDER BY id DESC').get())
    assert.deepEqual(manifest.audit_head, newest)
    assert.deepEqual([manifest.counts.users, manifest.counts.agents, manifest.counts.credentials], [1, 1, 1])
    const names = manifest.files.map(({ path }: { path: string }) => path.replace(/[0-9a-f-]{36}/, 'ID'))
    assert.deepEqual(names, ['steward.sqlite', 'files/ID/letters/to aunt.txt', 'files/ID/photo.bin', 'trash/ID'])
  })

  it('leaves out uploads that have not arrived whole', () => {
    const paths: string[] = manifestOf(newestOf(steward.dataDir)).files.map(({ path }: { path: string }) => path)
    assert.ok(paths.some((path) => path.endsWith('/photo.bin')))
    assert.deepEqual(
      paths.filter((path) => path.includes('.uploads')),
      [],
    )
  })

  it('holds the key nowhere, and is for its owner alone', () => {
    const key = readFileSync(join(steward.dataDir, 'master.key'))
    const spellings = [key.toString().trim(), Buffer.from(key.toString(), 'base64').toString('latin1')]
    for (const path of filesBelow(newestOf(steward.dataDir))) {
      const stat = statSync(path)
      assert.equal((stat.mode & 0o777).toString(8), stat.isDirectory() ? '700' : '600', path)
      if (!stat.isFile()) continue
      const text = readFileSync(path).toString('latin1')
      for (const spelling of spellings) assert.ok(!text.includes(spelling), path)
    }
  })

  it('shares with the one before what has not changed, and copies what has', async () => {
    const { id } = (await steward.owner.get('/api/auth/me')).body
    put(join(steward.dataDir, 'files', id, 'letters', 'to aunt.txt'), 'Dear aunts')
    const first = newestOf(steward.dataDir)
    assert.equal((await backup(steward.dataDir)).status, 0)
    const second = newestOf(steward.dataDir)
    assert.notEqual(first, second)
    const inode = (place: string, name: string) => statSync(join(place, 'files', id, name)).ino
    assert.equal(inode(first, 'photo.bin'), inode(second, 'photo.bin'))
    assert.notEqual(inode(second, 'photo.bin'), inode(steward.dataDir, 'photo.bin').valueOf())
    assert.equal(readFileSync(join(first, 'files', id, 'letters', 'to aunt.txt'), 'utf8'), 'Dear aunt')
    assert.equal(readFileSync(join(second, 'files', id, 'letters', 'to aunt.txt'), 'utf8'), 'Dear aunts')
    put(join(steward.dataDir, 'files', id, 'letters', 'to aunt.txt'), 'Dear aunt')
  })

  it('speaks JSON to programs', async () => {
    const { said } = await backup(steward.dataDir, '--json')
    const told = JSON.parse(said)
    assert.deepEqual([told.schema_version, told.files, told.counts.users], [SCHEMA_VERSION, 3, 1])
  })
})

describe('a backup under load', () => {
  it('shows one instant: of two tables that are always written together, neither is ahead', async () => {
    const dataDir = folder()
    await using _steward = await startSteward({ dataDir })
    const db = new Database(join(dataDir, 'steward.sqlite'))
    db.exec('CREATE TABLE one (n INTEGER, junk BLOB) STRICT; CREATE TABLE two (n INTEGER, junk BLOB) STRICT')
    const insert = ['one', 'two'].map((table) => db.prepare(`INSERT INTO ${table} VALUES (?, randomblob(4000))`))
    let n = 0
    const write = db.transaction(() => {
      insert.forEach((into) => into.run(n))
      n++
    })
    while (n < 4000) db.transaction(() => { for (let i = 0; i < 500; i++, n++) insert.forEach((into) => into.run(n)) })() // prettier-ignore
    const going = command('backup', [], { DATA_DIR: dataDir })
    let over = false
    void going.ended.then(() => (over = true))
    while (!over) {
      for (let i = 0; i < 20; i++) write()
      await new Promise((resolve) => setImmediate(resolve))
    }
    db.close()
    assert.equal((await going.ended).status, 0)
    const copy = new Database(join(newestOf(dataDir), 'steward.sqlite'), { readonly: true })
    const counts = copy
      .prepare('SELECT (SELECT count(*) FROM one) AS one, (SELECT count(*) FROM two) AS two')
      .get() as any
    assert.deepEqual(copy.pragma('integrity_check'), [{ integrity_check: 'ok' }])
    copy.close()
    assert.equal(counts.one, counts.two)
    assert.ok(counts.one >= 4000 && counts.one < n, `${counts.one} of ${n}`)
    assert.equal(manifestOf(newestOf(dataDir)).counts.one, counts.one)
  })

  it('that is killed at any time leaves no backup behind, and the next one clears away after it', async () => {
    const dataDir = folder()
    await using steward = await startSteward({ dataDir })
    const { id } = (await steward.owner.get('/api/auth/me')).body
    for (let i = 0; i < 300; i++) put(join(dataDir, 'files', id, `${i}.bin`), Buffer.alloc(200_000, i))
    let halves = 0
    for (let wait = 0; wait < 12; wait++) {
      const going = command('backup', [], { DATA_DIR: dataDir })
      await until(() => readdirSync(join(dataDir, 'backups')).some((name) => name.startsWith('.making-')) || going.process.exitCode !== null) // prettier-ignore
      await new Promise((resolve) => setTimeout(resolve, wait * 8))
      going.process.kill('SIGKILL')
      await going.ended
      if (readdirSync(join(dataDir, 'backups')).some((name) => name.startsWith('.making-'))) halves++
      for (const name of backupsOf(dataDir)) rmSync(join(dataDir, 'backups', name), { recursive: true })
    }
    assert.ok(halves > 2, `only ${halves} were caught half-made`)
    assert.equal((await backup(dataDir)).status, 0)
    assert.deepEqual(
      readdirSync(join(dataDir, 'backups')).filter((name) => name.startsWith('.making-')),
      [],
    )
    assert.equal(manifestOf(newestOf(dataDir)).files.length, 301)
  })
})

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 5))
}

describe('a restore', () => {
  let dataDir: string
  let made: string
  before(async () => {
    dataDir = folder()
    const steward = await startSteward({ dataDir })
    await fill(steward)
    assert.equal((await backup(dataDir)).status, 0)
    made = join(folder(), 'copy')
    cpSync(newestOf(dataDir), made, { recursive: true })
    await steward.stop()
  })
  const key = () => readFileSync(join(dataDir, 'master.key'), 'utf8').trim()
  const anotherCopy = (): string => {
    const copy = join(folder(), 'copy')
    cpSync(made, copy, { recursive: true })
    return copy
  }
  async function refused(args: string[], why: RegExp, env: Record<string, string> = {}, target = folder()) {
    const before = existsSync(join(target, 'steward.sqlite'))
    const { status, said, complained } = await restore(target, args, { STEWARD_MASTER_KEY: key(), ...env })
    assert.deepEqual([status, said], [1, ''])
    assert.match(complained, /^Nothing was restored: /)
    assert.match(complained, why)
    assert.equal(existsSync(join(target, 'steward.sqlite')), before)
  }

  it('into an empty folder brings everything back', async () => {
    const target = folder()
    put(join(target, 'master.key'), `${key()}\n`)
    const { status, said, complained } = await restore(target, [made])
    assert.equal(status, 0, complained)
    assert.match(said, /The master key fits/)
    await assertAllThere(target)
  })

  it('stands in the audit log of the house that came out of it, once', async () => {
    const target = folder()
    put(join(target, 'master.key'), `${key()}\n`)
    assert.equal((await restore(target, [made])).status, 0)
    for (let starts = 0; starts < 2; starts++) {
      await using steward = await startSteward({ dataDir: target })
      const { entries } = (await steward.owner.get('/api/audit?kind=backup')).body
      const restored = entries.filter(({ action }: { action: string }) => action === 'restored')
      assert.deepEqual(restored.map(({ subject, actor }: any) => [subject, actor]), [[basename(made), 'system']]) // prettier-ignore
    }
  })

  it('takes a key from the environment, and another data folder by name', async () => {
    const target = join(folder(), 'new')
    const env = { STEWARD_MASTER_KEY: key() }
    assert.equal((await restore(folder(), [made, '--data-dir', target], env)).status, 0)
    assert.ok(existsSync(join(target, 'steward.sqlite')))
  })

  it('is refused where Steward runs', async () => {
    await using steward = await startSteward({ dataDir: folder() })
    const { status, complained } = await restore(steward.dataDir, [made, '--force'])
    assert.equal(status, 1)
    assert.match(complained, /already running/)
  })

  it('is refused where there is data, and with --force moves it aside instead of removing it', async () => {
    await refused([made], /--force: it is moved aside/, {}, dataDir)
    const old = withDatabase(dataDir, (db) => {
      db.exec(`INSERT INTO settings VALUES ('after_the_backup', '1', '2026-11-25T00:00:00.000Z')`)
      return db.prepare('SELECT count(*) FROM settings').pluck().get()
    })
    const { status, said } = await restore(dataDir, ['newest', '--force'])
    assert.equal(status, 0)
    const aside = /is in (\S+before-restore-\S+);/.exec(said)![1]!
    const kept = new Database(join(aside, 'steward.sqlite'), { readonly: true })
    assert.equal(kept.prepare('SELECT count(*) FROM settings').pluck().get(), old)
    kept.close()
    assert.ok(readdirSync(join(aside, 'files')).length > 0)
    await assertAllThere(dataDir)
  })

  it('is refused with a file that was changed, shortened or taken away, before anything is touched', async () => {
    const change: Record<string, (copy: string) => void> = {
      'steward.sqlite': (copy) => {
        const bytes = readFileSync(join(copy, 'steward.sqlite'))
        bytes[bytes.length - 100]! ^= 1
        writeFileSync(join(copy, 'steward.sqlite'), bytes)
      },
      'photo.bin': (copy) =>
        appendFileSync(
          filesBelow(copy).find((path) => path.endsWith('photo.bin'))!,
          'x',
        ),
      'aunt.txt \\(missing\\)': (copy) => rmSync(filesBelow(copy).find((path) => path.endsWith('aunt.txt'))!),
    }
    for (const [named, damage] of Object.entries(change)) {
      const copy = anotherCopy()
      damage(copy)
      await refused([copy], new RegExp(`not as it was written: .*${named}`))
    }
  })

  it('is refused with what is no backup, is half of one, or leads outside', async () => {
    await refused([folder()], /is no backup/)
    for (const change of [
      { format: 2 },
      { files: [] },
      { folders: ['../../etc'] },
      { folders: ['/etc'] },
      { folders: ['files/../..'] },
    ]) {
      // prettier-ignore
      const copy = anotherCopy()
      writeFileSync(join(copy, 'manifest.json'), JSON.stringify({ ...manifestOf(copy), ...change }))
      await refused([copy], /not what a backup of Steward writes/)
    }
    const { status, complained } = await restore(folder(), [])
    assert.equal(status, 2)
    assert.match(complained, /Use: steward restore FROM/)
  })

  it('is refused with one of a newer version', async () => {
    const copy = anotherCopy()
    const newer = { ...manifestOf(copy), schema_version: SCHEMA_VERSION + 1 }
    writeFileSync(join(copy, 'manifest.json'), JSON.stringify(newer))
    await refused([copy], /newer version .* Update Steward first/)
  })

  it('is refused without its key, and says what to do', async () => {
    const other = Buffer.alloc(32, 7).toString('base64')
    await refused([made], /The one at hand is another.*master\.key.*recovery key/, { STEWARD_MASTER_KEY: other })
    await refused([made], /There is none at hand/, { STEWARD_MASTER_KEY: '' })
  })

  it('of an older schema is brought forward at the next start', async () => {
    const [old, target] = [folder(), folder()]
    for (const place of [old, target]) put(join(place, 'master.key'), `${key()}\n`)
    withDatabase(old, (db) => {
      db.exec(readFileSync(join(import.meta.dirname, 'fixtures', 'schema-1.sql'), 'utf8'))
      db.pragma('user_version = 1')
      const check = { table: 'settings', row: 'vault_check', field: 'value' }
      const sealed = createVault(Buffer.from(key(), 'base64')).seal('steward', check)
      db.prepare('INSERT INTO settings VALUES (?, ?, ?)').run(check.row, sealed, '2026-11-01T08:00:00.000Z')
    })
    assert.equal((await backup(old)).status, 0)
    assert.equal(manifestOf(newestOf(old)).schema_version, 1)
    assert.equal((await restore(target, [newestOf(old)])).status, 0)
    assert.equal(
      withDatabase(target, (db) => db.pragma('user_version', { simple: true })),
      1,
    )
    await (await startSteward({ dataDir: target })).stop()
    assert.equal(
      withDatabase(target, (db) => db.pragma('user_version', { simple: true })),
      SCHEMA_VERSION,
    )
  })

  it('that was cut off in the exchange keeps Steward from starting, and is done again', async () => {
    const target = folder()
    put(join(target, 'master.key'), `${key()}\n`)
    put(join(target, 'restore.unfinished'), '')
    put(join(target, 'files', 'left over'), 'from before')
    const env = { DATA_DIR: target, PORT: '0' }
    const { status, complained } = await command('server', [], env).ended
    assert.equal(status, 1)
    assert.match(complained, /was cut off\. Run it again/)
    assert.equal((await restore(target, [made])).status, 0)
    assert.ok(!existsSync(join(target, 'restore.unfinished')))
    await assertAllThere(target)
  })
})
