import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { after, before, describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { newAgent, reached } from './peers/agents.ts'
import { anotherUser, withDatabase } from './peers/database.ts'
import { hangUp, send, type RawRequest } from './peers/raw-http.ts'
import { refused } from './peers/refused.ts'
import { makeKey, OWNER, Refused, startSteward, type Chat, type Steward } from './steward.ts'

/** What every answer carries, what strangers may hold open, and what ends together with a right. */

const CSP =
  "default-src 'self';img-src 'self' data: blob:;connect-src 'self';form-action 'self';base-uri 'none';frame-ancestors 'none'"
const HEADERS = {
  'content-security-policy': CSP,
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
}
const ABSENT = ['x-powered-by', 'server', 'access-control-allow-origin']

let steward: Steward

before(async () => {
  steward = await startSteward()
})
after(async () => {
  hangUp()
  await steward[Symbol.asyncDispose]()
})

/** An answer of every kind: [what it is, how it is asked for, its status]. */
async function answersOfEveryKind({ url, owner }: Steward): Promise<[string, RawRequest, number][]> {
  const { text } = await send(url, { path: '/', headers: { accept: 'text/html' } })
  const asset = /\/assets\/[^"]+\.js/.exec(text)![0]
  const json = { 'content-type': 'application/json' }
  const cookie = owner.cookie
  const long = ' '.repeat(17 * 1024)
  return [
    ['the page', { path: '/', headers: { accept: 'text/html' } }, 200],
    ['a page of the page', { path: '/settings', headers: { accept: 'text/html' } }, 200],
    ['an asset', { path: asset }, 200],
    ['an asset that is not there', { path: '/assets/none.js' }, 404],
    ['the documentation', { path: '/docs' }, 200],
    ['the document', { path: '/openapi.json' }, 200],
    ['health', { path: '/health' }, 200],
    ['the API', { path: '/api/auth/me', headers: { cookie } }, 200],
    ['a stranger refused', { path: '/api/auth/me' }, 401],
    ['a path that is unknown', { path: '/api/none', headers: { cookie } }, 404],
    ['a path that cannot be read', { path: '/%' }, 400],
    ['a body that is no JSON', { method: 'POST', path: '/api/auth/login', body: '{', headers: json }, 400],
    ['a body that is too large', { method: 'POST', path: '/api/auth/login', body: long, headers: json }, 413],
    ['another site', { method: 'POST', path: '/api/pause', headers: { cookie, origin: 'https://evil.example' } }, 403],
    ['another name', { path: '/', headers: { host: 'evil.example' } }, 421],
    ['a method that is unknown', { method: 'PROPFIND', path: '/' }, 404],
  ]
}

describe('the headers of every kind of answer', () => {
  it('keep the page to itself', async () => {
    for (const [what, request, status] of await answersOfEveryKind(steward)) {
      const answer = await send(steward.url, request)
      assert.equal(answer.status, status, what)
      for (const [name, value] of Object.entries(HEADERS))
        assert.equal(answer.headers.get(name), value, `${what}: ${name}`)
      for (const name of [...ABSENT, 'strict-transport-security']) assert.equal(answer.headers.get(name), null, what)
    }
  })

  it('ask for HTTPS from then on where PUBLIC_URL says https', async () => {
    await using secure = await startSteward({ env: { PUBLIC_URL: 'https://steward.example.org' } })
    for (const [what, request, status] of await answersOfEveryKind(secure)) {
      const { headers, status: got } = await send(secure.url, request)
      assert.equal(got, status, what)
      assert.match(headers.get('strict-transport-security') ?? '', /^max-age=31536000/, what)
      for (const cookie of headers.getSetCookie()) assert.match(cookie, /; HttpOnly; Secure; SameSite=Lax$/)
    }
    hangUp()
  })
})

/** A bare connection, and whether the other side has closed it. */
async function stranger(port: number, localAddress = '127.0.0.1'): Promise<Socket> {
  const socket = connect({ port, host: '127.0.0.1', localAddress }).on('error', () => {})
  await once(socket, 'connect')
  return socket
}

const lineOf = async (socket: Socket, text: string): Promise<string> => {
  socket.write(text)
  const [data] = await once(socket, 'data')
  return String(data)
}

describe('connections of strangers', () => {
  it('are bounded for each address, and one on which somebody is known stays', async () => {
    await using house = await startSteward()
    const port = Number(new URL(house.url).port)
    const known = await stranger(port, '127.0.0.2')
    const me = `GET /api/auth/me HTTP/1.1\r\nHost: localhost\r\nCookie: ${house.owner.cookie}\r\n\r\n`
    assert.match(await lineOf(known, me), /^HTTP\/1\.1 200/)
    const sockets: Socket[] = []
    while (sockets.length < 128) sockets.push(await stranger(port, '127.0.0.2'))
    const beyond = await stranger(port, '127.0.0.2')
    await new Promise((resolve) => beyond.once('close', resolve))
    assert.match(await lineOf(known, me), /^HTTP\/1\.1 200/)
    sockets.find(({ destroyed }) => !destroyed)!.destroy()
    await sleep(50)
    const next = await stranger(port, '127.0.0.2')
    assert.match(await lineOf(next, 'GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n'), /^HTTP\/1\.1 200/)
    for (const socket of [...sockets, known, next]) socket.destroy()
  })

  it('of this machine itself may come in crowds', async () => {
    await using house = await startSteward()
    const answers = await Promise.all(Array.from({ length: 300 }, () => house.owner.get('/api/auth/me')))
    assert.deepEqual([...new Set(answers.map(({ status }) => status))], [200])
  })

  it('with endless headers are cut off with 431', async () => {
    const socket = await stranger(Number(new URL(steward.url).port))
    const answer = await lineOf(socket, `GET / HTTP/1.1\r\nHost: localhost\r\nX-Long: ${'x'.repeat(20_000)}\r\n\r\n`)
    assert.match(answer, /^HTTP\/1\.1 431/)
    assert.doesNotMatch(answer, /\bat |node:/)
  })

  it('that speak no HTTP learn nothing but that', async () => {
    const socket = await stranger(Number(new URL(steward.url).port))
    assert.match(
      await lineOf(socket, 'EHLO steward\r\n\r\n'),
      /^HTTP\/1\.1 400 Bad Request\r\nConnection: close\r\n\r\n$/,
    )
  })
})

describe('asking for a socket', () => {
  it('without a right is limited for each address, and never hinders who has one', async () => {
    await using house = await startSteward()
    const knock = async () => {
      const error = await house
        .anybody()
        .chat(randomUUID())
        .catch((refusal: unknown) => refusal)
      assert.ok(error instanceof Refused)
      return `${error.status} ${error.body.code}`
    }
    for (let n = 0; n < 30; n++) assert.equal(await knock(), '401 unauthorized')
    assert.equal(await knock(), '429 rate_limited')
    await (await house.owner.chat(randomUUID())).close()
  })

  it('in a way that is none is 400, in JSON', async () => {
    const headers = {
      connection: 'upgrade',
      upgrade: 'websocket',
      'sec-websocket-version': '1',
      cookie: steward.owner.cookie,
    }
    refused(await send(steward.url, { path: `/ws/${randomUUID()}`, headers }), 400, 'invalid')
  })

  it('with a foreign Host, and from a foreign page, is refused in JSON, whoever asks', async () => {
    const upgrade = { connection: 'upgrade', upgrade: 'websocket', cookie: steward.owner.cookie }
    const ask = (more: Record<string, string>) =>
      send(steward.url, { path: `/ws/${randomUUID()}`, headers: { ...upgrade, ...more } })
    refused(await ask({ host: 'evil.example' }), 421, 'misdirected')
    for (const origin of ['https://evil.example', 'null', 'http://localhost:1'])
      refused(await ask({ origin }), 403, 'cross_origin')
    const answer = await ask({ origin: 'https://evil.example' })
    assert.equal(answer.headers.get('x-content-type-options'), 'nosniff')
  })

  it('and sending a frame that is nested without end is an error, and the socket stays', async () => {
    const chat = await steward.owner.chat(randomUUID())
    const deep = `${'{"a":'.repeat(100_000)}1${'}'.repeat(100_000)}`
    chat.send(`{"type":"confirm","call_id":"${randomUUID()}","approved":true,"arguments":${deep}}`)
    assert.equal((await chat.next('error')).code, 'invalid')
    chat.send({ type: 'ping' })
    await chat.next('pong')
    await chat.close()
  })
})

describe('the end of a right ends what is open by it within a second', () => {
  const endsSoon = async (chat: Chat) => {
    const closed = await Promise.race([chat.closed, sleep(1_100)])
    assert.equal(closed?.code, 1008)
  }

  it('for a user who is deactivated by another hand: socket and stream', async () => {
    const ben = await anotherUser(steward)
    const { body } = await ben.get('/api/auth/me')
    const chats = [await ben.chat(randomUUID()), await steward.anybody(await makeKey(ben, ['run'])).chat(randomUUID())]
    const stream = await endless(ben.headers(), ben)
    withDatabase(steward.dataDir, (db) => db.prepare('UPDATE users SET is_active = 0 WHERE id = ?').run(body.id))
    await Promise.all([...chats.map(endsSoon), endedSoon(stream)])
  })

  it('for a session whose row is gone', async () => {
    const ben = await anotherUser(steward)
    const chat = await ben.chat(randomUUID())
    const { body } = await ben.get('/api/auth/me')
    withDatabase(steward.dataDir, (db) => db.prepare('DELETE FROM http_sessions WHERE user_id = ?').run(body.id))
    await endsSoon(chat)
  })

  it('for a stream: a removed key, and signing out', async () => {
    const key = (await steward.owner.post('/api/api-keys', { name: 'stream', scopes: ['read'] })).body
    const byKey = await endless({ 'x-api-key': key.key }, steward.owner)
    const browser = steward.anybody()
    await browser.post('/api/auth/login', OWNER)
    const byCookie = await endless(browser.headers(), steward.owner)
    await steward.owner.delete(`/api/api-keys/${key.id}`)
    await browser.post('/api/auth/logout')
    await Promise.all([endedSoon(byKey), endedSoon(byCookie)])
  })

  /** The stream of a run of `whose` that waits, and so never ends by itself. */
  async function endless(headers: Record<string, string>, whose: Steward['owner']): Promise<Response> {
    const agent = await newAgent(whose)
    await whose.post(`/api/agents/${agent.id}/pause`)
    const { body } = await whose.post(`/api/agents/${agent.id}/run`, {})
    await reached(whose, body.run_id, ({ status }) => status !== 'running')
    return fetch(`${steward.url}/api/runs/${body.run_id}/events`, {
      headers: { ...headers, accept: 'text/event-stream' },
    })
  }

  async function endedSoon(stream: Response): Promise<void> {
    const over = await Promise.race([stream.text(), sleep(1_100)])
    assert.ok(over !== undefined, 'the stream goes on')
  }
})
