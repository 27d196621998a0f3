import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { withDatabase } from './peers/database.ts'
import { refused } from './peers/refused.ts'
import { addUser, from, signIn } from './peers/sign-ins.ts'
import { makeKey, OWNER, startSteward, type Steward } from './steward.ts'

/** Who may come in, how, and from where. */

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
    withDatabase(steward.dataDir, (db) =>
      db.exec(
        `UPDATE http_sessions SET expires_at = '2020-01-01T00:00:00.000Z' WHERE rowid = (SELECT max(rowid) FROM http_sessions)`,
      ),
    )
    refused(await client.get('/api/auth/me'), 401, 'unauthorized')
  })
})

/** As if five minutes had passed since any session gave its password. */
function forgetPassword(steward: Steward): void {
  withDatabase(steward.dataDir, (db) => db.exec(`UPDATE http_sessions SET data = json_set(data, '$.confirmedAt', 1)`))
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
