import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import Database from 'better-sqlite3'
import type { Client } from './steward.ts'
import { makeKey, OWNER, startSteward, type Answer, type Steward } from './steward.ts'

/** Who may come in, how, and what they may do then. */

const KEY = /^stw_[A-Za-z0-9]{8}_[A-Za-z0-9_-]{43}$/
let addresses = 0
/** A caller from an address that nobody else here has, so that their failures are counted apart. */
const from = (address = `203.0.113.${++addresses}`) => ({ headers: { 'x-forwarded-for': address } })

function refused(answer: Answer, status: number, code: string): void {
  assert.deepEqual([answer.status, answer.body.code], [status, code], answer.text)
  assert.equal(typeof answer.body.error, 'string')
}

function database<T>(steward: Steward, use: (db: Database.Database) => T): T {
  const db = new Database(join(steward.dataDir, 'steward.sqlite'), { timeout: 5000 })
  try {
    return use(db)
  } finally {
    db.close()
  }
}

/** A user without the role admin, with the owner's password: there is no route for that yet. */
function addUser(steward: Steward, username: string): string {
  const id = randomUUID()
  database(steward, (db) =>
    db
      .prepare(
        `INSERT INTO users (id, username, password_hash, role, created_at, updated_at)
         SELECT ?, ?, password_hash, 'user', created_at, updated_at FROM users LIMIT 1`,
      )
      .run(id, username),
  )
  return id
}

async function signIn(steward: Steward, username = OWNER.username): Promise<Client> {
  const client = steward.anybody()
  const answer = await client.post('/api/auth/login', { username, password: OWNER.password }, from())
  assert.equal(answer.status, 200, answer.text)
  return client
}

/** A request whose Host can be chosen, which fetch does not allow. */
function as(host: string, steward: Steward, path = '/api/setup'): Promise<{ status: number; body: any }> {
  const { port } = new URL(steward.url)
  return new Promise((resolve, reject) => {
    const call = request({ host: '127.0.0.1', port, path, headers: { host } }, (response) => {
      let text = ''
      response.on('data', (chunk) => (text += String(chunk)))
      response.on('end', () => resolve({ status: response.statusCode!, body: JSON.parse(text) }))
    })
    call.on('error', reject).end()
  })
}

describe('set-up', () => {
  let steward: Steward
  let token: string

  before(async () => {
    steward = await startSteward({ setUp: false, env: { TRUST_PROXY: 'loopback' } })
    token = readFileSync(join(steward.dataDir, 'setup-token'), 'utf8').trim()
  })
  after(() => steward[Symbol.asyncDispose]())

  const setUp = (body: object, options = from()) => steward.anybody().post('/api/setup', body, options)

  it('is needed at first, and everything else under /api waits for it', async () => {
    assert.deepEqual((await steward.owner.get('/api/setup')).body, { needed: true })
    const { paths } = JSON.parse((await steward.owner.get('/openapi.json')).text)
    for (const [path, operations] of Object.entries<object>(paths)) {
      if (!path.startsWith('/api/') || path === '/api/setup') continue
      for (const method of Object.keys(operations)) {
        const body = method === 'get' ? undefined : {}
        const answer = await steward.owner.request(method.toUpperCase(), path.replaceAll(/\{\w+\}/g, 'x'), body)
        assert.deepEqual([answer.status, answer.body.code], [403, 'setup_required'], `${method} ${path}`)
      }
    }
  })

  it('refuses a wrong token, an empty one and the right one with a letter more', async () => {
    for (const wrong of ['wrong', `${token}x`, token.slice(1)])
      refused(await setUp({ ...OWNER, token: wrong }), 403, 'forbidden')
    refused(await setUp({ ...OWNER, token: '' }), 400, 'invalid')
  })

  it('names what is wrong with a short password, a name with spaces and an unknown field', async () => {
    const short = await setUp({ token, username: 'anna', password: 'too short' })
    refused(short, 400, 'invalid')
    assert.deepEqual(short.body.detail, [{ path: 'password', message: 'at least 10 characters' }])
    const emoji = await setUp({ token, username: 'anna', password: '🔑🔑🔑🔑🔑' })
    assert.deepEqual(emoji.body.detail, [{ path: 'password', message: 'at least 10 characters' }])
    assert.equal((await setUp({ ...OWNER, token, username: 'an na' })).body.detail[0].path, 'username')
    assert.equal((await setUp({ ...OWNER, token, role: 'admin' })).body.detail[0].path, 'role')
    assert.deepEqual((await steward.owner.get('/api/setup')).body, { needed: true })
  })

  it('slows down who guesses at the token, and nobody else', async () => {
    const guesser = from()
    for (let n = 0; n < 5; n++) refused(await setUp({ ...OWNER, token: 'guess' }, guesser), 403, 'forbidden')
    const slowed = await setUp({ ...OWNER, token }, guesser)
    refused(slowed, 429, 'rate_limited')
    assert.ok(Number(slowed.headers.get('retry-after')) > 0)
  })

  it('makes one owner out of two who ask at once, signs them in and burns the token', async () => {
    const clients = [steward.anybody(), steward.anybody()]
    const answers = await Promise.all(clients.map((client) => client.post('/api/setup', { ...OWNER, token }, from())))
    assert.deepEqual(answers.map(({ status }) => status).sort(), [201, 409])
    const winner = clients[answers.findIndex(({ status }) => status === 201)]!
    assert.deepEqual(answers.find(({ status }) => status === 201)!.body, { ok: true })
    const { body } = await winner.get('/api/auth/me')
    assert.deepEqual([body.username, body.role, body.mfa_enabled], ['anna', 'admin', false])
    refused(await setUp({ ...OWNER, token }), 409, 'conflict')
    refused(await setUp({ ...OWNER, token: 'wrong' }), 409, 'conflict')
    assert.deepEqual((await winner.get('/api/setup')).body, { needed: false })
    assert.throws(() => readFileSync(join(steward.dataDir, 'setup-token')), { code: 'ENOENT' })
  })
})

