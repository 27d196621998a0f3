import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, afterEach, before, describe, it } from 'node:test'
import { giveBelongings, MARK, QUERIES, UNLISTED } from './peers/belongings.ts'
import { watchContents } from './peers/contents.ts'
import { anotherUser, withDatabase } from './peers/database.ts'
import { filled, placesIn, readOperations, sentBy, type Operation } from './peers/operations.ts'
import { hangUp, send, type RawRequest } from './peers/raw-http.ts'
import { refused } from './peers/refused.ts'
import { makeKey, OWNER, startSteward, type Answer, type Client } from './steward.ts'

/**
 * Every operation of the API as whoever may not use it. The operations come from the running server's document, which also
 * says who may: an endpoint is covered by being there, and a part of a path that nobody can fill fails.
 */

const steward = await startSteward()
const operations = await readOperations(steward)
const owner = steward.owner

const SCOPES = ['read', 'run', 'admin', 'approve']
const REACH: Record<string, string[]> = { read: ['read'], run: ['run', 'read'], admin: ['admin', 'run', 'read'], approve: ['approve'] } // prettier-ignore
/** What stands in its path is there for everybody; what it shows is their own (tests/tools-execute.test.ts). */
const EVERYBODYS = ['post /api/tools/{name}/execute']
const REFUSED_IDS = ['404 not_found', '400 invalid']
const OTHER_ORIGINS = ['https://evil.example', 'null', 'http://127.0.0.1:1', 'http://127.0.0.1.evil.example']

let things: Record<string, string>
let other: Client
let otherKey: string
const keys: Record<string, string> = {}
const ended: Record<string, Record<string, string>> = {}
let contents: ReturnType<typeof watchContents>

before(async () => {
  things = await giveBelongings(steward)
  other = await anotherUser(steward)
  otherKey = await makeKey(other, ['read', 'run', 'approve'])
  for (const scope of SCOPES) keys[scope] = await makeKey(owner, [scope])
  keys.all = await makeKey(owner, SCOPES)
  await makeEnded()
  contents = watchContents(steward.dataDir)
})
after(async () => {
  hangUp()
  contents.close()
  await steward[Symbol.asyncDispose]()
})

/** Ways to come in that were good once. */
async function makeEnded(): Promise<void> {
  const out = steward.anybody()
  await out.post('/api/auth/login', OWNER)
  ended['a cookie after signing out'] = { cookie: out.cookie }
  await out.post('/api/auth/logout')
  const removed = (await owner.post('/api/api-keys', { name: 'removed', scopes: SCOPES })).body
  ended['a removed key'] = { 'x-api-key': removed.key }
  await owner.delete(`/api/api-keys/${removed.id}`)
  const late = (await owner.post('/api/api-keys', { name: 'late', scopes: SCOPES })).body
  ended['a key whose time is over'] = { authorization: `Bearer ${late.key}` }
  const gone = await anotherUser(steward)
  const goneKey = await makeKey(gone, ['read', 'run', 'approve'])
  ended['the cookie of a deactivated user'] = { cookie: gone.cookie }
  ended['the key of a deactivated user'] = { 'x-api-key': goneKey }
  const { body } = await gone.get('/api/auth/me')
  withDatabase(steward.dataDir, (db) => {
    db.prepare('UPDATE users SET is_active = 0 WHERE id = ?').run(body.id)
    db.prepare('UPDATE api_keys SET expires_at = ? WHERE id = ?').run(new Date().toISOString(), late.id)
  })
}

const asOwner = () => ({ cookie: owner.cookie })
const asOther = () => ({ cookie: other.cookie })
const byKey = (key: string | undefined) => ({ 'x-api-key': key! })
const cookieOrKey = (): [Record<string, string>, Record<string, string>] => [asOther(), byKey(otherKey)]

/** The operation as its document shows it, with the owner's things in its path, by whoever `headers` are. */
function call(operation: Operation, headers: object, more: Partial<RawRequest> = {}): Promise<Answer> {
  const { method, changes } = operation
  const { type, body } = sentBy(operation)
  return send(steward.url, { method, path: pathOf(operation), ...(changes ? { body } : {}), ...more, headers: { ...(changes ? { 'content-type': type } : {}), ...headers, ...more.headers } }) // prettier-ignore
}

const pathOf = ({ name, path }: Operation): string => filled(path, things) + (QUERIES[name] ?? '')

/** What an upload of so many bytes is answered before it begins. */
function announced(bytes: number): Promise<Answer> {
  const headers = {
    ...asOwner(),
    'content-type': 'multipart/form-data; boundary=x',
    'content-length': String(bytes),
    connection: 'close',
  }
  return send(steward.url, { method: 'POST', path: '/api/my/files', headers })
}

