import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import Database from 'better-sqlite3'
import { createVault } from '../services/vault.ts'
import { makeKey, OWNER, startSteward, type Steward } from './steward.ts'

const SECRET = 'sk-planted-7f3a9c2e51d84b60'
const KEY = 'system:anthropic_api_key'
const PLACE = { table: 'credentials', row: 'a', field: 'value' }

describe('the vault', () => {
  const vault = createVault(randomBytes(32))

  it('opens what it sealed, in the same place only', () => {
    const sealed = vault.seal('värde 🔑', PLACE)
    assert.match(sealed, /^v1\.[0-9a-f]{8}\.[\w-]{16}\.[\w-]+$/)
    assert.equal(vault.open(sealed, PLACE), 'värde 🔑')
    for (const other of [
      { ...PLACE, row: 'b' },
      { ...PLACE, table: 'settings' },
      { ...PLACE, field: 'note' },
    ]) {
      assert.throws(() => vault.open(sealed, other))
    }
  })

  it('never seals twice alike, and notices every changed byte and every other key', () => {
    const sealed = vault.seal('value', PLACE)
    assert.notEqual(vault.seal('value', PLACE), sealed)
    const [version, id, nonce, data] = sealed.split('.')
    const bytes = Buffer.from(data!, 'base64url')
    for (let index = 0; index < bytes.length; index++) {
      const changed = Buffer.from(bytes)
      changed[index]! ^= 1
      assert.throws(() => vault.open([version, id, nonce, changed.toString('base64url')].join('.'), PLACE))
    }
    assert.throws(() => createVault(randomBytes(32)).open(sealed, PLACE))
  })

  it('derives a key of its own for each purpose', () => {
    assert.notDeepEqual(vault.derive('session'), vault.derive('audit'))
    assert.deepEqual(vault.derive('session'), vault.derive('session'))
  })
})