describe('signing in', () => {
  let steward: Steward
  before(async () => {
    steward = await startSteward({ env: { TRUST_PROXY: 'loopback' } })
  })
  after(() => steward[Symbol.asyncDispose]())

  const attempt = (body: object, options = from(), client = steward.anybody()) =>
    client.post('/api/auth/login', body, options)

  it('answers with the user, whatever the case of the name', async () => {
    const { status, body } = await attempt({ username: 'ANNA', password: OWNER.password })
    assert.equal(status, 200)
    assert.deepEqual(Object.keys(body), ['ok', 'user'])
    assert.deepEqual(
      { ...body.user, id: '' },
      { id: '', username: 'anna', role: 'admin', mfa_enabled: false, email: null },
    )
  })

  it('gives the same answer, after the same time, for a wrong password and for an unknown name', async () => {
    const timed = async (username: string) => {
      const started = performance.now()
      const answer = await attempt({ username, password: 'not the right one' })
      refused(answer, 401, 'invalid_credentials')
      return { text: answer.text, ms: performance.now() - started }
    }
    const known = []
    const unknown = []
    for (let n = 0; n < 5; n++) {
      known.push(await timed('anna'))
      unknown.push(await timed(`nobody-${n}`))
    }
    assert.equal(new Set([...known, ...unknown].map(({ text }) => text)).size, 1)
    const fastest = (list: { ms: number }[]) => Math.min(...list.map(({ ms }) => ms))
    const ratio = fastest(unknown) / fastest(known)
    assert.ok(ratio > 0.5 && ratio < 2, `the times differ ${ratio} times`)
  })

  it('starts a fresh session id: one planted before is worth nothing, and the old one has ended', async () => {
    const planted = `steward_session=s%3A${'A'.repeat(32)}.${'B'.repeat(43)}`
    const victim = steward.anybody()
    victim.cookie = planted
    await attempt(OWNER, from(), victim)
    assert.notEqual(victim.cookie, planted)
    const first = victim.cookie
    await attempt(OWNER, from(), victim)
    assert.notEqual(victim.cookie, first)
    for (const cookie of [planted, first]) {
      const other = steward.anybody()
      other.cookie = cookie
      refused(await other.get('/api/auth/me'), 401, 'unauthorized')
    }
    assert.equal((await victim.get('/api/auth/me')).status, 200)
  })

  it('sets a cookie that scripts and other sites do not get, for 30 days from each use', async () => {
    const client = steward.anybody()
    const { headers } = await attempt(OWNER, from(), client)
    const rolled = await client.get('/api/auth/me')
    for (const cookie of [headers.getSetCookie()[0]!, rolled.headers.getSetCookie()[0]!]) {
      assert.match(cookie, /^steward_session=.+; Path=\/; Expires=.+; HttpOnly; SameSite=Lax$/)
      const days = (Date.parse(/Expires=([^;]+)/.exec(cookie)![1]!) - Date.now()) / 86_400_000
      assert.ok(days > 29.9 && days <= 30, String(days))
    }
  })

  it('gives no cookie to who has not signed in', async () => {
    assert.deepEqual((await steward.anybody().get('/api/setup')).headers.getSetCookie(), [])
    assert.deepEqual((await steward.anybody().get('/api/auth/me')).headers.getSetCookie(), [])
  })

  it('lets five attempts a minute fail for an address, whoever they were for, then says when to come back', async () => {
    const guesser = from()
    for (let n = 0; n < 5; n++) {
      refused(await attempt({ username: `name-${n}`, password: 'guess' }, guesser), 401, 'invalid_credentials')
    }
    const slowed = await attempt(OWNER, guesser)
    refused(slowed, 429, 'rate_limited')
    const seconds = Number(slowed.headers.get('retry-after'))
    assert.ok(seconds >= 1 && seconds <= 60, String(seconds))
  })

  it('never locks the owner out: failures from elsewhere do not count against an account', async () => {
    for (let n = 0; n < 12; n++) {
      refused(await attempt({ username: 'anna', password: 'guess' }, from()), 401, 'invalid_credentials')
    }
    assert.equal((await attempt(OWNER)).status, 200)
  })

  it('counts attempts made at once, and those of one IPv6 household together', async () => {
    const at = (n: number) => from(`2001:db8:1:2::${n}`)
    const answers = await Promise.all(
      [...Array(12).keys()].map((n) => attempt({ username: 'anna', password: 'guess' }, at(n + 1))),
    )
    assert.equal(answers.filter(({ status }) => status === 401).length, 5)
    assert.equal(answers.filter(({ status }) => status === 429).length, 7)
  })

  it('does not count successes', async () => {
    const regular = from()
    for (let n = 0; n < 8; n++) assert.equal((await attempt(OWNER, regular)).status, 200)
  })

  it('does not believe X-Forwarded-For without TRUST_PROXY', async () => {
    await using plain = await startSteward()
    for (let n = 0; n < 5; n++) await plain.anybody().post('/api/auth/login', { username: 'x', password: 'y' }, from())
    refused(await plain.anybody().post('/api/auth/login', OWNER, from()), 429, 'rate_limited')
  })

  it('says what a malformed attempt lacks', async () => {
    const { status, body } = await attempt({ username: 'anna' })
    assert.equal(status, 400)
    assert.equal(body.detail[0].path, 'password')
    assert.equal((await attempt({ ...OWNER, admin: true })).status, 400)
  })

  it('ends with a sign-out, which anybody may ask for', async () => {
    const client = await signIn(steward)
    const copy = steward.anybody()
    copy.cookie = client.cookie
    assert.deepEqual((await client.post('/api/auth/logout')).body, { ok: true })
    refused(await copy.get('/api/auth/me'), 401, 'unauthorized')
    assert.equal((await steward.anybody().post('/api/auth/logout')).status, 200)
  })
})

