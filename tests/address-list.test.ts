import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { makeKey, startSteward, type Answer, type Steward } from './steward.ts'

let steward: Steward

before(async () => void (steward = await startSteward()))
after(() => steward[Symbol.asyncDispose]())

const PATH = '/api/email-whitelist'
const at = (email: string) => `${PATH}/${encodeURIComponent(email)}`
const add = (body: unknown) => steward.owner.post(PATH, body)
const list = async (): Promise<any[]> => (await steward.owner.get(PATH)).body
const kept = async () => (await list()).map(({ email }) => email)

function refuses({ status, body }: Answer, field: string): void {
  assert.deepEqual([status, body.code, body.detail[0].path], [400, 'invalid', field])
}

describe('the email whitelist', () => {
  it('is empty at first, and takes an address with its daily limit', async () => {
    assert.deepEqual(await list(), [])
    assert.deepEqual((await add({ email: 'alice@example.com', daily_limit: 10 })).body, { ok: true })
    assert.deepEqual((await add({ email: 'me@example.com', owner: true })).body, { ok: true })
    const entries = await list()
    assert.ok(entries.every(({ created_at }) => new Date(created_at).toISOString() === created_at))
    assert.deepEqual(
      entries.map(({ created_at: _at, ...entry }) => entry),
      [
        { email: 'alice@example.com', daily_limit: 10, sent_today: 0, owner: false },
        { email: 'me@example.com', daily_limit: 0, sent_today: 0, owner: true },
      ],
    )
  })

  it('knows an address again in any case, with white space, and under either name of its domain', async () => {
    assert.equal((await add({ email: '  Bob@BÜCHER.Example. ' })).status, 200)
    assert.ok((await kept()).includes('Bob@xn--bcher-kva.example'))
    for (const email of ['bob@bücher.example', 'BOB@xn--bcher-kva.example', 'Bob@Bücher.example'])
      assert.equal((await add({ email })).status, 409, email)
    const { body } = await add({ email: 'ALICE@example.com' })
    assert.deepEqual([body.code, body.error], ['conflict', 'ALICE@example.com is already on the list.'])
  })

  it('changes what is given and leaves the rest', async () => {
    assert.deepEqual((await steward.owner.put(at('Alice@Example.com'), { owner: true })).body, { ok: true })
    assert.deepEqual((await steward.owner.put(at('alice@example.com'), { daily_limit: 0 })).body, { ok: true })
    const entry = (await list()).find(({ email }) => email === 'alice@example.com')
    assert.deepEqual([entry.daily_limit, entry.owner], [0, true])
    assert.equal((await steward.owner.put(at('nobody@example.com'), { daily_limit: 1 })).status, 404)
  })

  it('removes an address by any way to write it', async () => {
    assert.deepEqual((await steward.owner.delete(at('bob@bücher.example'))).body, { ok: true })
    assert.equal((await steward.owner.delete(at('bob@bücher.example'))).status, 404)
    assert.equal((await steward.owner.delete(at('no address'))).status, 404)
    assert.deepEqual(await kept(), ['alice@example.com', 'me@example.com'])
  })

  it('takes addresses that look unusual and are right', async () => {
    for (const email of [
      "o'brien+steward@example.co.uk",
      'a.b_c-d@xn--p1ai.example',
      'jörg@example.org',
      'root@localhost',
    ])
      assert.equal((await add({ email })).status, 200, email)
  })

  for (const email of [
    '',
    'alice',
    '@example.com',
    'alice@',
    '*@example.com',
    'alice@*.example.com',
    'Alice <alice@example.com>',
    'alice@example.com, eve@evil.example',
    'alice@example.com\nBcc: eve@evil.example',
    'alice@example.com\u202e',
    'ali\u200bce@example.com',
    'alice smith@example.com',
    '"alice smith"@example.com',
    'alice@exa mple.com',
    'alice@example',
    'alice@127.0.0.1',
    'alice@[127.0.0.1]',
    'alice@@example.com',
    'alice@eve@example.com',
    '.alice@example.com',
    'alice..b@example.com',
    'alice@-example.com',
    'alice@example..com',
    'alice@example.com/path',
    'alice@example.com?x',
    'alice@example.com:25',
    'alice@example%2ecom',
    'alice@exam\u00adple.com',
    `${'a'.repeat(65)}@example.com`,
    `a@${'b'.repeat(64)}.com`,
  ]) {
    it(`refuses ${JSON.stringify(email)} and names the field`, async () => refuses(await add({ email }), 'email'))
  }

  it('refuses limits that are none, and fields it does not know', async () => {
    for (const daily_limit of [-1, 1.5, '10', null, 1e9])
      refuses(await add({ email: 'carol@example.com', daily_limit }), 'daily_limit')
    refuses(await add({ email: 'carol@example.com', note: 'x' }), 'note')
    refuses(await add({ daily_limit: 1 }), 'email')
    refuses(await steward.owner.put(at('alice@example.com'), { email: 'eve@evil.example' }), 'email')
    assert.ok(!(await kept()).includes('carol@example.com'))
  })

  it('is read with the scope read, changed with the scope admin, and leaves every change in the audit log', async () => {
    const reader = steward.anybody(await makeKey(steward.owner, ['read']))
    assert.equal((await reader.get(PATH)).status, 200)
    assert.equal((await reader.post(PATH, { email: 'eve@evil.example' })).status, 403)
    const admin = steward.anybody(await makeKey(steward.owner, ['admin']))
    assert.equal((await admin.post(PATH, { email: 'dora@example.com', daily_limit: 3 })).status, 200)
    const { entries } = (await steward.owner.get('/api/audit?kind=whitelist')).body
    const { action, subject, outcome } = entries[0]
    assert.deepEqual([action, subject, outcome], ['address added', 'dora@example.com', 'daily_limit: 3'])
  })
})