describe('credentials', () => {
  let steward: Steward
  before(
    async () =>
      void (steward = await startSteward({ env: { LOG_LEVEL: 'trace', ANTHROPIC_BASE_URL: 'http://127.0.0.1:9' } })),
  )
  after(() => steward[Symbol.asyncDispose]())

  it('are listed without their values', async () => {
    assert.deepEqual(
      (await steward.owner.post('/api/credentials', { key: KEY, value: SECRET, description: 'Claude' })).body,
      { ok: true },
    )
    const { body, text } = await steward.owner.get('/api/credentials')
    assert.deepEqual(
      body.map((entry: object) => ({ ...entry, updated_at: '' })),
      [{ key: KEY, description: 'Claude', updated_at: '' }],
    )
    assert.ok(!text.includes(SECRET))
  })

  it('are shown one by one, only after the password was given again', async () => {
    const browser = steward.anybody()
    await browser.post('/api/auth/login', OWNER)
    const path = `/api/credentials/${encodeURIComponent(KEY)}`
    assert.deepEqual((await browser.get(path)).body, { key: KEY, value: SECRET, description: 'Claude' })
    letMinutesPass(steward)
    const refused = await browser.get(path)
    assert.deepEqual([refused.status, refused.body.code], [403, 'password_required'])
    assert.equal((await browser.post('/api/auth/confirm', { password: 'wrong password' })).status, 401)
    assert.equal((await browser.get(path)).status, 403)
    assert.equal((await browser.post('/api/auth/confirm', { password: OWNER.password })).status, 200)
    assert.equal((await browser.get(path)).status, 200)
    await steward.owner.post('/api/auth/confirm', { password: OWNER.password })
  })

  it('are shown to an API key with the scope admin and to no other', async () => {
    const path = `/api/credentials/${encodeURIComponent(KEY)}`
    assert.equal((await steward.anybody(await makeKey(steward.owner, ['admin'])).get(path)).body.value, SECRET)
    assert.equal((await steward.anybody(await makeKey(steward.owner, ['run', 'approve'])).get(path)).status, 403)
    assert.equal((await steward.anybody().get(path)).status, 401)
  })

  it('may have any name, are replaced and removed, and keep their description', async () => {
    const name = 'my/own.key:1@home'
    const path = `/api/credentials/${encodeURIComponent(name)}`
    assert.equal(
      (await steward.owner.post('/api/credentials', { key: name, value: 'one', description: 'Mine' })).status,
      200,
    )
    assert.equal((await steward.owner.post('/api/credentials', { key: name, value: 'two' })).status, 200)
    assert.deepEqual((await steward.owner.get(path)).body, { key: name, value: 'two', description: 'Mine' })
    assert.equal((await steward.owner.delete(path)).status, 200)
    assert.equal((await steward.owner.get(path)).status, 404)
    assert.equal((await steward.owner.delete(path)).status, 404)
    for (const bad of [{ key: '', value: 'x' }, { key: 'a', value: '' }, { key: 'a b', value: 'x' }, { key: 'a' }]) {
      assert.equal((await steward.owner.post('/api/credentials', bad)).status, 400)
    }
  })

  it('are in no file, no list, no event, no error and no log', async () => {
    const chat = await steward.owner.chat(crypto.randomUUID())
    await chat.ask('hello', { model: KEY.replace('system:', '').replace('_api_key', ':claude-sonnet-5-5') })
    await chat.close()
    const answers = await Promise.all(
      ['/api/credentials', '/api/audit?per_page=200', '/api/models', '/health/ready', '/api/conversations'].map(
        (path) => steward.owner.get(path),
      ),
    )
    for (const { text } of answers) assert.ok(!text.includes(SECRET))
    assert.ok(!JSON.stringify(chat.frames).includes(SECRET))
    assert.ok(!steward.output().includes(SECRET))
    for (const file of files(steward.dataDir)) assert.ok(!readFileSync(file).includes(SECRET), file)
  })

  it('are masked where a tool brings them back', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'leak-'))
    const { writeFileSync } = await import('node:fs')
    writeFileSync(join(folder, 'leak.txt'), `the key is ${SECRET}!`)
    await steward.owner.post('/api/filesystem-whitelist', { path: folder })
    const chat = await steward.owner.chat(crypto.randomUUID())
    const done = await chat.ask(`/filesystem.read_file path=${folder}/leak.txt`, { model: 'rehearsal:offline' })
    await chat.close()
    assert.match(done.text, /the key is \[system:anthropic_api_key\]!/)
    assert.ok(!JSON.stringify(chat.frames).includes(SECRET))
  })
})

describe('keys from the environment', () => {
  it('are copied once, and never over what the owner set', async () => {
    const dataDir = mkdtempSync(join(tmpdir(), 'keys-'))
    const value = async (steward: Steward) =>
      (await steward.owner.get(`/api/credentials/${encodeURIComponent('system:openai_api_key')}`)).body.value
    const env = { OPENAI_API_KEY: 'from-environment-1', OPENAI_BASE_URL: 'http://127.0.0.1:9' }
    const first = await startSteward({ dataDir, env })
    assert.equal(await value(first), 'from-environment-1')
    await first.owner.post('/api/credentials', { key: 'system:openai_api_key', value: 'from-the-page' })
    await first.stop()
    const second = await startSteward({ dataDir, env })
    assert.equal(await value(second), 'from-the-page')
    await second.stop()
    rmSync(dataDir, { recursive: true, force: true })
  })
})

/** As if six minutes had passed since any session gave its password. */
function letMinutesPass({ dataDir }: Steward): void {
  const db = new Database(join(dataDir, 'steward.sqlite'), { timeout: 5000 })
  db.exec(
    `UPDATE http_sessions SET data = json_set(data, '$.confirmedAt', json_extract(data, '$.confirmedAt') - 360000)`,
  )
  db.close()
}

function files(dir: string): string[] {
  return readdirSync(dir, { recursive: true })
    .map((name) => join(dir, String(name)))
    .filter((path) => statSync(path).isFile())
}