describe('behind HTTPS', () => {
  it('marks the cookie Secure and asks for HTTPS from then on', async () => {
    await using steward = await startSteward({ env: { PUBLIC_URL: 'https://steward.example.org' }, setUp: false })
    const token = readFileSync(join(steward.dataDir, 'setup-token'), 'utf8').trim()
    const { headers } = await steward.owner.post('/api/setup', { ...OWNER, token })
    assert.match(headers.getSetCookie()[0]!, /; HttpOnly; Secure; SameSite=Lax$/)
    assert.match(headers.get('strict-transport-security') ?? '', /max-age=\d{7,}/)
    assert.equal((await steward.owner.get('/api/auth/me')).status, 200)
    assert.equal((await as('steward.example.org', steward)).status, 200)
    const from = (origin: string) => steward.owner.post('/api/auth/logout', undefined, { headers: { origin } })
    assert.equal((await from('http://steward.example.org')).status, 403)
    assert.equal((await from('https://steward.example.org')).status, 200)
  })
})

describe('a session', () => {
  let steward: Steward
  before(async () => {
    steward = await startSteward({ env: { TRUST_PROXY: 'loopback' } })
  })
  after(() => steward[Symbol.asyncDispose]())

  it('shows secrets only after the password was given in the last five minutes', async () => {
    const client = await signIn(steward)
    await client.post('/api/credentials', { key: 'mine', value: 'a secret value' })
    assert.equal((await client.get('/api/credentials/mine')).status, 200, 'signing in counts')
    forgetPassword(steward)
    refused(await client.get('/api/credentials/mine'), 403, 'password_required')
    refused(await client.get('/api/account/recovery-key'), 403, 'password_required')
    refused(await client.post('/api/auth/confirm', { password: 'a wrong one' }, from()), 401, 'invalid_credentials')
    refused(await client.get('/api/credentials/mine'), 403, 'password_required')
    assert.deepEqual((await client.post('/api/auth/confirm', { password: OWNER.password }, from())).body, { ok: true })
    assert.equal((await client.get('/api/credentials/mine')).body.value, 'a secret value')
    const key = readFileSync(join(steward.dataDir, 'master.key'), 'utf8').trim()
    assert.deepEqual((await client.get('/api/account/recovery-key')).body, { recovery_key: key })
  })

  it('does not lend its confirmation to another', async () => {
    const [one, other] = [await signIn(steward), await signIn(steward)]
    forgetPassword(steward)
    await one.post('/api/auth/confirm', { password: OWNER.password }, from())
    refused(await other.get('/api/account/recovery-key'), 403, 'password_required')
  })

  it('brakes who guesses at the password in it', async () => {
    const client = await signIn(steward)
    const guesser = from()
    for (let n = 0; n < 5; n++) await client.post('/api/auth/confirm', { password: 'guess' }, guesser)
    refused(await client.post('/api/auth/confirm', { password: OWNER.password }, guesser), 429, 'rate_limited')
    const change = { current_password: OWNER.password, new_password: 'another long sentence' }
    refused(await client.post('/api/auth/change-password', change, guesser), 429, 'rate_limited')
  })

  it('is listed with where it is, and ended by its public name, which no cookie is', async () => {
    const [mine, other] = [await signIn(steward), steward.anybody()]
    const browser = { headers: { 'user-agent': 'Other browser', 'x-forwarded-for': '198.51.100.9' } }
    await other.post('/api/auth/login', OWNER, browser)
    const { body } = await mine.get('/api/auth/sessions')
    assert.equal(body.items.filter(({ current }: { current: boolean }) => current).length, 1)
    const listed = body.items.find(({ user_agent }: { user_agent: string }) => user_agent === 'Other browser')
    assert.deepEqual([listed.address, listed.current], ['198.51.100.9', false])
    assert.ok(!decodeURIComponent(other.cookie).includes(listed.id))
    const chat = await other.chat(randomUUID())
    assert.deepEqual((await mine.delete(`/api/auth/sessions/${listed.id}`)).body, { ok: true })
    assert.equal((await chat.closed).code, 1008)
    refused(await other.get('/api/auth/me'), 401, 'unauthorized')
    refused(await mine.delete(`/api/auth/sessions/${listed.id}`), 404, 'not_found')
  })

  it('of somebody else cannot be ended', async () => {
    addUser(steward, 'session-ben')
    const ben = await signIn(steward, 'session-ben')
    const { body } = await ben.get('/api/auth/sessions')
    assert.equal(body.total, 1)
    refused(await steward.owner.delete(`/api/auth/sessions/${body.items[0].id}`), 404, 'not_found')
    await steward.owner.post('/api/auth/sessions/end-others')
    assert.equal((await ben.get('/api/auth/me')).status, 200)
  })

  it('can end all others of its user', async () => {
    const [mine, other] = [await signIn(steward), await signIn(steward)]
    assert.deepEqual((await mine.post('/api/auth/sessions/end-others')).body, { ok: true })
    refused(await other.get('/api/auth/me'), 401, 'unauthorized')
    assert.equal((await mine.get('/api/auth/sessions')).body.total, 1)
    steward.owner.cookie = mine.cookie
  })

  it('changes the password, which ends the others', async () => {
    const [mine, other] = [await signIn(steward), await signIn(steward)]
    const password = 'another long sentence'
    const change = (current_password: string, new_password: string) =>
      mine.post('/api/auth/change-password', { current_password, new_password }, from())
    refused(await change('a wrong one', password), 401, 'invalid_credentials')
    assert.equal((await change(OWNER.password, 'short')).body.detail[0].path, 'new_password')
    assert.equal((await change(OWNER.password, '🔑🔑🔑🔑🔑')).body.detail[0].path, 'new_password')
    assert.equal((await other.get('/api/auth/me')).status, 200)
    assert.deepEqual((await change(OWNER.password, password)).body, { ok: true })
    assert.equal((await mine.get('/api/auth/me')).status, 200)
    refused(await other.get('/api/auth/me'), 401, 'unauthorized')
    refused(await steward.anybody().post('/api/auth/login', OWNER, from()), 401, 'invalid_credentials')
    assert.equal((await change(password, OWNER.password)).status, 200)
    steward.owner.cookie = mine.cookie
  })

  it('lasts over a restart, and lies in the database as a hash only', async () => {
    const dataDir = mkdtempSync(join(tmpdir(), 'sessions-'))
    const first = await startSteward({ dataDir })
    const key = await makeKey(first.owner, ['read'])
    const { cookie } = first.owner
    await first.stop()
    const bytes = readFileSync(join(dataDir, 'steward.sqlite'), 'latin1')
    const sid = /^steward_session=s:([^.]+)\./.exec(decodeURIComponent(cookie))![1]!
    assert.ok(sid.length >= 32)
    for (const secret of [sid, key, key.slice('stw_12345678_'.length), OWNER.password])
      assert.ok(!bytes.includes(secret), secret)
    assert.match(bytes, /\$argon2id\$v=19\$m=19456,t=2,p=1\$/)
    const again = await startSteward({ dataDir, setUp: false })
    again.owner.cookie = cookie
    assert.equal((await again.owner.get('/api/auth/me')).status, 200)
    assert.equal((await again.anybody(key).get('/api/auth/me')).status, 200)
    await again.stop()
    rmSync(dataDir, { recursive: true })
  })

  it('of which the 30 days are over is none', async () => {
    const client = await signIn(steward)
    database(steward, (db) =>
      db.exec(
        `UPDATE http_sessions SET expires_at = '2020-01-01T00:00:00.000Z' WHERE rowid = (SELECT max(rowid) FROM http_sessions)`,
      ),
    )
    refused(await client.get('/api/auth/me'), 401, 'unauthorized')
  })
})

