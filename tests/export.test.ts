import assert from 'node:assert/strict'
import { createHash, randomUUID } from 'node:crypto'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import Database from 'better-sqlite3'
import { EXPORTED, LEFT_OUT } from '../services/export/tables.ts'
import { giveBelongings, MARK } from './peers/belongings.ts'
import { anotherUser, withDatabase } from './peers/database.ts'
import { unzip, type Unzipped } from './peers/unzip.ts'
import { makeKey, OWNER, startSteward, type Client, type Steward } from './steward.ts'

/** What a user takes out: all that is theirs, nothing of others, and no secret. */

const EXPORT = '/api/account/export'
const SECRET = 'planted-in-many-places-4711'

/** Columns whose names sound like secrets and are none. */
const HARMLESS = ['prompts.hash', 'runs.input_tokens', 'runs.output_tokens', 'steps.input_tokens', 'steps.output_tokens', 'usage_days.input_tokens', 'usage_days.output_tokens'] // prettier-ignore

async function take(client: Client): Promise<{ entries: Unzipped[]; text: string; manifest: any }> {
  const answer = await fetch(client.url + EXPORT, { headers: client.headers() })
  assert.equal(answer.status, 200)
  assert.equal(answer.headers.get('content-type'), 'application/zip')
  const entries = await unzip(Buffer.from(await answer.arrayBuffer()))
  const text = entries.map(({ name, content }) => `${name}\n${content.toString('latin1')}`).join('\n')
  return { entries, text, manifest: JSON.parse(entries.at(-1)!.content.toString()) }
}

const rowsIn = (entries: Unzipped[], table: string): any[] =>
  entries
    .find(({ name }) => name === `tables/${table}.ndjson`)!
    .content.toString()
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line))

function schema(): { table: string; columns: string[] }[] {
  const db = new Database(':memory:')
  db.exec(readFileSync(join(import.meta.dirname, '..', 'db', 'schema.sql'), 'utf8'))
  const tables = db.prepare(`SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table' AND name NOT LIKE 'sqlite_%'`).pluck().all() as string[] // prettier-ignore
  return tables.map((table) => ({
    table,
    columns: db.prepare('SELECT name FROM pragma_table_info(?)').pluck().all(table) as string[],
  }))
}

describe('the list of what is exported', () => {
  it('speaks of every table of the schema, once', () => {
    const said = [...Object.keys(EXPORTED), ...Object.keys(LEFT_OUT)].sort()
    const all = schema().map(({ table }) => table).sort() // prettier-ignore
    assert.deepEqual(
      said,
      all,
      'Say in services/export/tables.ts what of a new table belongs to a user, or why none of it.',
    )
  })

  it('leaves out every column that sounds like a secret, and names none that is not there', () => {
    for (const { table, columns } of schema()) {
      const without = EXPORTED[table]?.without ?? []
      assert.deepEqual(without.filter((name) => !columns.includes(name)), [], table) // prettier-ignore
      if (!EXPORTED[table]) continue
      const risky = columns.filter((name) => /seal|hash|secret|passw|token|public_key|session|cookie/.test(name))
      const open = risky.filter((name) => !without.includes(name) && !HARMLESS.includes(`${table}.${name}`))
      assert.deepEqual(open, [], `${table}: leave it out in services/export/tables.ts, or say here that it is harmless`)
    }
  })
})

