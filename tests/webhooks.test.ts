import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, beforeEach, describe, it } from 'node:test'
import { anotherUser } from './peers/database.ts'
import { startInside, type InsideSteward } from './peers/inside.ts'
import { resultsIn, say, startModelApi, use, type ModelApi } from './peers/model-api.ts'
import { refusingUrl, startReceiver, type Receiver } from './peers/receiver.ts'
import { makeKey, type Chat, type Client, type Frame } from './steward.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE

let api: ModelApi
let receiver: Receiver
let steward: InsideSteward
let owner: Client

before(async () => {
  api = await startModelApi()
  receiver = await startReceiver()
  steward = await startInside(api.env)
  owner = steward.owner
})

after(async () => {
  await steward[Symbol.asyncDispose]()
  await receiver[Symbol.asyncDispose]()
  await api[Symbol.asyncDispose]()
})

beforeEach(() => receiver.behave({ status: 200, body: 'thank you' }))

type Target = { id: string; name: string; secret: string }

async function addTarget(more: Record<string, unknown> = {}): Promise<Target> {
  const name = `target ${randomUUID().slice(0, 8)}`
  const { status, body } = await owner.post('/api/webhook-targets', { name, url: receiver.url, owner: true, ...more })
  assert.equal(status, 201, JSON.stringify(body))
  return body
}

const send = (target: string, body: unknown) => use('webhook', { operation: 'send_to_target', target, body })

async function open(): Promise<Chat> {
  const chat = await owner.chat(randomUUID())
  await chat.next('models')
  return chat
}

/** Has the model send this, and comes back when the run is over. */
async function ask(target: string, body: unknown): Promise<{ chat: Chat; done: Frame; told: string }> {
  const chat = await open()
  api.answer(send(target, body), say('The end.'))
  chat.send({ type: 'message', content: 'Send it' })
  const done = await chat.next('tool_done')
  await chat.next('done')
  return { chat, done, told: resultsIn(api.requests.at(-1))[0]!.text }
}

const deliveries = async ({ id }: { id: string }) =>
  (await owner.get(`/api/webhook-targets/${id}/deliveries`)).body.items