/** As if five minutes had passed since any session gave its password. */
function forgetPassword(steward: Steward): void {
  database(steward, (db) => db.exec(`UPDATE http_sessions SET data = json_set(data, '$.confirmedAt', 1)`))
}

describe('where a request comes from', () => {
  let steward: Steward
  before(async () => {
    steward = await startSteward({
      env: { ALLOWED_HOSTS: 'steward.lan, other.lan', PUBLIC_URL: 'http://house.example:8080' },
    })
  })
  after(() => steward[Symbol.asyncDispose]())

  for (const host of [
    '127.0.0.1',
    '127.0.0.1:1',
    'localhost',
    'LOCALHOST:80',
    '[::1]:8080',
    '192.168.1.7',
    'steward.lan',
    'STEWARD.LAN:8080',
    'other.lan.',
    'house.example:8080',
  ]) {
    it(`answers as ${host}`, async () => assert.equal((await as(host, steward)).status, 200))
  }
  for (const host of [
    'evil.example',
    'steward.lan.evil.example',
    'localhost.evil.example',
    'a.localhost',
    '127.0.0.1.evil.example',
    'evil.example@localhost',
    'localhost/@evil',
  ]) {
    it(`does not answer as ${host}, and names ALLOWED_HOSTS`, async () => {
      for (const path of ['/api/setup', '/health', '/', '/docs', '/openapi.json']) {
        const { status, body } = await as(host, steward, path)
        assert.deepEqual([status, body.code], [421, 'misdirected'])
        assert.match(body.error, /ALLOWED_HOSTS/)
      }
    })
  }

  const change = (origin: string | undefined, key?: string) =>
    (key === undefined ? steward.owner : steward.anybody(key)).post('/api/auth/sessions/end-others', undefined, {
      headers: origin === undefined ? {} : { origin },
    })

  for (const origin of [
    'https://evil.example',
    'null',
    'http://127.0.0.1',
    'http://localhost',
    'file://',
    'chrome-extension://abc',
    '',
  ]) {
    it(`refuses a change that ${origin || 'an empty origin'} asks for`, async () => {
      refused(await change(origin), 403, 'cross_origin')
      const read = await steward.owner.get('/api/auth/me', { headers: { origin } })
      assert.equal(read.status, 200)
      assert.equal(read.headers.get('access-control-allow-origin'), null)
    })
  }

  it('allows a change from our own page, from PUBLIC_URL, and from what is no browser', async () => {
    assert.equal((await change(steward.url)).status, 200)
    assert.equal((await change('http://house.example:8080')).status, 200)
    assert.equal((await change(undefined)).status, 200)
  })

  it('does not mind the origin of a request with a key', async () => {
    assert.equal((await change('https://elsewhere.example', await makeKey(steward.owner, ['admin']))).status, 200)
  })

  it('refuses signing in and setting up from another site too', async () => {
    for (const path of ['/api/auth/login', '/api/setup', '/api/auth/logout']) {
      refused(
        await steward.anybody().post(path, OWNER, { headers: { origin: 'https://evil.example' } }),
        403,
        'cross_origin',
      )
    }
  })
})

