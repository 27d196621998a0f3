import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, describe, it } from 'node:test'
import { withDatabase } from './peers/database.ts'
import { hangUp, send } from './peers/raw-http.ts'
import { makeKey, Refused, startSteward, type Steward } from './steward.ts'

const UUID_V7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/

let steward: Steward

before(async () => {
  steward = await startSteward({ env: { LOG_LEVEL: 'debug' } })
})
after(async () => {
  hangUp()
  await steward[Symbol.asyncDispose]()
})

const idOf = ({ headers }: { headers: Headers }) => headers.get('x-request-id')

/** The lines of the log so far that are about this request. */
const linesOf = (id: string): Record<string, any>[] =>
  steward
    .output()
    .split('\n')
    .filter((line) => line.startsWith('{') && line.includes(JSON.stringify(id)))
    .map((line) => JSON.parse(line))

async function until<T>(look: () => T | undefined): Promise<T> {
  for (let n = 0; n < 500; n++) {
    const found = look()
    if (found !== undefined) return found
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
  throw new Error('that never came')
}

/** The one line that says how a request went. */
const accessLine = (id: string) => until(() => linesOf(id).find(({ msg }) => msg === 'request'))

describe('the id of a request', () => {
  it('is on every answer, and a new one each time', async () => {
    const paths = [
      '/health',
      '/api/auth/me',
      '/api/nothing',
      '/metrics',
      '/',
      '/docs',
      '/openapi.json',
      '/assets/none.js',
    ]
    const ids = await Promise.all(paths.map(async (path) => idOf(await steward.owner.get(path))))
    for (const [at, id] of ids.entries()) assert.match(id ?? '', UUID_V7, paths[at])
    assert.equal(new Set(ids).size, paths.length)
    const malformed = await steward.owner.request('POST', '/api/api-keys', undefined, { raw: '{' })
    assert.deepEqual([malformed.status, UUID_V7.test(idOf(malformed)!)], [400, true])
    const stranger = await send(steward.url, { method: 'GET', path: '/health', headers: { host: 'evil.example' } })
    assert.deepEqual([stranger.status, UUID_V7.test(idOf(stranger)!)], [421, true])
  })

  it('is the one that the asker gave, where it is of a sane form', async () => {
    for (const id of ['a', 'trace-1_2.B', 'x'.repeat(64)])
      assert.equal(idOf(await steward.owner.get('/health', { headers: { 'x-request-id': id } })), id)
    for (const id of ['', 'x'.repeat(65), 'a b', 'a"b', '<script>', 'é', 'a,b'])
      assert.match(idOf(await steward.owner.get('/health', { headers: { 'x-request-id': id } }))!, UUID_V7, id)
  })

  it('is on the upgrade of a socket, given or refused', async () => {
    const chat = await steward.owner.chat(randomUUID(), { headers: { 'x-request-id': 'my-socket' } })
    await chat.close()
    const { WebSocket } = await import('ws')
    const socket = new WebSocket(`${steward.url.replace('http', 'ws')}/ws/${randomUUID()}`, { headers: steward.owner.headers() }) // prettier-ignore
    const accepted = await new Promise<any>((resolve) => socket.on('upgrade', resolve))
    assert.match(accepted.headers['x-request-id'], UUID_V7)
    socket.close()
    const refusing = new WebSocket(`${steward.url.replace('http', 'ws')}/ws/${randomUUID()}`, { headers: { 'x-request-id': 'not-you' } }) // prettier-ignore
    const answer = await new Promise<any>((resolve) => refusing.on('unexpected-response', (_req, res) => resolve(res)))
    assert.deepEqual([answer.statusCode, answer.headers['x-request-id']], [401, 'not-you'])
    await assert.rejects(steward.anybody().chat(randomUUID()), Refused)
  })
})

describe('the log', () => {
  it('says of each request what it was and how it went, without its query', async () => {
    const id = randomUUID()
    await steward.owner.get('/api/audit?tool_name=planted-in-the-query', { headers: { 'x-request-id': id } })
    const { method, route, status, who, ms, level, path } = await accessLine(id)
    assert.deepEqual([method, route, status, who, level], ['GET', '/api/audit', '200', 'web:anna', 'debug'])
    assert.ok(Number.isInteger(ms))
    assert.equal(path, undefined)
    assert.doesNotMatch(steward.output(), /planted-in-the-query/)
  })

  it('names a key by the part that is no secret, and a path nobody knows by its beginning', async () => {
    const key = await makeKey(steward.owner, ['read'])
    const [byKey, lost] = [randomUUID(), randomUUID()]
    await steward.anybody(key).get('/api/conversations', { headers: { 'x-request-id': byKey } })
    assert.equal((await accessLine(byKey)).who, `key:${key.split('_')[1]}`)
    await steward.owner.get(`/api/${'y'.repeat(500)}?secret=1`, { headers: { 'x-request-id': lost } })
    const line = await accessLine(lost)
    assert.deepEqual([line.route, line.status, line.path], ['other', '404', `/api/${'y'.repeat(195)}`])
    for (const secret of [key, steward.owner.cookie.split('=')[1]!]) assert.ok(!steward.output().includes(secret))
  })

  it('carries the id in whatever else is said for a request: a fault of ours is found by it', async () => {
    const id = randomUUID()
    const { sqlite } = { sqlite: (sql: string) => withDatabase(steward.dataDir, (db) => db.exec(sql)) }
    sqlite('PRAGMA legacy_alter_table = ON; ALTER TABLE trash RENAME TO away')
    const answer = await steward.owner.get('/api/trash', { headers: { 'x-request-id': id } })
    sqlite('PRAGMA legacy_alter_table = ON; ALTER TABLE away RENAME TO trash')
    assert.deepEqual([answer.status, answer.body.code, idOf(answer)], [500, 'internal', id])
    assert.deepEqual(Object.keys(answer.body), ['error', 'code'])
    await accessLine(id)
    assert.deepEqual(linesOf(id).map(({ msg }) => msg).sort(), ['request', 'request failed']) // prettier-ignore
  })

  it('keeps quiet about requests where it is not asked to say more', async () => {
    await using quiet = await startSteward({ env: { LOG_LEVEL: 'info' } })
    await quiet.owner.get('/api/auth/me')
    assert.doesNotMatch(quiet.output(), /"msg":"request"/)
  })
})
