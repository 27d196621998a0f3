import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { codeAt } from './peers/authenticator.ts'
import { withDatabase } from './peers/database.ts'
import { startInside, type InsideSteward } from './peers/inside.ts'
import { refused } from './peers/refused.ts'
import { Client, makeKey, OWNER } from './steward.ts'

/** The second factor: codes of an app and recovery codes. */

const STEP = 30_000
const CODE = /^[0-9a-hjkmnp-tv-z]{4}(-[0-9a-hjkmnp-tv-z]{4}){3}$/

let steward: InsideSteward
let owner: Client
let addresses = 0
/** Failures are counted for each address. */
const from = (address = `203.0.113.${++addresses}`) => ({ headers: { 'x-forwarded-for': address } })

beforeEach(async () => {
  steward = await startInside({ TRUST_PROXY: 'loopback' })
  owner = steward.owner
})
afterEach(() => steward[Symbol.asyncDispose]())

const time = () => steward.services.now().getTime()
const logIn = (more: object = {}, options = from(), client = new Client(steward.url)) =>
  client.post('/api/auth/login', { ...OWNER, ...more }, options)
const enable = (code: string) => owner.post('/api/auth/totp/enable', { code }, from())

/** Turns it on. Its code is used up, so the clock goes on to early in another step, which then lasts for a while. */
async function turnOn(): Promise<{ secret: string; codes: string[] }> {
  const { secret } = (await owner.post('/api/auth/totp/setup')).body
  const { status, body, text } = await enable(codeAt(secret, time()))
  assert.equal(status, 200, text)
  steward.later(2 * STEP + 1000 - (time() % STEP))
  return { secret, codes: body.recovery_codes }
}

/** A code that no step near now has. */
function wrong(secret: string): string {
  const near = [-2, -1, 0, 1, 2].map((n) => codeAt(secret, time() + n * STEP))
  return ['000000', '111111', '222222', '333333', '444444', '555555'].find((code) => !near.includes(code))!
}

describe('setting two-factor sign-in up', () => {
  it('shows a secret as text, address and picture, and changes nothing yet', async () => {
    const { status, body } = await owner.post('/api/auth/totp/setup')
    assert.equal(status, 200)
    assert.deepEqual(Object.keys(body), ['secret', 'provisioning_uri', 'qr_code'])
    assert.match(body.secret, /^[A-Z2-7]{32}$/)
    const uri = new URL(body.provisioning_uri)
    assert.deepEqual([uri.protocol, uri.host, uri.pathname], ['otpauth:', 'totp', '/Steward:anna'])
    assert.equal(uri.searchParams.get('secret'), body.secret)
    assert.match(body.qr_code, /^data:image\/png;base64,iVBOR/)
    assert.equal((await logIn()).status, 200)
    assert.equal((await owner.get('/api/auth/me')).body.mfa_enabled, false)
    assert.deepEqual((await owner.get('/api/auth/totp')).body, { active: false, pending: true, recovery_codes_left: 0 })
  })

  it('keeps the secret sealed, and the recovery codes as hashes', async () => {
    const { secret, codes } = await turnOn()
    steward.services.db.sqlite.pragma('wal_checkpoint(TRUNCATE)')
    const bytes = readFileSync(join(steward.dataDir, 'steward.sqlite'), 'latin1')
    for (const text of [secret, ...codes, ...codes.map((code) => code.replaceAll('-', ''))])
      assert.ok(!bytes.includes(text), text)
  })

  it('is open to a session that gave its password lately, and to no key', async () => {
    steward.later(5 * 60_000)
    refused(await owner.post('/api/auth/totp/setup'), 403, 'password_required')
    await owner.post('/api/auth/confirm', { password: OWNER.password }, from())
    assert.equal((await owner.post('/api/auth/totp/setup')).status, 200)
    const key = new Client(steward.url, await makeKey(owner, ['admin']))
    for (const path of ['setup', 'enable', 'disable', 'recovery-codes'])
      refused(await key.post(`/api/auth/totp/${path}`, {}), 403, 'forbidden')
  })

  it('is turned on by the first correct code, and answers ten recovery codes', async () => {
    const { codes } = await turnOn()
    assert.equal(new Set(codes).size, 10)
    for (const code of codes) assert.match(code, CODE)
    assert.equal((await owner.get('/api/auth/me')).body.mfa_enabled, true)
    assert.deepEqual((await owner.get('/api/auth/totp')).body, {
      active: true,
      pending: false,
      recovery_codes_left: 10,
    })
  })

  it('is not turned on by another code, by the code of an older secret, or without a secret', async () => {
    refused(await enable('123456'), 409, 'conflict')
    const old = (await owner.post('/api/auth/totp/setup')).body.secret
    const { secret } = (await owner.post('/api/auth/totp/setup')).body
    for (const code of [codeAt(old, time()), wrong(secret), '', '12345', codeAt(secret, time() + 5 * STEP)]) {
      const answer = await enable(code)
      refused(answer, 400, 'invalid')
      assert.equal(answer.body.detail[0].path, 'code')
    }
    assert.equal((await owner.get('/api/auth/me')).body.mfa_enabled, false)
  })

  it('is not begun again while it is on', async () => {
    const { secret } = await turnOn()
    refused(await owner.post('/api/auth/totp/setup'), 409, 'conflict')
    refused(await enable(codeAt(secret, time())), 409, 'conflict')
    assert.equal((await logIn({ code: codeAt(secret, time()) })).status, 200)
  })

  it('brakes who guesses at the first code', async () => {
    const { secret } = (await owner.post('/api/auth/totp/setup')).body
    const guesser = from()
    for (let n = 0; n < 5; n++)
      refused(await owner.post('/api/auth/totp/enable', { code: wrong(secret) }, guesser), 400, 'invalid')
    const right = { code: codeAt(secret, time()) }
    refused(await owner.post('/api/auth/totp/enable', right, guesser), 429, 'rate_limited')
  })
})