/** What of the owner's a field like `agent_id` could name. */
const thingOf = (field: string) => things[`/api/${field.replace(/_id$/, 's')}/{id}`]

/** Whether a key with this one scope may, by what the document says. */
const admits = ({ scopes, sessionOnly }: Operation, scope: string) =>
  sessionOnly !== true && (scopes as string[]).some((one) => REACH[scope]!.includes(one))

describe('the walk', () => {
  it('has an owner whose things are really there', async () => {
    for (const [upTo, thing] of Object.entries(things)) {
      if (UNLISTED.includes(upTo)) continue
      const places = upTo.split('/').slice(0, -1)
      const listed = places.map((_, depth) => places.slice(0, places.length - depth).join('/'))
      const list = listed.find((path) => operations.some(({ name }) => name === `get ${path}`))
      const { text } = await owner.get(filled(list!, things))
      assert.ok(text.includes(JSON.stringify(thing).slice(1, -1)), `${upTo} is not in ${list}`)
    }
  })

  it('meets nothing in the belongings that no endpoint asks for', () => {
    const asked = new Set(operations.flatMap(({ path }) => placesIn(path).map(({ upTo }) => upTo)))
    assert.deepEqual(Object.keys(things).filter((upTo) => !asked.has(upTo)), []) // prettier-ignore
  })
})

for (const operation of operations) {
  const { name, path, role, scopes, sessionOnly, bodyLimit, security, parameters, exampleBody, bodyFields, changes } = operation // prettier-ignore
  const inPath = placesIn(path)

  describe(name, () => {
    /** Whatever is refused here changed nothing. */
    afterEach(() => assert.deepEqual(contents.changed(), []))

    it('says who may use it, and can be tried', () => {
      assert.ok(['public', 'user', 'admin'].includes(role as string), `x-role is ${String(role)}`)
      assert.equal(typeof sessionOnly, 'boolean', 'x-session-only')
      assert.ok(Number.isInteger(bodyLimit) && Number(bodyLimit) > 0, 'x-body-limit')
      assert.ok(Array.isArray(scopes) && scopes.every((scope) => SCOPES.includes(scope)), 'x-scopes')
      const open = role === 'public' || sessionOnly === true
      assert.equal(scopes.length === 0, open, 'scopes are of endpoints that keys may use')
      const ways = role === 'public' ? [] : sessionOnly ? ['cookie'] : ['cookie', 'apiKey', 'bearer']
      assert.deepEqual(security?.flatMap((one) => Object.keys(one)), ways) // prettier-ignore
      if (bodyFields.length > 0) assert.ok(exampleBody, 'an example of the body')
      filled(path, things)
    })

    if (role !== 'public') {
      it('is 401 to nobody, and to whoever was somebody once', async () => {
        refused(await call(operation, {}), 401, 'unauthorized')
        refused(await call(operation, byKey(`stw_Ab12Cd34_${'x'.repeat(43)}`)), 401, 'unauthorized')
        for (const headers of Object.values(ended)) refused(await call(operation, headers), 401, 'unauthorized')
      })

      it('is 403 to keys that lack the scope, of the owner too', async () => {
        for (const scope of SCOPES.filter((one) => !admits(operation, one)))
          refused(await call(operation, byKey(keys[scope])), 403, 'forbidden')
        if (sessionOnly) refused(await call(operation, byKey(keys.all)), 403, 'forbidden')
      })
    }

    if (role !== 'public' && admits(operation, 'read')) {
      it('changes nothing for a key that may only read', async () => {
        const { status } = await call(operation, byKey(keys.read))
        assert.ok(status < 300, String(status))
      })
    }

    if (role === 'admin') {
      it('is 403 to a user who is no administrator', async () => {
        for (const headers of cookieOrKey()) refused(await call(operation, headers), 403, 'forbidden')
      })
    }

    if (role === 'user' && inPath.length > 0 && !EVERYBODYS.includes(name)) {
      it("is 404 with another user's ids, as with ids of nothing", async () => {
        const own = await call(operation, asOther())
        refused(own, 404, 'not_found')
        const nothing = inPath.reduce((text, place) => text.replace(`{${place.name}}`, randomUUID()), path)
        const none = await call(operation, asOther(), { path: nothing })
        assert.deepEqual(none.body, own.body, 'the answer tells nobody which ids exist')
      })
    }

    if (role === 'user' && !changes && inPath.length === 0) {
      it("shows nothing of another user's, filtered by their ids or not", async () => {
        const ids = parameters.map((one) => one.name).filter((field) => thingOf(field) !== undefined)
        for (const query of [QUERIES[name] ?? '', ...ids.map((field) => `?${field}=${thingOf(field)}`)]) {
          const { status, text } = await call(operation, asOther(), { path: path + query })
          assert.ok(status === 200 || status === 404, text)
          assert.ok(!text.includes(MARK), text.slice(0, 300))
        }
      })
    }

    const named = bodyFields.filter((field) => field.endsWith('_id'))
    if (role === 'user' && named.length > 0) {
      it(`takes nobody else's ${named.join(', ')}`, async () => {
        for (const field of named.filter((one) => thingOf(one) !== undefined)) {
          const theirs = JSON.stringify({ ...exampleBody, [field]: thingOf(field) })
          const { status, body } = await call(operation, asOther(), { body: theirs })
          assert.ok(REFUSED_IDS.includes(`${status} ${body.code}`), `${status} ${JSON.stringify(body)}`)
        }
      })
    }

    it('is 421 under a name that is not ours, and gives no other site a way to read it', async () => {
      for (const host of ['evil.example', 'localhost.evil.example'])
        refused(await call(operation, asOwner(), { headers: { host } }), 421, 'misdirected')
      const { headers } = await call(operation, role === 'public' && !changes ? { origin: OTHER_ORIGINS[0] } : { origin: OTHER_ORIGINS[0], cookie: other.cookie }) // prettier-ignore
      assert.deepEqual([...headers.keys()].filter((one) => one.startsWith('access-control-')), []) // prettier-ignore
    })

    if (!changes) return

    it('is 403 to a page of another site, with all that a browser would send along', async () => {
      for (const origin of OTHER_ORIGINS)
        refused(await call(operation, asOwner(), { headers: { origin } }), 403, 'cross_origin')
    })

    it('is 415 with a body of another type than it takes', async () => {
      const other = operation.upload === undefined ? 'multipart/form-data; boundary=x' : 'application/json'
      for (const type of ['text/plain', 'application/x-www-form-urlencoded', other])
        refused(await call(operation, asOwner(), { body: '{}', headers: { 'content-type': type } }), 415, 'unsupported_media_type') // prettier-ignore
    })

    it('is 400 with a body that is malformed, and 413 with one that is too large', async () => {
      for (const body of ['{', '{"a":1}}', '\u0000'])
        refused(await call(operation, asOwner(), { body }), 400, 'invalid')
      if (operation.upload !== undefined) return refused(await announced(2 * Number(bodyLimit)), 413, 'too_large')
      const body = ' '.repeat(Number(bodyLimit) + 1)
      refused(await call(operation, asOwner(), { body }), 413, 'too_large')
    })
  })
}

