import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { codeAt } from './peers/authenticator.ts'
import { anotherUser, withDatabase } from './peers/database.ts'
import { startInside, type InsideSteward } from './peers/inside.ts'
import { PasskeyDevice } from './peers/passkey-device.ts'
import { refused } from './peers/refused.ts'
import { Client, makeKey, OWNER, startSteward } from './steward.ts'

/** Passkeys by HTTP, with a device of our own that can also lie; tests/pages-account.test.ts has Chromium's. */

const MINUTE = 60_000
const KEYS = '/api/auth/passkeys'

let steward: InsideSteward
let url: string
let owner: Client
let addresses = 0
const from = (address = `203.0.113.${++addresses}`) => ({ headers: { 'x-forwarded-for': address } })

before(async () => {
  steward = await startInside({ TRUST_PROXY: 'loopback' })
  url = steward.url.replace('127.0.0.1', 'localhost')
  owner = new Client(url)
  owner.cookie = steward.owner.cookie
})
after(() => steward[Symbol.asyncDispose]())

const confirmed = (client = owner) => client.post('/api/auth/confirm', { password: OWNER.password }, from())
const forNew = async (client = owner) => (await client.post(`${KEYS}/register/options`)).body
const forSignIn = async (client = new Client(url)) => (await client.post(`${KEYS}/authenticate/options`, {})).body
const keep = (credential: object, client = owner) => client.post(`${KEYS}/register/verify`, credential)
const prove = (proof: object, client = new Client(url), options = from()) =>
  client.post(`${KEYS}/authenticate/verify`, proof, options)

/** A device whose passkey is the owner's, or another's. */
async function enrolled(client = owner, name = 'A device'): Promise<{ device: PasskeyDevice; id: string }> {
  await confirmed(client)
  const device = new PasskeyDevice(url)
  const { status, body, text } = await keep({ ...device.create(await forNew(client)), name }, client)
  assert.equal(status, 201, text)
  return { device, id: body.id }
}

async function second(): Promise<Client> {
  const client = new Client(url)
  client.cookie = (await anotherUser(steward)).cookie
  return client
}

describe('making a passkey', () => {
  it('asks the browser for one that works without a user name and knows its user', async () => {
    await confirmed()
    const options = await forNew()
    assert.deepEqual(options.rp, { id: 'localhost', name: 'Steward' })
    assert.deepEqual(
      [options.authenticatorSelection.residentKey, options.authenticatorSelection.userVerification],
      ['required', 'required'],
    )
    assert.equal(options.attestation, 'none')
    assert.ok(Buffer.from(options.challenge, 'base64url').length >= 16)
    assert.notEqual(options.challenge, (await forNew()).challenge)
  })

  it('is kept under its name, listed, and not asked for again on the same device', async () => {
    const { device, id } = await enrolled(owner, 'The phone')
    const { items } = (await owner.get(KEYS)).body
    const listed = items.find((one: { id: string }) => one.id === id)
    assert.deepEqual(
      { ...listed, created_at: '' },
      { id, name: 'The phone', backed_up: false, created_at: '', last_used_at: null },
    )
    assert.ok((await forNew()).excludeCredentials.some((one: { id: string }) => one.id === device.id))
    refused(await keep({ ...device.create(await forNew()), name: 'Again' }), 409, 'conflict')
  })

  it('needs the password of the last five minutes, and no API key will do', async () => {
    await confirmed()
    const made = new PasskeyDevice(url).create(await forNew())
    steward.later(5 * MINUTE + 1000)
    refused(await owner.post(`${KEYS}/register/options`), 403, 'password_required')
    refused(await keep(made), 403, 'password_required')
    const key = new Client(url, await makeKey(owner, ['admin']))
    for (const path of ['register/options', 'register/verify'])
      refused(await key.post(`${KEYS}/${path}`, {}), 403, 'forbidden')
  })

  it('takes a challenge once, within five minutes, in the session that asked', async () => {
    await confirmed()
    const options = await forNew()
    assert.equal((await keep(new PasskeyDevice(url).create(options))).status, 201)
    refused(await keep(new PasskeyDevice(url).create(options)), 410, 'expired')
    const elsewhere = await second()
    refused(await keep(new PasskeyDevice(url).create(await forNew()), elsewhere), 410, 'expired')
    const signInChallenge = { ...options, challenge: (await forSignIn()).challenge }
    refused(await keep(new PasskeyDevice(url).create(signInChallenge)), 410, 'expired')
    const own = { ...options, challenge: Buffer.alloc(56, 7).toString('base64url') }
    refused(await keep(new PasskeyDevice(url).create(own)), 410, 'expired')
    const old = await forNew()
    steward.later(5 * MINUTE + 1000)
    await confirmed()
    refused(await keep(new PasskeyDevice(url).create(old)), 410, 'expired')
  })

  it('refuses what another page made, what is for another site, and what does not know its user', async () => {
    await confirmed()
    for (const lie of [
      { origin: 'https://evil.example' },
      { origin: 'http://localhost:1' },
      { origin: 'http://127.0.0.1' },
      { rpId: 'evil.example' },
      { userVerified: false },
    ]) {
      refused(await keep(new PasskeyDevice(url).create(await forNew(), lie)), 400, 'invalid')
    }
    const good = new PasskeyDevice(url).create(await forNew())
    for (const response of [
      { ...good.response, attestationObject: 'AAAA' },
      { ...good.response, clientDataJSON: 'e30' },
    ])
      assert.ok([400, 410].includes((await keep({ ...good, response })).status))
    refused(await keep({ ...good, type: 'password' }), 400, 'invalid')
    refused(await keep({}), 400, 'invalid')
  })

  it('is bounded', async () => {
    const client = await second()
    for (let n = 0; n < 20; n++) await enrolled(client)
    refused(await client.post(`${KEYS}/register/options`), 409, 'conflict')
    assert.equal((await client.get(KEYS)).body.total, 20)
  })
})