describe('signing in with a code', () => {
  it('asks for the code once the password is right, and never before', async () => {
    const { secret } = await turnOn()
    for (const code of [undefined, '', ' ']) refused(await logIn({ code }), 401, 'totp_required')
    const bad = await logIn({ password: 'not the right one' })
    refused(bad, 401, 'invalid_credentials')
    assert.equal((await logIn({ username: 'nobody' })).text, bad.text)
    const badCode = await logIn({ code: wrong(secret) })
    refused(badCode, 401, 'invalid_credentials')
    const right = { code: codeAt(secret, time()) }
    assert.equal((await logIn({ ...right, password: 'not the right one' })).text, badCode.text)
    assert.equal((await logIn({ ...right, username: 'nobody' })).text, badCode.text)
    const { status, body } = await logIn(right)
    assert.deepEqual([status, body.user.username, body.user.mfa_enabled], [200, 'anna', true])
  })

  it('takes the codes of the steps beside this one, as people write them, and none further off', async () => {
    const { secret } = await turnOn()
    steward.later(10 * STEP)
    for (const off of [-2, 2, 3, -10]) {
      const code = codeAt(secret, time() + off * STEP)
      refused(await logIn({ code }), 401, 'invalid_credentials')
    }
    assert.equal((await logIn({ code: codeAt(secret, time() - STEP) })).status, 200)
    const code = codeAt(secret, time())
    assert.equal((await logIn({ code: ` ${code.slice(0, 3)} ${code.slice(3)} ` })).status, 200)
    assert.equal((await logIn({ code: codeAt(secret, time() + STEP) })).status, 200)
  })

  it('takes each code once, also of many who give it at once, and none from before one that was taken', async () => {
    const { secret } = (await owner.post('/api/auth/totp/setup')).body
    const first = codeAt(secret, time())
    assert.equal((await enable(first)).status, 200)
    refused(await logIn({ code: first }), 401, 'invalid_credentials')
    steward.later(3 * STEP)
    const code = codeAt(secret, time())
    const answers = await Promise.all([...Array(8).keys()].map(() => logIn({ code })))
    assert.deepEqual(answers.map(({ status }) => status).toSorted(), [200, ...Array<number>(7).fill(401)])
    refused(await logIn({ code: codeAt(secret, time() - STEP) }), 401, 'invalid_credentials')
  })

  it('takes each recovery code once, however it is written, and writes down that it did', async () => {
    const { codes } = await turnOn()
    assert.equal((await logIn({ code: codes[0] })).status, 200)
    refused(await logIn({ code: codes[0] }), 401, 'invalid_credentials')
    const answers = await Promise.all([...Array(4).keys()].map(() => logIn({ code: codes[1] })))
    assert.deepEqual(answers.map(({ status }) => status).toSorted(), [200, 401, 401, 401])
    const sloppy = codes[2]!.toUpperCase().replaceAll('-', '').replaceAll('0', 'O').replaceAll('1', 'l')
    assert.equal((await logIn({ code: ` ${sloppy} ` })).status, 200)
    refused(await logIn({ code: `${codes[3]}0` }), 401, 'invalid_credentials')
    assert.equal((await owner.get('/api/auth/totp')).body.recovery_codes_left, 7)
    const { entries } = (await owner.get('/api/audit?kind=user')).body
    assert.deepEqual(
      entries.map(({ action, outcome }: any) => [action, outcome]).slice(0, 3),
      [7, 8, 9].map((left) => ['recovery code used', `${left} left`]),
    )
  })

  it('lets five wrong codes a minute through for an address; a code that is due counts as none', async () => {
    const { secret } = await turnOn()
    const guesser = from()
    for (let n = 0; n < 5; n++) {
      refused(await logIn({}, guesser), 401, 'totp_required')
      refused(await logIn({ code: wrong(secret) }, guesser), 401, 'invalid_credentials')
    }
    refused(await logIn({ code: codeAt(secret, time()) }, guesser), 429, 'rate_limited')
    assert.equal((await logIn({ code: codeAt(secret, time()) })).status, 200)
  })

  it('turns on what an administrator set up, with the first correct code that is given', async () => {
    const me = (await owner.get('/api/auth/me')).body
    const by = { userId: me.id, name: 'web:anna' }
    const { secret } = await steward.services.totp.begin(me, by)
    assert.equal((await logIn()).body.user.mfa_enabled, false)
    refused(await logIn({ code: wrong(secret) }), 401, 'invalid_credentials')
    assert.equal((await logIn({ code: codeAt(secret, time()) })).body.user.mfa_enabled, true)
    refused(await logIn(), 401, 'totp_required')
    assert.deepEqual((await owner.get('/api/auth/totp')).body, { active: true, pending: false, recovery_codes_left: 0 })
  })

  it('does not mind a code where there is no secret', async () => {
    assert.equal((await logIn({ code: '123456' })).status, 200)
  })

  it('goes on after the master key was changed', async () => {
    const { secret } = await turnOn()
    assert.equal((await owner.post('/api/credentials/rotate-master-key', {})).status, 200)
    assert.equal((await logIn({ code: codeAt(secret, time()) })).status, 200)
  })
})