describe('an API key', () => {
  let steward: Steward
  let owner: Client
  before(async () => {
    steward = await startSteward()
    owner = steward.owner
  })
  after(() => steward[Symbol.asyncDispose]())

  const make = (body: object, client = owner) => client.post('/api/api-keys', body)

  it('is shown once, listed by its eight characters, and kept as a hash', async () => {
    const { status, body } = await make({ name: 'backup', scopes: ['read', 'read'] })
    assert.equal(status, 201)
    assert.match(body.key, KEY)
    assert.equal(body.prefix, body.key.split('_')[1])
    const list = await owner.get('/api/api-keys')
    assert.ok(!list.text.includes(body.key) && !list.text.includes(body.key.slice(13)))
    const { key: _key, ...rest } = body
    assert.deepEqual(
      list.body.items.find(({ id }: { id: string }) => id === body.id),
      rest,
    )
    assert.deepEqual(
      [rest.scopes, rest.input, rest.expires_at, rest.last_used_at],
      [['read'], 'third_party', null, null],
    )
    const row = database(steward, (db) =>
      db.prepare<[string], Record<string, unknown>>('SELECT * FROM api_keys WHERE id = ?').get(body.id),
    )
    assert.ok(!JSON.stringify(row).includes(body.key.slice(13)))
    assert.match(String(row!.key_hash), /^[0-9a-f]{64}$/)
  })

  it('is taken as X-API-Key and as a bearer token, and notes that it was used', async () => {
    const { body } = await make({ name: 'both', scopes: ['read'] })
    assert.equal((await steward.anybody(body.key).get('/api/auth/me')).status, 200)
    for (const scheme of ['Bearer', 'bearer']) {
      const answer = await steward
        .anybody()
        .get('/api/auth/me', { headers: { authorization: `${scheme} ${body.key}` } })
      assert.equal(answer.body.username, 'anna')
    }
    const list = await owner.get('/api/api-keys')
    assert.ok(list.body.items.find(({ id }: { id: string }) => id === body.id).last_used_at)
    assert.deepEqual((await steward.anybody(body.key).get('/api/auth/me')).headers.getSetCookie(), [])
  })

  it('that is wrong is refused, also beside a good cookie or a good key', async () => {
    const { body } = await make({ name: 'good', scopes: ['read'] })
    const wrong = `${body.key.slice(0, -1)}${body.key.endsWith('A') ? 'B' : 'A'}`
    for (const key of [wrong, 'stw_', 'nonsense', body.prefix, '']) {
      refused(await owner.get('/api/auth/me', { headers: { 'x-api-key': key } }), 401, 'unauthorized')
    }
    refused(await owner.get('/api/auth/me', { headers: { authorization: `Bearer ${wrong}` } }), 401, 'unauthorized')
    const two = { 'x-api-key': body.key, authorization: `Bearer ${wrong}` }
    refused(await steward.anybody().get('/api/auth/me', { headers: two }), 401, 'unauthorized')
  })

  const routes: [string, string, string, object | undefined][] = [
    ['read', 'GET', '/api/conversations', undefined],
    ['read', 'GET', '/api/web-whitelist', undefined],
    ['read', 'GET', '/api/audit', undefined],
    ['run', 'DELETE', '/api/conversations/none', undefined],
    ['run', 'PATCH', '/api/conversations/none', { title: 'x' }],
    ['admin', 'GET', '/api/credentials', undefined],
    ['admin', 'DELETE', '/api/credentials/none', undefined],
    ['admin', 'POST', '/api/credentials', { key: 'k', value: 'v' }],
    ['admin', 'DELETE', '/api/web-whitelist/none.example', undefined],
    ['admin', 'DELETE', '/api/api-keys/none', undefined],
    ['admin', 'GET', '/api/filesystem-browser', undefined],
    ['approve', 'POST', '/api/approvals/none', { approved: true }],
  ]
  const reach: Record<string, string[]> = {
    read: ['read'],
    run: ['run', 'read'],
    admin: ['admin', 'run', 'read'],
    approve: ['approve'],
  }
  for (const [scope, allowed] of Object.entries(reach)) {
    it(`with the scope ${scope} does what needs ${allowed.join(', ')} and nothing else`, async () => {
      const client = steward.anybody(await makeKey(owner, [scope]))
      for (const [needed, method, path, body] of routes) {
        const answer = await client.request(method, path, body)
        if (allowed.includes(needed)) assert.ok([200, 404].includes(answer.status), `${method} ${path}: ${answer.text}`)
        else refused(answer, 403, 'forbidden')
      }
    })
  }

  it('is never enough for what is done signed in: the password, the recovery key', async () => {
    const client = steward.anybody(await makeKey(owner, ['admin', 'approve']))
    for (const path of ['/api/auth/confirm', '/api/auth/change-password'])
      refused(await client.post(path, {}), 403, 'forbidden')
    refused(await client.get('/api/account/recovery-key'), 403, 'forbidden')
  })

  it('ends at its time, and is not made with a time that is over', async () => {
    const { body } = await make({
      name: 'brief',
      scopes: ['read'],
      expires_at: new Date(Date.now() + 60_000).toISOString(),
    })
    assert.equal((await steward.anybody(body.key).get('/api/auth/me')).status, 200)
    database(steward, (db) =>
      db.prepare('UPDATE api_keys SET expires_at = ? WHERE id = ?').run(new Date().toISOString(), body.id),
    )
    refused(await steward.anybody(body.key).get('/api/auth/me'), 401, 'unauthorized')
    const late = await make({ name: 'late', scopes: ['read'], expires_at: '2020-01-01T00:00:00Z' })
    assert.equal(late.body.detail[0].path, 'expires_at')
  })

  it('keeps its time in one form, however it was written', async () => {
    const year = new Date().getUTCFullYear() + 1
    const { body } = await make({ name: 'form', scopes: ['read'], expires_at: `${year}-01-02T03:04:05Z` })
    assert.equal(body.expires_at, `${year}-01-02T03:04:05.000Z`)
  })

  it('ends at once when it is removed, its socket too', async () => {
    const { body } = await make({ name: 'gone', scopes: ['run'] })
    const client = steward.anybody(body.key)
    const chat = await client.chat(randomUUID())
    assert.deepEqual((await owner.delete(`/api/api-keys/${body.id}`)).body, { ok: true })
    refused(await client.get('/api/auth/me'), 401, 'unauthorized')
    assert.equal((await chat.closed).code, 1008)
    refused(await owner.delete(`/api/api-keys/${body.id}`), 404, 'not_found')
  })

  it('is replaced by another with the same name and rights; the old one, its socket and its tickets end at once', async () => {
    const expires_at = new Date(Date.now() + 3_600_000).toISOString()
    const { key: oldKey, ...old } = (await make({ name: 'turned', scopes: ['run'], input: 'owner', expires_at })).body
    const before = steward.anybody(oldKey)
    const chat = await before.chat(randomUUID())
    const { ticket } = (await before.post('/api/ws-ticket')).body
    const { status, body } = await owner.post(`/api/api-keys/${old.id}/rotate`)
    assert.equal(status, 200)
    const { key, ...renewed } = body
    assert.match(key, KEY)
    assert.notEqual(renewed.prefix, old.prefix)
    assert.deepEqual({ ...renewed, prefix: '' }, { ...old, prefix: '', last_used_at: null })
    refused(await before.get('/api/auth/me'), 401, 'unauthorized')
    assert.equal((await chat.closed).code, 1008)
    await assert.rejects(steward.anybody().chat(randomUUID(), { query: `?ticket=${ticket}` }), { status: 401 })
    assert.equal((await steward.anybody(key).get('/api/auth/me')).status, 200)
    const [entry] = (await owner.get('/api/audit?kind=api_key')).body.entries.filter(
      (one: any) => one.action === 'rotated',
    )
    assert.deepEqual([entry.subject, entry.outcome], [renewed.prefix, `in place of ${old.prefix}`])
    assert.ok(!JSON.stringify(await owner.get('/api/audit')).includes(key.slice(13)))
  })

  it('gets another end when it is replaced, but none that is over', async () => {
    const { body } = await make({
      name: 'longer',
      scopes: ['read'],
      expires_at: new Date(Date.now() + 60_000).toISOString(),
    })
    const rotate = (wish: object) => owner.post(`/api/api-keys/${body.id}/rotate`, wish)
    assert.equal((await rotate({ expires_at: '2020-01-01T00:00:00Z' })).body.detail[0].path, 'expires_at')
    refused(await rotate({ scopes: ['admin'] }), 400, 'invalid')
    assert.equal((await rotate({ expires_at: null })).body.expires_at, null)
    database(steward, (db) =>
      db.prepare('UPDATE api_keys SET expires_at = ? WHERE id = ?').run('2020-01-01T00:00:00.000Z', body.id),
    )
    assert.equal((await rotate({})).body.detail[0].path, 'expires_at')
    const later = new Date(Date.now() + 3_600_000).toISOString()
    const renewed = (await rotate({ expires_at: later })).body
    assert.equal((await steward.anybody(renewed.key).get('/api/auth/me')).status, 200)
    refused(await owner.post('/api/api-keys/none/rotate'), 404, 'not_found')
  })

  it('is replaced once for an Idempotency-Key, and shown once', async () => {
    const { body } = await make({ name: 'twice', scopes: ['read'] })
    const again = { headers: { 'idempotency-key': randomUUID() } }
    const first = await owner.post(`/api/api-keys/${body.id}/rotate`, {}, again)
    const second = await owner.post(`/api/api-keys/${body.id}/rotate`, {}, again)
    refused(second, 409, 'conflict')
    assert.equal(second.body.detail.id, body.id)
    assert.equal((await steward.anybody(first.body.key).get('/api/auth/me')).status, 200)
  })

  it('does not get at a stronger key by replacing it', async () => {
    const strong = (await make({ name: 'strong', scopes: ['admin', 'approve'], input: 'owner' })).body
    const counted = (await make({ name: 'counted', scopes: ['run'], input: 'owner' })).body
    const weak = steward.anybody(await makeKey(owner, ['admin']))
    for (const { id } of [strong, counted]) refused(await weak.post(`/api/api-keys/${id}/rotate`), 403, 'forbidden')
    assert.equal((await steward.anybody(strong.key).get('/api/auth/me')).status, 200)
    const own = (await make({ name: 'own', scopes: ['admin'] })).body
    assert.equal((await steward.anybody(own.key).post(`/api/api-keys/${own.id}/rotate`)).status, 200)
  })

  it('cannot make a key that may more, counts as more, or lasts longer than itself', async () => {
    const expires_at = new Date(Date.now() + 3_600_000).toISOString()
    const weak = steward.anybody(await makeKey(owner, ['admin'], { expires_at }))
    refused(await make({ name: 'x', scopes: ['approve'], expires_at }, weak), 403, 'forbidden')
    refused(await make({ name: 'x', scopes: ['read'], input: 'owner', expires_at }, weak), 403, 'forbidden')
    refused(await make({ name: 'x', scopes: ['read'] }, weak), 403, 'forbidden')
    const longer = new Date(Date.parse(expires_at) + 1000).toISOString()
    refused(await make({ name: 'x', scopes: ['read'], expires_at: longer }, weak), 403, 'forbidden')
    assert.equal((await make({ name: 'x', scopes: ['admin'], expires_at }, weak)).status, 201)
    const strong = steward.anybody(await makeKey(owner, ['admin', 'approve'], { input: 'owner' }))
    assert.equal((await make({ name: 'x', scopes: ['run'], input: 'owner' }, strong)).status, 201)
    refused(await make({ name: 'x', scopes: ['approve'], input: 'owner' }, strong), 403, 'forbidden')
    refused(
      await make({ name: 'x', scopes: ['read'] }, steward.anybody(await makeKey(owner, ['run']))),
      403,
      'forbidden',
    )
  })

  it('names what is wrong with its making', async () => {
    for (const [body, path] of [
      [{ scopes: ['read'] }, 'name'],
      [{ name: '  ', scopes: ['read'] }, 'name'],
      [{ name: 'x', scopes: [] }, 'scopes'],
      [{ name: 'x', scopes: ['root'] }, 'scopes.0'],
      [{ name: 'x', scopes: ['read'], input: 'me' }, 'input'],
      [{ name: 'x', scopes: ['read'], expires_at: 'tomorrow' }, 'expires_at'],
      [{ name: 'x', scopes: ['read'], key: 'stw_mine' }, 'key'],
    ] as const) {
      const answer = await make(body)
      refused(answer, 400, 'invalid')
      assert.equal(answer.body.detail[0].path, path)
    }
  })
})