async function until<T>(look: () => Promise<T>, fits: (value: T) => boolean): Promise<T> {
  for (let tries = 0; ; tries++) {
    const value = await look()
    if (fits(value)) return value
    assert.ok(tries < 400, `it never came to that: ${JSON.stringify(value)}`)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

const settled = (target: { id: string }, state: string) =>
  until(
    async () => (await deliveries(target))[0],
    (one) => one?.state === state,
  )

/** The clock moves on, and the outbox looks. */
function later(ms: number): void {
  steward.later(ms)
  steward.services.webhooks.outbox.look()
}

describe('webhook targets', () => {
  it('are made, listed, read, changed and removed', async () => {
    const made = await owner.post('/api/webhook-targets', { name: ' Kitchen ', url: 'https://example.com/hooks' })
    assert.equal(made.status, 201)
    const { id, secret, created_at, updated_at, ...rest } = made.body
    assert.match(secret, /^whsec_[A-Za-z0-9+/]{43}=$/)
    const shown = {
      name: 'Kitchen',
      url: 'https://example.com/hooks',
      description: '',
      owner: false,
      enabled: true,
      last_delivery: null,
    }
    assert.deepEqual(rest, shown)
    assert.deepEqual((await owner.get(`/api/webhook-targets/${id}`)).body, { id, created_at, updated_at, ...shown })
    const list = (await owner.get('/api/webhook-targets')).body
    assert.deepEqual(list, { items: [{ id, created_at, updated_at, ...shown }], next_cursor: null, total: 1 })
    const changed = await owner.put(`/api/webhook-targets/${id}`, {
      description: 'Screen',
      owner: true,
      enabled: false,
    })
    assert.deepEqual(changed.body, { ok: true })
    const after = (await owner.get(`/api/webhook-targets/${id}`)).body
    assert.deepEqual([after.name, after.description, after.owner, after.enabled], ['Kitchen', 'Screen', true, false])
    assert.deepEqual((await owner.delete(`/api/webhook-targets/${id}`)).body, { ok: true })
    for (const answer of [
      await owner.get(`/api/webhook-targets/${id}`),
      await owner.put(`/api/webhook-targets/${id}`, {}),
      await owner.delete(`/api/webhook-targets/${id}`),
      await owner.post(`/api/webhook-targets/${id}/rotate`),
      await owner.post(`/api/webhook-targets/${id}/test`),
      await owner.get(`/api/webhook-targets/${id}/deliveries`),
    ])
      assert.equal(answer.status, 404)
  })

  it('come in pages, by name', async () => {
    for (const name of ['page c', 'page a', 'page b']) await addTarget({ name })
    const first = (await owner.get('/api/webhook-targets?limit=2')).body
    assert.deepEqual(
      first.items.map(({ name }: Target) => name),
      ['page a', 'page b'],
    )
    const rest = (await owner.get(`/api/webhook-targets?limit=2&cursor=${encodeURIComponent(first.next_cursor)}`)).body
    assert.deepEqual([rest.items[0].name, rest.total], ['page c', 3])
    for (const { id } of [...first.items, ...rest.items]) await owner.delete(`/api/webhook-targets/${id}`)
  })

  it('have names of their own, whatever the case', async () => {
    const { id, name } = await addTarget()
    const again = await owner.post('/api/webhook-targets', { name: name.toUpperCase(), url: receiver.url })
    assert.deepEqual([again.status, again.body.code], [409, 'conflict'])
    const other = await addTarget()
    assert.equal((await owner.put(`/api/webhook-targets/${other.id}`, { name })).status, 409)
    assert.equal((await owner.put(`/api/webhook-targets/${id}`, { name: name.toUpperCase() })).status, 200)
  })

  for (const [field, draft] of [
    ['name', { name: '', url: 'https://example.com' }],
    ['name', { name: 'x'.repeat(65), url: 'https://example.com' }],
    ['url', { name: 'x', url: 'ftp://example.com' }],
    ['url', { name: 'x', url: 'example.com/hooks' }],
    ['url', { name: 'x', url: 'https://user:secret@example.com' }],
    ['description', { name: 'x', url: 'https://example.com', description: 'x'.repeat(501) }],
    ['secret', { name: 'x', url: 'https://example.com', secret: 'mine' }],
  ] as const) {
    it(`refuse ${JSON.stringify(draft).slice(0, 80)} and name the field`, async () => {
      const { status, body } = await owner.post('/api/webhook-targets', draft)
      assert.deepEqual([status, body.code, body.detail[0].path], [400, 'invalid', field])
    })
  }

  it('are read with the scope read, changed with the scope admin, and nobody else sees them', async () => {
    const { id } = await addTarget()
    const reader = new (owner.constructor as typeof Client)(steward.url, await makeKey(owner, ['read', 'run']))
    assert.equal((await reader.get(`/api/webhook-targets/${id}`)).status, 200)
    assert.equal((await reader.get(`/api/webhook-targets/${id}/deliveries`)).status, 200)
    for (const path of ['', `/${id}/rotate`, `/${id}/test`])
      assert.equal((await reader.post(`/api/webhook-targets${path}`, { name: 'x', url: receiver.url })).status, 403)
    assert.equal((await reader.delete(`/api/webhook-targets/${id}`)).status, 403)
    const stranger = await anotherUser(steward)
    assert.equal((await stranger.get('/api/webhook-targets')).body.total, 0)
    assert.equal((await stranger.get(`/api/webhook-targets/${id}`)).status, 404)
    assert.equal((await stranger.get(`/api/webhook-targets/${id}/deliveries`)).status, 404)
    assert.equal((await stranger.put(`/api/webhook-targets/${id}`, {})).status, 404)
    assert.equal((await stranger.delete(`/api/webhook-targets/${id}`)).status, 404)
    assert.equal((await stranger.post(`/api/webhook-targets/${id}/rotate`)).status, 404)
  })

  it('lead inside the house for an administrator only', async () => {
    const user = await anotherUser(steward)
    for (const url of [receiver.url, 'http://localhost:1', 'http://nas', 'http://192.168.1.2/x', 'http://[::1]/']) {
      const { status, body } = await user.post('/api/webhook-targets', { name: 'x', url })
      assert.deepEqual([status, body.detail?.[0].path], [400, 'url'], url)
    }
    const { body } = await user.post('/api/webhook-targets', { name: 'x', url: 'https://example.com' })
    assert.equal((await user.put(`/api/webhook-targets/${body.id}`, { url: receiver.url })).status, 400)
    // Even where such an address got in, nothing is sent to it.
    steward.services.db.prepare('UPDATE webhook_targets SET url = ? WHERE id = ?').run(receiver.url, body.id)
    const tested = (await user.post(`/api/webhook-targets/${body.id}/test`)).body
    assert.equal(tested.ok, false)
    assert.match(tested.error, /private address/)
    assert.equal(receiver.received.length, 0)
  })
})

describe('the signing secret', () => {
  it('is shown when it is made and when it is made anew, and signs what is sent', async () => {
    const target = await addTarget()
    assert.deepEqual((await owner.post(`/api/webhook-targets/${target.id}/test`)).body, { ok: true, status: 200 })
    const [first] = receiver.received
    assert.deepEqual(first!.verify(target.secret), first!.body)
    assert.equal(first!.body.type, 'test')
    const { body: fresh } = await owner.post(`/api/webhook-targets/${target.id}/rotate`)
    assert.notEqual(fresh.secret, target.secret)
    await owner.post(`/api/webhook-targets/${target.id}/test`)
    receiver.received[1]!.verify(fresh.secret)
    assert.throws(() => receiver.received[1]!.verify(target.secret))
  })

  it('is not told again to a repeated request', async () => {
    const headers = { 'idempotency-key': randomUUID() }
    const draft = { name: `once ${randomUUID()}`.slice(0, 40), url: receiver.url }
    const { body } = await owner.post('/api/webhook-targets', draft, { headers })
    const again = await owner.post('/api/webhook-targets', draft, { headers })
    assert.deepEqual([again.status, again.body.detail.id], [409, body.id])
    assert.ok(!again.text.includes('whsec_'))
  })

  it('stands in no other answer, frame or file, also when the model and the receiver say it', async () => {
    const target = await addTarget()
    const bare = target.secret.slice('whsec_'.length)
    receiver.behave({ status: 200, body: `you signed with ${target.secret}` })
    const { chat, told } = await ask(target.name, { note: `the secret is ${target.secret}`, bare })
    assert.ok(!told.includes(bare))
    const answers = await Promise.all(
      [
        '/api/webhook-targets',
        `/api/webhook-targets/${target.id}`,
        `/api/webhook-targets/${target.id}/deliveries`,
        '/api/audit',
      ].map((path) => owner.get(path)),
    )
    for (const text of [...answers.map((answer) => answer.text), JSON.stringify(chat.frames)])
      assert.ok(!text.includes(bare), text)
    const files = readdirSync(steward.dataDir).filter((name) => name.startsWith('steward.sqlite'))
    const other = await addTarget()
    for (const name of files)
      assert.ok(!readFileSync(join(steward.dataDir, name)).includes(other.secret.slice(6)), name)
  })

  it('is not in the audit log, nor is more than the origin of the address', async () => {
    const { id, name } = await addTarget({ url: `${receiver.url}/deep/place?token=verysecret` })
    await owner.put(`/api/webhook-targets/${id}`, { enabled: false })
    await owner.post(`/api/webhook-targets/${id}/rotate`)
    await owner.delete(`/api/webhook-targets/${id}`)
    const { entries } = (await owner.get('/api/audit')).body
    const mine = entries.filter((entry: any) => entry.kind === 'webhook_target' && entry.subject === name)
    assert.deepEqual(
      mine.map(({ action }: any) => action),
      ['removed', 'rotated', 'changed', 'created'],
    )
    assert.ok(mine.every((entry: any) => entry.actor === 'web:anna' && entry.arguments.origin === receiver.url))
    assert.doesNotMatch(JSON.stringify(mine), /verysecret|deep|whsec/)
  })
})

describe('a message to a webhook target', () => {
  it('is sent once to what is the owner’s own, without asking, signed and with the call as its id', async () => {
    const target = await addTarget()
    const { done, told } = await ask(target.name, { text: 'Dinner', at: 19 })
    assert.equal(done.success, true)
    assert.equal(receiver.received.length, 1)
    const [got] = receiver.received
    assert.deepEqual(got!.verify(target.secret), got!.body)
    assert.deepEqual([got!.body.type, got!.body.data], ['steward.message', { text: 'Dinner', at: 19 }])
    assert.ok(Math.abs(Date.parse(got!.body.timestamp) - steward.services.now().getTime()) < MINUTE)
    assert.deepEqual([got!.id, got!.headers['content-type']], [done.call_id, 'application/json'])
    assert.match(told, /took it \(200\)[\s\S]*thank you/)
    const [row] = await deliveries(target)
    const { body, run_id, created_at: _c, updated_at: _u, ...rest } = row
    assert.equal(body, got!.text)
    assert.equal(run_id, done.run_id)
    assert.deepEqual(rest, {
      id: done.call_id,
      call_id: done.call_id,
      state: 'delivered',
      attempts: 1,
      next_attempt_at: null,
      last_status: 200,
      last_error: null,
      answer: 'thank you',
    })
    const { last_delivery } = (await owner.get(`/api/webhook-targets/${target.id}`)).body
    assert.deepEqual([last_delivery.state, last_delivery.status], ['delivered', 200])
  })

  it('may be a plain string, and what comes back counts as written by strangers', async () => {
    const target = await addTarget()
    const { chat } = await ask(target.name.toUpperCase(), 'just words')
    assert.equal(receiver.received[0]!.body.data, 'just words')
    const conversation = new URL(chat.socket.url).pathname.split('/').at(-1)
    assert.equal((await owner.get(`/api/conversations/${conversation}`)).body.integrity, 'third_party')
  })

  it('is asked about when the target is somebody else’s', async () => {
    const target = await addTarget({ owner: false })
    const chat = await open()
    api.answer(send(target.name, { text: 'Hello' }), say('The end.'))
    chat.send({ type: 'message', content: 'Send it' })
    const question = await chat.next('confirmation_required')
    assert.match(question.description, new RegExp(`^Send to the webhook target "${target.name}"`))
    assert.match(question.description, /Hello/)
    assert.equal(receiver.received.length, 0)
    chat.send({ type: 'confirm', call_id: question.call_id, approved: true })
    await chat.next('done')
    assert.equal(receiver.received.length, 1)
  })

  it('goes nowhere when the target is unknown, switched off or another user’s', async () => {
    const off = await addTarget({ enabled: false })
    for (const name of ['no such target', off.name]) {
      const { done, told } = await ask(name, 'x')
      assert.equal(done.success, false)
      assert.match(told, /not on the list/)
    }
    const stranger = await anotherUser(steward)
    await stranger.post('/api/webhook-targets', { name: 'theirs', url: 'https://example.com' })
    assert.match((await ask('theirs', 'x')).told, /not on the list/)
    assert.equal(receiver.received.length, 0)
  })

  it('is tried again under the same id until it is taken, and the model is told not to repeat it', async () => {
    const target = await addTarget()
    receiver.behave({ status: 500, body: 'oops' }, { status: 500 }, { status: 200, body: 'at last' })
    const { done, told } = await ask(target.name, 'again')
    assert.match(told, /answered 500[\s\S]*Do not send it again/)
    const [waiting] = await deliveries(target)
    assert.deepEqual([waiting.state, waiting.attempts, waiting.last_status, waiting.answer], ['queued', 1, 500, 'oops'])
    const wait = Date.parse(waiting.next_attempt_at) - Date.parse(waiting.updated_at)
    assert.ok(wait >= 5000 && wait <= 5500, String(wait))
    later(6000)
    await receiver.arrived(2)
    const second = await until(
      async () => (await deliveries(target))[0],
      (one) => one.attempts === 2 && one.state === 'queued',
    )
    assert.ok(Date.parse(second.next_attempt_at) - Date.parse(second.updated_at) >= 5 * MINUTE)
    later(6 * MINUTE)
    const last = await settled(target, 'delivered')
    assert.deepEqual([last.attempts, last.answer, last.last_error], [3, 'at last', null])
    assert.deepEqual(
      receiver.received.map(({ id }) => id),
      Array(3).fill(done.call_id),
    )
    assert.equal(new Set(receiver.received.map(({ text }) => text)).size, 1)
  })

  it('is tried again where nobody listened', async () => {
    const target = await addTarget({ url: await refusingUrl() })
    const { told } = await ask(target.name, 'anybody there?')
    assert.match(told, /refused the connection/)
    const [row] = await deliveries(target)
    assert.deepEqual([row.state, row.last_status], ['queued', null])
    await owner.put(`/api/webhook-targets/${target.id}`, { url: receiver.url })
    later(6000)
    await settled(target, 'delivered')
    assert.equal(receiver.received[0]!.body.data, 'anybody there?')
  })

  it('is tried again where no server has the name, and where TLS comes to nothing', async () => {
    for (const url of ['http://nowhere.invalid/', receiver.url.replace('http:', 'https:')]) {
      const target = await addTarget({ url })
      await ask(target.name, 'x')
      assert.equal((await deliveries(target))[0].state, 'queued', url)
      await owner.delete(`/api/webhook-targets/${target.id}`)
    }
  })

  it('waits as long as it is asked to, an hour at most', async () => {
    for (const [header, atLeast, atMost] of [
      ['120', 2 * MINUTE, 3 * MINUTE],
      ['999999', HOUR, HOUR + MINUTE],
    ] as const) {
      const target = await addTarget()
      receiver.behave({ status: 429, headers: { 'retry-after': header } })
      await ask(target.name, 'x')
      const [row] = await deliveries(target)
      const wait = Date.parse(row.next_attempt_at) - Date.parse(row.updated_at)
      // The two times are read one after the other.
      assert.ok(wait >= atLeast - 1000 && wait <= atMost, String(wait))
      await owner.delete(`/api/webhook-targets/${target.id}`)
    }
  })

  it('follows no redirect', async () => {
    const target = await addTarget()
    const elsewhere = await startReceiver()
    receiver.behave({ status: 307, headers: { location: `${elsewhere.url}/away` } })
    const { told } = await ask(target.name, 'x')
    assert.match(told, /answered 307/)
    assert.equal(elsewhere.received.length, 0)
    assert.equal((await deliveries(target))[0].state, 'queued')
    await elsewhere[Symbol.asyncDispose]()
    await owner.delete(`/api/webhook-targets/${target.id}`)
  })

  it('fails for good at 410', async () => {
    const target = await addTarget()
    receiver.behave({ status: 410 })
    const { done } = await ask(target.name, 'x')
    assert.equal(done.success, false)
    assert.equal((await deliveries(target))[0].state, 'failed')
  })

  it('is given up after the last of ten attempts', async () => {
    const target = await addTarget()
    receiver.behave({ status: 500 })
    await ask(target.name, 'x')
    for (let attempts = 2; attempts <= 10; attempts++) {
      later(27 * HOUR)
      await until(
        async () => (await deliveries(target))[0],
        (one) => one.attempts === attempts && one.state !== 'sending',
      )
    }
    const last = await settled(target, 'failed')
    assert.deepEqual([last.attempts, last.next_attempt_at], [10, null])
    const told = (await owner.get('/api/notifications?kind=delivery')).body.items
    assert.equal(told[0].title, `Could not deliver to ${target.name}`)
    assert.equal(told[0].text, 'Given up after 10 attempts: It answered 500.')
    later(48 * HOUR)
    assert.equal(receiver.received.length, 10)
  })

  it('fails when its target is removed while it waits', async () => {
    const target = await addTarget()
    receiver.behave({ status: 500 })
    const { done } = await ask(target.name, 'x')
    await owner.delete(`/api/webhook-targets/${target.id}`)
    const row = steward.services.webhooks.outbox.find(done.call_id)!
    assert.deepEqual([row.state, row.lastError], ['failed', 'The webhook target was removed.'])
    later(HOUR)
    assert.equal(receiver.received.length, 1)
  })

  it('does not leave while the house is paused, and leaves afterwards', async () => {
    const target = await addTarget()
    receiver.behave({ status: 500 }, { status: 200 })
    await ask(target.name, 'x')
    steward.services.settings.change({ paused: true })
    later(10 * MINUTE)
    await new Promise((resolve) => setTimeout(resolve, 100))
    assert.equal(receiver.received.length, 1)
    steward.services.settings.change({ paused: false })
    await settled(target, 'delivered')
    assert.equal(receiver.received.length, 2)
  })

  it('goes to one target after the other in order, and one that does not answer holds up nobody else', async () => {
    const [slow, quick] = [
      await addTarget({ url: `${receiver.url}/slow` }),
      await addTarget({ url: `${receiver.url}/quick` }),
    ]
    const { outbox } = steward.services.webhooks
    const { id: userId } = (await owner.get('/api/auth/me')).body
    let letGo = () => {}
    const then = new Promise<void>((resolve) => (letGo = resolve))
    receiver.behave({ status: 200, then }, { status: 200 })
    const draft = (target: Target, n: number) => ({
      id: `${target.id.slice(0, 8)}-${n}-${randomUUID()}`,
      userId,
      runId: null,
      callId: null,
      door: 'webhook' as const,
      address: target.id,
      body: JSON.stringify({ n }),
    })
    for (const n of [1, 2, 3]) outbox.enqueue(draft(slow, n))
    await receiver.arrived(1)
    for (const n of [4, 5]) outbox.enqueue(draft(quick, n))
    await receiver.arrived(3)
    assert.deepEqual(
      receiver.received.map(({ body }) => body.n),
      [1, 4, 5],
    )
    letGo()
    await receiver.arrived(5)
    assert.deepEqual(
      receiver.received.map(({ body }) => body.n),
      [1, 4, 5, 2, 3],
    )
  })
})
