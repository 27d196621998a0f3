import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, describe, it } from 'node:test'
import { withDatabase } from './peers/database.ts'
import { refused } from './peers/refused.ts'
import { addUser, from, signIn } from './peers/sign-ins.ts'
import { makeKey, OWNER, startSteward, type Client, type Steward } from './steward.ts'

/** What API keys may do, and users who are no administrators. */

const KEY = /^stw_[A-Za-z0-9]{8}_[A-Za-z0-9_-]{43}$/

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
    const row = withDatabase(steward.dataDir, (db) =>
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
    withDatabase(steward.dataDir, (db) =>
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
    withDatabase(steward.dataDir, (db) =>
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
      withDatabase(steward.dataDir, (db) => db.prepare('UPDATE users SET role = ? WHERE id = ?').run(role, benId))
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
    withDatabase(steward.dataDir, (db) => db.prepare('UPDATE users SET is_active = 0 WHERE id = ?').run(benId))
    refused(await ben.get('/api/auth/me'), 401, 'unauthorized')
    refused(await key.get('/api/auth/me'), 401, 'unauthorized')
    chat.send({ type: 'message', content: 'Still here?' })
    assert.equal((await chat.closed).code, 1008)
    const again = await steward.anybody().post('/api/auth/login', { username: 'ben', password: OWNER.password }, from())
    refused(again, 401, 'invalid_credentials')
  })
})