describe('a body with a field that is nested without end', () => {
  const nests = [`${'['.repeat(200_000)}${']'.repeat(200_000)}`, `${'{"a":'.repeat(100_000)}1${'}'.repeat(100_000)}`]
  for (const operation of operations.filter(({ bodyFields }) => bodyFields.length > 0)) {
    it(`is no fault of ours: ${operation.name}`, async () => {
      for (const field of operation.bodyFields) {
        const { [field]: _left, ...rest } = operation.exampleBody!
        for (const nested of nests) {
          const body = `{"${field}":${nested}${JSON.stringify(rest).replace('{', ',').replace(/^,}$/, '}')}`
          const { status, text } = await call(operation, asOwner(), { body })
          assert.ok(status >= 400 && status < 500, `${field}: ${status} ${text.slice(0, 300)}`)
        }
      }
    })
  }
})

describe('what a user who is no administrator may change', () => {
  let ofOthers: ReturnType<typeof watchContents>
  before(async () => {
    ofOthers = watchContents(steward.dataDir, (await other.get('/api/auth/me')).body.id)
  })
  after(() => ofOthers.close())

  for (const operation of operations.filter(
    ({ role, path, changes }) => role === 'user' && changes && placesIn(path).length === 0,
  )) {
    // prettier-ignore
    it(`is their own: ${operation.name}`, async () => {
      const { status, text } = await call(operation, asOther())
      assert.ok(status < 500, text)
      assert.deepEqual(ofOthers.changed(), [])
    })
  }
})

describe('before anybody is set up', () => {
  it('every operation under /api but the set-up itself says so', async () => {
    await using fresh = await startSteward({ setUp: false })
    for (const operation of operations) {
      const { method, path, changes } = operation
      if (!path.startsWith('/api/') || path === '/api/setup') continue
      const { type, body } = sentBy(operation)
      const sent = changes ? { body, headers: { 'content-type': type } } : {}
      refused(await send(fresh.url, { method, path: filled(path, things), ...sent }), 403, 'setup_required')
    }
    hangUp()
  })
})