describe('turning it off, and new recovery codes', () => {
  it('needs the password', async () => {
    const { codes } = await turnOn()
    for (const path of ['disable', 'recovery-codes'])
      refused(
        await owner.post(`/api/auth/totp/${path}`, { password: 'a wrong one' }, from()),
        401,
        'invalid_credentials',
      )
    assert.equal((await logIn({ code: codes[0] })).status, 200)
  })

  it('forgets the secret and the codes', async () => {
    const { secret } = await turnOn()
    assert.deepEqual((await owner.post('/api/auth/totp/disable', { password: OWNER.password })).body, { ok: true })
    assert.equal((await logIn()).body.user.mfa_enabled, false)
    assert.equal((await owner.post('/api/auth/totp/disable', { password: OWNER.password })).status, 200)
    refused(await owner.post('/api/auth/totp/recovery-codes', { password: OWNER.password }), 409, 'conflict')
    const left = withDatabase(steward.dataDir, (db) => db.prepare('SELECT count(*) FROM recovery_codes').pluck().get())
    assert.equal(left, 0)
    assert.notEqual((await owner.post('/api/auth/totp/setup')).body.secret, secret)
  })

  it('makes ten new ones, and those before are worth nothing', async () => {
    const { codes } = await turnOn()
    const { body } = await owner.post('/api/auth/totp/recovery-codes', { password: OWNER.password })
    assert.equal(new Set([...codes, ...body.recovery_codes]).size, 20)
    refused(await logIn({ code: codes[0] }), 401, 'invalid_credentials')
    assert.equal((await logIn({ code: body.recovery_codes[9] })).status, 200)
  })

  it('leaves its traces in the audit log, and no secret among them', async () => {
    const { secret, codes } = await turnOn()
    await owner.post('/api/auth/totp/recovery-codes', { password: OWNER.password })
    await owner.post('/api/auth/totp/disable', { password: OWNER.password })
    const { text, body } = await owner.get('/api/audit?kind=user')
    assert.deepEqual(
      body.entries.slice(0, 4).map(({ action }: any) => action),
      ['two-factor disabled', 'recovery codes made', 'two-factor enabled', 'two-factor set up'],
    )
    for (const hidden of [secret, ...codes]) assert.ok(!text.includes(hidden))
  })
})