describe('a user who is no administrator', () => {
  let steward: Steward
  let ben: Client
  let benId: string
  before(async () => {
    steward = await startSteward({ env: { TRUST_PROXY: 'loopback' } })
    benId = addUser(steward, 'ben')
    ben = await signIn(steward, 'ben')
  })
  after(() => steward[Symbol.asyncDispose]())

  it('is refused everything the document says is for administrators, and nothing else', async () => {
    const { paths } = JSON.parse((await ben.get('/openapi.json')).text)
    for (const [path, operations] of Object.entries<Record<string, { description: string; security: unknown[] }>>(
      paths,
    )) {
      for (const [method, { description, security }] of Object.entries(operations)) {
        if (!path.startsWith('/api/') || security.length === 0 || /change-password|confirm|end-others/.test(path))
          continue
        const { status, body } = await ben.request(
          method.toUpperCase(),
          path.replaceAll(/\{\w+\}/g, 'none'),
          method === 'get' ? undefined : {},
        )
        if (description.includes('For administrators.'))
          assert.deepEqual([status, body.code], [403, 'forbidden'], `${method} ${path}`)
        else assert.notEqual(status, 403, `${method} ${path}`)
      }
    }
  })

  it('does not learn of other users’ conversations, sessions, keys or approvals', async () => {
    const id = randomUUID()
    const chat = await steward.owner.chat(id)
    await chat.ask('Something private')
    await chat.close()
    const key = (await steward.owner.post('/api/api-keys', { name: 'k', scopes: ['read'] })).body.id
    for (const path of [`/api/conversations/${id}`, `/api/conversations/${id}/attachments/x`])
      refused(await ben.get(path), 404, 'not_found')
    refused(await ben.patch(`/api/conversations/${id}`, { title: 'mine' }), 404, 'not_found')
    refused(await ben.delete(`/api/conversations/${id}`), 404, 'not_found')
    refused(await ben.delete(`/api/api-keys/${key}`), 404, 'not_found')
    await assert.rejects(ben.chat(id), { status: 404 })
    assert.deepEqual((await ben.get('/api/conversations?q=private')).body, { conversations: [], total: 0 })
    assert.equal((await ben.get('/api/api-keys')).body.total, 0)
    assert.equal((await ben.get('/api/approvals')).body.total, 0)
    const seen = (await ben.get('/api/audit')).body.entries.map(({ actor }: { actor: string }) => actor)
    assert.deepEqual([...new Set(seen)], ['web:ben'])
    assert.equal((await steward.owner.get(`/api/conversations/${id}`)).status, 200)
  })

  it('makes keys, but none for administrators', async () => {
    refused(await ben.post('/api/api-keys', { name: 'x', scopes: ['admin'] }), 403, 'forbidden')
    const key = await makeKey(ben, ['read', 'run'])
    refused(await steward.anybody(key).get('/api/web-whitelist'), 403, 'forbidden')
  })

  it('loses what a role gave at once, by key too', async () => {
    const setRole = (role: string) =>
      database(steward, (db) => db.prepare('UPDATE users SET role = ? WHERE id = ?').run(role, benId))
    setRole('admin')
    const key = steward.anybody(await makeKey(ben, ['admin']))
    assert.equal((await key.get('/api/credentials')).status, 200)
    setRole('user')
    refused(await key.get('/api/credentials'), 403, 'forbidden')
    refused(await ben.get('/api/credentials'), 403, 'forbidden')
  })

  it('is out at once when deactivated: session, key, socket and password', async () => {
    const key = steward.anybody(await makeKey(ben, ['run']))
    const chat = await ben.chat(randomUUID())
    database(steward, (db) => db.prepare('UPDATE users SET is_active = 0 WHERE id = ?').run(benId))
    refused(await ben.get('/api/auth/me'), 401, 'unauthorized')
    refused(await key.get('/api/auth/me'), 401, 'unauthorized')
    chat.send({ type: 'message', content: 'Still here?' })
    assert.equal((await chat.closed).code, 1008)
    const again = await steward.anybody().post('/api/auth/login', { username: 'ben', password: OWNER.password }, from())
    refused(again, 401, 'invalid_credentials')
  })
})