describe('signing in with a passkey', () => {
  it('needs no user name and no code, and starts a fresh session', async () => {
    const client = await second()
    const { device } = await enrolled(client)
    const { username } = (await client.get('/api/auth/me')).body
    const { secret } = (await client.post('/api/auth/totp/setup')).body
    const code = codeAt(secret, steward.services.now().getTime())
    assert.equal((await client.post('/api/auth/totp/enable', { code }, from())).status, 200)
    const browser = new Client(url)
    const options = await forSignIn(browser)
    assert.deepEqual(
      [options.rpId, options.userVerification, options.allowCredentials],
      ['localhost', 'required', undefined],
    )
    assert.equal(browser.cookie, '')
    const { status, body, text } = await prove(device.get(options), browser)
    assert.equal(status, 200, text)
    assert.deepEqual([body.ok, body.user.username, body.user.mfa_enabled], [true, username, true])
    assert.equal((await browser.get('/api/auth/me')).body.username, username)
    const before = browser.cookie
    assert.equal((await prove(device.get(await forSignIn()), browser)).status, 200)
    assert.notEqual(browser.cookie, before)
    assert.ok((await browser.get(KEYS)).body.items[0].last_used_at)
    const [entry] = (await owner.get('/api/audit?kind=sign_in')).body.entries
    assert.deepEqual([entry.action, entry.success], ['signed in', true])
    assert.match(entry.outcome, / by passkey$/)
  })

  it('takes each proof once, also of many who give it at once', async () => {
    const { device } = await enrolled()
    // A device that counts nothing, so that the challenge alone stands against it.
    const proof = device.get(await forSignIn(), { counter: 0 })
    const answers = await Promise.all([...Array(6).keys()].map(() => prove(proof)))
    assert.deepEqual(answers.map(({ status }) => status).toSorted(), [200, 401, 401, 401, 401, 401])
    refused(await prove(proof), 401, 'invalid_credentials')
  })

  it('takes a challenge for five minutes, and none of its own making', async () => {
    const { device } = await enrolled()
    const options = await forSignIn()
    steward.later(5 * MINUTE + 1000)
    refused(await prove(device.get(options)), 401, 'invalid_credentials')
    for (const challenge of ['', 'AAAA', Buffer.alloc(56, 1).toString('base64url')])
      refused(await prove(device.get({ ...options, challenge })), 401, 'invalid_credentials')
    const stretched = Buffer.from((await forSignIn()).challenge, 'base64url')
    stretched.writeBigUInt64BE(BigInt(Date.now() + 1e12))
    refused(
      await prove(device.get({ ...options, challenge: stretched.toString('base64url') })),
      401,
      'invalid_credentials',
    )
  })

  it('refuses the proof for another origin or site, one without the user, and one of another device', async () => {
    const { device } = await enrolled()
    for (const lie of [
      { origin: 'https://evil.example' },
      { origin: 'http://localhost:1' },
      { rpId: 'evil.example' },
      { userVerified: false },
      { userHandle: Buffer.from('somebody else').toString('base64url') },
    ]) {
      refused(await prove(device.get(await forSignIn(), lie)), 401, 'invalid_credentials')
    }
    const stranger = new PasskeyDevice(url).get(await forSignIn())
    refused(await prove({ ...stranger, id: device.id, rawId: device.id }), 401, 'invalid_credentials')
    refused(await prove(new PasskeyDevice(url).get(await forSignIn())), 401, 'invalid_credentials')
    const made = device.create({ ...(await forSignIn()), rp: { id: 'localhost' } })
    refused(
      await prove({ ...made, response: { ...made.response, authenticatorData: 'AAAA', signature: 'AAAA' } }),
      401,
      'invalid_credentials',
    )
    assert.equal((await prove(device.get(await forSignIn(), { userHandle: null }))).status, 200)
  })

  it('refuses a copied device, whose counter goes back, and says so in the log', async () => {
    const { device } = await enrolled(owner, 'Twin')
    assert.equal((await prove(device.get(await forSignIn(), { counter: 40 }))).status, 200)
    for (const counter of [40, 39, 0])
      refused(await prove(device.get(await forSignIn(), { counter })), 401, 'invalid_credentials')
    const [entry] = (await owner.get('/api/audit?kind=user')).body.entries
    assert.deepEqual(
      [entry.action, entry.outcome],
      ['passkey refused', 'Twin: its counter went back: it may have been copied'],
    )
    assert.equal((await prove(device.get(await forSignIn(), { counter: 41 }))).status, 200)
  })

  it('works for devices that count nothing, as those that are synced do', async () => {
    const { device } = await enrolled()
    for (let n = 0; n < 3; n++) assert.equal((await prove(device.get(await forSignIn(), { counter: 0 }))).status, 200)
  })

  it('is over with a passkey that was removed, and for who is deactivated', async () => {
    const { device, id } = await enrolled()
    const proof = device.get(await forSignIn())
    assert.deepEqual((await owner.delete(`${KEYS}/${id}`)).body, { ok: true })
    refused(await prove(proof), 401, 'invalid_credentials')
    refused(await prove(device.get(await forSignIn())), 401, 'invalid_credentials')
    const client = await second()
    const theirs = await enrolled(client)
    const me = (await client.get('/api/auth/me')).body
    withDatabase(steward.dataDir, (db) => db.prepare('UPDATE users SET is_active = 0 WHERE id = ?').run(me.id))
    refused(await prove(theirs.device.get(await forSignIn())), 401, 'invalid_credentials')
  })

  it('lets five failures a minute through for an address', async () => {
    const { device } = await enrolled()
    const guesser = from()
    for (let n = 0; n < 5; n++)
      refused(
        await prove(new PasskeyDevice(url).get(await forSignIn()), new Client(url), guesser),
        401,
        'invalid_credentials',
      )
    refused(await prove(device.get(await forSignIn()), new Client(url), guesser), 429, 'rate_limited')
    assert.equal((await prove(device.get(await forSignIn()))).status, 200)
  })

  it('keeps nothing for whoever asks for challenges only', async () => {
    const rows = () =>
      withDatabase(steward.dataDir, (db) => db.prepare('SELECT count(*) FROM http_sessions').pluck().get())
    const sessions = rows()
    for (let n = 0; n < 50; n++) await forSignIn()
    assert.equal(rows(), sessions)
  })
})