describe('an export', () => {
  let steward: Steward
  let taken: Awaited<ReturnType<typeof take>>
  let other: Client
  const found: Record<string, string> = { credential: SECRET, password: OWNER.password }

  before(async () => {
    steward = await startSteward()
    const { owner } = steward
    await owner.post('/api/credentials', { key: 'my:secret', value: SECRET, description: `It is ${SECRET}` })
    const things = await giveBelongings(steward)
    found.key = await makeKey(owner, ['read'])
    found.cookie = decodeURIComponent(owner.cookie.split('=')[1]!)
    found.webhook = (
      await owner.post('/api/webhook-targets', { name: 'mine', url: 'https://example.org/h' })
    ).body.secret
    found['master key'] = readFileSync(join(steward.dataDir, 'master.key'), 'utf8').trim()
    withDatabase(steward.dataDir, (db) => {
      found.hash = db.prepare('SELECT password_hash FROM users').pluck().get() as string
      found['key hash'] = db.prepare('SELECT key_hash FROM api_keys').pluck().get() as string
      found['session hash'] = db.prepare('SELECT id FROM http_sessions').pluck().get() as string
      db.prepare('UPDATE runs SET answer = ? WHERE number = 1').run(`It was ${SECRET}`)
    })
    assert.ok(things['/api/agents/{id}'])
    const { id } = (await owner.get('/api/auth/me')).body
    const file = join(steward.dataDir, 'files', id, 'letters', 'aunt.txt')
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, `Dear aunt, the ${MARK}`)
    other = await anotherUser(steward)
    taken = await take(owner)
  })
  after(() => steward[Symbol.asyncDispose]())

  it('holds all that is the user’s: rows, attachments and files', () => {
    const { entries } = taken
    assert.deepEqual(rowsIn(entries, 'users').map(({ username, role }) => [username, role]), [['anna', 'admin']]) // prettier-ignore
    for (const table of [
      'agents',
      'tasks',
      'personalities',
      'runs',
      'steps',
      'events',
      'approvals',
      'trash',
      'webhook_targets',
      'credentials',
      'audit',
    ])
      // prettier-ignore
      assert.ok(rowsIn(entries, table).length > 0, table)
    const attachment = entries.find(({ name }) => name.startsWith('attachments/'))!
    assert.equal(attachment.content.toString(), MARK)
    const letter = entries.find(({ name }) => name === 'files/letters/aunt.txt')!
    assert.equal(letter.content.toString(), `Dear aunt, the ${MARK}`)
  })

  it('has a manifest at its end that says what is in it, with checksums and counts that are true', () => {
    const { entries, manifest } = taken
    assert.equal(entries.at(-1)!.name, 'manifest.json')
    assert.deepEqual(Object.keys(manifest), ['format', 'app_version', 'schema_version', 'created_at', 'user', 'entries', 'left_out']) // prettier-ignore
    const files = entries.slice(0, -1).filter(({ name }) => !name.endsWith('/'))
    assert.deepEqual(manifest.entries.map(({ name }: any) => name), files.map(({ name }) => name)) // prettier-ignore
    for (const [at, { content, name }] of files.entries()) {
      const told = manifest.entries[at]
      assert.equal(told.sha256, createHash('sha256').update(content).digest('hex'), name)
      assert.equal(told.bytes, content.length, name)
      if (name.startsWith('tables/')) assert.equal(told.rows, content.toString().split('\n').length - 1, name)
    }
  })

  it('holds no secret, in whatever form', () => {
    for (const [name, secret] of Object.entries(found))
      for (const form of [
        secret,
        Buffer.from(secret).toString('hex'),
        Buffer.from(secret).toString('base64').slice(0, -4),
      ])
        // prettier-ignore
        assert.ok(!taken.text.includes(form), name)
    assert.doesNotMatch(taken.text, /v1\.[0-9a-f]{8}\.[\w-]{16}\.|\$argon2/)
    assert.match(taken.text, /It was \[.*my:secret\]/)
  })

  it('of another user has nothing of the owner’s, nor of the house', async () => {
    const { entries, text } = await take(other)
    const { id } = (await steward.owner.get('/api/auth/me')).body
    assert.ok(!text.includes(MARK))
    assert.ok(!text.includes(id))
    assert.equal(rowsIn(entries, 'users').length, 1)
    assert.ok(!entries.some(({ name }) => /\/settings|credentials|whitelist|files\/letters/.test(name)))
  })

  it('is on the audit log, and a key that may read gets it too', async () => {
    const key = await makeKey(steward.owner, ['read'])
    assert.ok((await take(steward.anybody(key))).entries.length > 20)
    const { entries } = (await steward.owner.get('/api/audit?kind=account')).body
    assert.equal(entries[0].action, 'exported')
  })

  it('needs the password of the last five minutes on the page', async () => {
    withDatabase(steward.dataDir, (db) => db.exec(`UPDATE http_sessions SET data = json_remove(data, '$.confirmedAt')`))
    const { status, body } = await steward.owner.get(EXPORT)
    assert.deepEqual([status, body.code], [403, 'password_required'])
    await steward.owner.post('/api/auth/confirm', { password: OWNER.password })
    await take(steward.owner)
  })

  it('shows one instant, goes one at a time, and lets go of everything when its reader goes away', async () => {
    const key = await makeKey(steward.owner, ['read'])
    const { id } = (await steward.owner.get('/api/auth/me')).body
    withDatabase(steward.dataDir, (db) => {
      const note = db.prepare(`INSERT INTO notifications (id, user_id, kind, title, text, created_at) VALUES (?, ?, 'result', 't', hex(randomblob(1000)), '2026-11-25T00:00:00.000Z')`) // prettier-ignore
      db.transaction(() => { for (let n = 0; n < 20_000; n++) note.run(randomUUID(), id) })() // prettier-ignore
    })
    const gone = new AbortController()
    const slow = await fetch(steward.url + EXPORT, { headers: { 'x-api-key': key }, signal: gone.signal })
    await slow.body!.getReader().read()
    assert.equal((await steward.anybody(key).get(EXPORT)).status, 409)
    gone.abort()
    let status = 409
    for (let tries = 0; status === 409 && tries < 200; tries++) {
      await new Promise((resolve) => setTimeout(resolve, 25))
      const again = await fetch(steward.url + EXPORT, { headers: { 'x-api-key': key } })
      await again.arrayBuffer()
      status = again.status
    }
    assert.equal(status, 200)
    const mode = withDatabase(steward.dataDir, (db) => db.pragma('wal_checkpoint(TRUNCATE)') as { busy: number }[])
    assert.equal(mode[0]!.busy, 0, 'no snapshot is held open')
  })
})