describe('confirming with a passkey', () => {
  const forConfirm = (client: Client) => client.post(`${KEYS}/authenticate/options`, { purpose: 'confirm' })

  it('opens five minutes as the password does, and starts no other session', async () => {
    const { device } = await enrolled()
    steward.later(5 * MINUTE + 1000)
    refused(await owner.get('/api/account/recovery-key'), 403, 'password_required')
    const options = (await forConfirm(owner)).body
    assert.ok(options.allowCredentials.some((one: { id: string }) => one.id === device.id))
    const { cookie } = owner
    assert.equal((await prove(device.get(options), owner)).status, 200)
    assert.equal(decodeURIComponent(owner.cookie), decodeURIComponent(cookie))
    assert.equal((await owner.get('/api/account/recovery-key')).status, 200)
    const [entry] = (await owner.get('/api/audit?kind=sign_in')).body.entries
    assert.equal(entry.action, 'confirmed by passkey')
  })

  it('is for who is signed in, in the session that asked, with a passkey of their own', async () => {
    refused(await forConfirm(new Client(url)), 401, 'unauthorized')
    const [mine, theirs] = [await enrolled(), await second()]
    refused(await forConfirm(theirs), 409, 'conflict')
    const other = await enrolled(theirs)
    steward.later(5 * MINUTE + 1000)
    const asked = (await forConfirm(owner)).body
    refused(await prove(mine.device.get(asked), new Client(url)), 401, 'invalid_credentials')
    refused(await prove(mine.device.get(asked), theirs), 401, 'invalid_credentials')
    refused(await prove(other.device.get(asked), owner), 401, 'invalid_credentials')
    refused(await owner.get('/api/account/recovery-key'), 403, 'password_required')
    refused(await theirs.post('/api/auth/totp/setup'), 403, 'password_required')
  })
})

describe('the passkeys of a user', () => {
  it('are renamed and removed by them alone', async () => {
    const { id } = await enrolled(owner, 'Old name')
    assert.deepEqual((await owner.patch(`${KEYS}/${id}`, { name: ' New name ' })).body, { ok: true })
    assert.equal((await owner.get(KEYS)).body.items.find((one: { id: string }) => one.id === id).name, 'New name')
    refused(await owner.patch(`${KEYS}/${id}`, { name: ' ' }), 400, 'invalid')
    const other = await second()
    refused(await other.patch(`${KEYS}/${id}`, { name: 'Mine' }), 404, 'not_found')
    refused(await other.delete(`${KEYS}/${id}`), 404, 'not_found')
    assert.equal((await other.get(KEYS)).body.total, 0)
    steward.later(5 * MINUTE + 1000)
    refused(await owner.delete(`${KEYS}/${id}`), 403, 'password_required')
    refused(await owner.delete(`${KEYS}/none`), 404, 'not_found')
    await confirmed()
    assert.equal((await owner.delete(`${KEYS}/${id}`)).status, 200)
    const actions = (await owner.get('/api/audit?kind=user')).body.entries.map(({ action }: any) => action)
    const ofPasskeys = actions.filter((action: string) => action.startsWith('passkey '))
    assert.deepEqual(ofPasskeys.slice(0, 3), ['passkey removed', 'passkey renamed', 'passkey added'])
  })
})

describe('where passkeys belong', () => {
  it('is localhost without PUBLIC_URL, and no name or address of a request; the answer says what to set', async () => {
    const { port } = new URL(url)
    await confirmed()
    for (const client of [steward.owner, new Client(`http://127.0.0.1:${port}`)]) {
      client.cookie = owner.cookie
      for (const path of ['register/options', 'authenticate/options']) {
        const answer = await client.post(`${KEYS}/${path}`, {})
        refused(answer, 409, 'conflict')
        assert.match(answer.body.error, new RegExp(`Set PUBLIC_URL .* http://localhost:${port}\\.`))
      }
    }
  })

  it('is the name of PUBLIC_URL, whatever the request says', async () => {
    await using house = await startSteward({ env: { PUBLIC_URL: 'https://steward.example.org' } })
    const site = { id: 'steward.example.org', origin: 'https://steward.example.org' }
    const options = (await house.owner.post(`${KEYS}/register/options`)).body
    assert.equal(options.rp.id, site.id)
    const device = new PasskeyDevice(site.origin)
    assert.equal((await house.owner.post(`${KEYS}/register/verify`, device.create(options))).status, 201)
    const forged = { headers: { origin: site.origin, 'x-forwarded-host': 'evil.example' } }
    const asked = (await house.anybody().post(`${KEYS}/authenticate/options`, {}, forged)).body
    assert.equal(asked.rpId, site.id)
    const local = device.get(asked, { origin: house.url })
    refused(await house.anybody().post(`${KEYS}/authenticate/verify`, local), 401, 'invalid_credentials')
    const again = (await house.anybody().post(`${KEYS}/authenticate/options`, {})).body
    assert.equal((await house.anybody().post(`${KEYS}/authenticate/verify`, device.get(again))).status, 200)
  })

  it('is nowhere where PUBLIC_URL is plain http or a number', async () => {
    for (const PUBLIC_URL of ['http://steward.example.org', 'https://192.0.2.7']) {
      await using house = await startSteward({ env: { PUBLIC_URL } })
      const answer = await house.anybody().post(`${KEYS}/authenticate/options`, {})
      refused(answer, 409, 'conflict')
      assert.ok(answer.body.error.includes(`PUBLIC_URL=${PUBLIC_URL}`), answer.text)
    }
  })
})
