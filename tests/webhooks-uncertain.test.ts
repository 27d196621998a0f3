import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { createServer, type AddressInfo } from 'node:net'
import { after, before, beforeEach, describe, it } from 'node:test'
import { createSender } from '../services/outgoing/send.ts'
import { startInside, type InsideSteward } from './peers/inside.ts'
import { resultsIn, say, startModelApi, use, type ModelApi } from './peers/model-api.ts'
import { refusingUrl, startReceiver, type Behaviour, type Receiver } from './peers/receiver.ts'
import { startSteward, type Chat, type Client, type Frame } from './steward.ts'

/** Messages of which nobody knows whether they arrived: never sent twice by themselves, never lost. */

let api: ModelApi
let receiver: Receiver

before(async () => {
  api = await startModelApi()
  receiver = await startReceiver()
})

after(async () => {
  await receiver[Symbol.asyncDispose]()
  await api[Symbol.asyncDispose]()
})

beforeEach(() => receiver.behave({ status: 200 }))

async function addTarget(owner: Client, more: Record<string, unknown> = {}) {
  const name = `target ${randomUUID().slice(0, 8)}`
  const { body } = await owner.post('/api/webhook-targets', { name, url: receiver.url, owner: true, ...more })
  return body as { id: string; name: string; secret: string }
}

const lastDelivery = async (owner: Client, { id }: { id: string }) =>
  (await owner.get(`/api/webhook-targets/${id}/deliveries`)).body.items[0]

const pending = async (owner: Client) => (await owner.get('/api/approvals?state=pending')).body.items

async function startSending(owner: Client, target: string, id: string = randomUUID()): Promise<Chat> {
  api.answer(use('webhook', { operation: 'send_to_target', target, body: { n: 1 } }), say('The end.'))
  const chat = await owner.chat(id)
  await chat.next('models')
  chat.send({ type: 'message', content: 'Send it' })
  return chat
}

describe('a connection that breaks after the message may have gone', () => {
  let steward: InsideSteward
  let owner: Client

  before(async () => {
    steward = await startInside(api.env)
    owner = steward.owner
  })
  after(() => steward[Symbol.asyncDispose]())

  async function asked(): Promise<{ chat: Chat; target: { id: string; name: string }; question: Frame }> {
    const target = await addTarget(owner)
    receiver.behave('reset', { status: 200, body: 'got it' })
    const chat = await startSending(owner, target.name)
    const question = await chat.next('confirmation_required')
    return { chat, target, question }
  }

  it('asks the owner, and sends nothing again by itself', async () => {
    const { chat, target, question } = await asked()
    assert.equal(question.kind, 'uncertain')
    const [approval] = await pending(owner)
    assert.deepEqual([approval.kind, approval.call_id], ['uncertain', question.call_id])
    assert.match(approval.reason, /not known whether target [0-9a-f]+ got it/)
    const row = await lastDelivery(owner, target)
    assert.deepEqual([row.state, row.id, row.attempts], ['uncertain', question.call_id, 1])
    steward.later(3600_000)
    steward.services.webhooks.outbox.look()
    chat.send({ type: 'stop' })
    await chat.next('done')
    assert.equal(receiver.received.length, 1)
    assert.equal((await lastDelivery(owner, target)).state, 'uncertain')
  })

  it('counts as delivered when the owner says so', async () => {
    const { chat, target } = await asked()
    const [approval] = await pending(owner)
    assert.equal((await owner.post(`/api/approvals/${approval.id}`, { decision: 'done' })).status, 200)
    await chat.next('done')
    assert.equal((await lastDelivery(owner, target)).state, 'delivered')
    assert.equal(receiver.received.length, 1)
    assert.equal(resultsIn(api.requests.at(-1))[0]!.failed, false)
  })

  it('is sent again under the same id when the owner says so', async () => {
    const { chat, target, question } = await asked()
    const [approval] = await pending(owner)
    assert.equal((await owner.post(`/api/approvals/${approval.id}`, { decision: 'again' })).status, 200)
    await chat.next('done')
    const row = await lastDelivery(owner, target)
    assert.deepEqual([row.state, row.attempts, row.answer], ['delivered', 2, 'got it'])
    assert.deepEqual(
      receiver.received.map(({ id }) => id),
      [question.call_id, question.call_id],
    )
    assert.equal(receiver.received[0]!.text, receiver.received[1]!.text)
  })

  it('has failed when the owner gives it up', async () => {
    const { chat, target } = await asked()
    const [approval] = await pending(owner)
    assert.equal((await owner.post(`/api/approvals/${approval.id}`, { decision: 'give_up' })).status, 200)
    await chat.next('done')
    assert.equal((await lastDelivery(owner, target)).state, 'failed')
    assert.equal(resultsIn(api.requests.at(-1))[0]!.failed, true)
    assert.equal(receiver.received.length, 1)
  })
})

describe('a server that is killed while the receiver holds the message', () => {
  it('asks the owner after the restart, and sends nothing again by itself', async () => {
    receiver.behave('hang', { status: 200 })
    const first = await startSteward({ env: api.env })
    const target = await addTarget(first.owner)
    const id = randomUUID()
    await startSending(first.owner, target.name, id)
    await receiver.arrived(1)
    await first.kill()
    await using second = await startSteward({ env: api.env, dataDir: first.dataDir })
    const chat = await second.owner.chat(id)
    const state = await chat.next(
      ({ type, confirmations }) => type === 'confirmation_required' || confirmations?.length > 0,
    )
    assert.ok(state)
    const [approval] = await pending(second.owner)
    assert.equal(approval.kind, 'uncertain')
    assert.equal((await lastDelivery(second.owner, target)).state, 'uncertain')
    assert.equal(receiver.received.length, 1)
    await second.owner.post(`/api/approvals/${approval.id}`, { decision: 'again' })
    await chat.next('done')
    assert.equal(receiver.received.length, 2)
    assert.equal(receiver.received[0]!.id, receiver.received[1]!.id)
    receiver.received[1]!.verify(target.secret)
  })

  it('leaves alone what was delivered, and goes on with what waits', async () => {
    const first = await startSteward({ env: api.env })
    const target = await addTarget(first.owner)
    receiver.behave({ status: 200 }, { status: 500 }, { status: 200 })
    for (let n = 0; n < 2; n++) await (await startSending(first.owner, target.name)).next('done')
    await first.kill()
    await using second = await startSteward({ env: api.env, dataDir: first.dataDir })
    await receiver.arrived(3)
    const { items } = (await second.owner.get(`/api/webhook-targets/${target.id}/deliveries`)).body
    assert.equal(items.length, 2)
    const ids = receiver.received.map((one) => one.id)
    assert.equal(ids[1], ids[2])
    assert.notEqual(ids[0], ids[1])
  })
})

describe('what is known of a request', () => {
  const post = async (url: string, more: { privateToo?: boolean; lookup?: () => Promise<never> } = {}) => {
    const { privateToo = true, lookup } = more
    const sender = createSender({
      allowedPrivateHosts: new Set(),
      version: '9',
      deadlineMs: 300,
      ...(lookup ? { lookup } : {}),
    })
    const { signal } = new AbortController()
    return sender.post(url, { headers: {}, body: '{}', privateToo, signal, begin: () => true })
  }

  for (const [behaviour, fate] of [
    ['hang', 'unknown'],
    ['reset', 'unknown'],
    [{ status: 503 }, 'answered'],
  ] as [Behaviour, string][]) {
    it(`${JSON.stringify(behaviour)} → ${fate}, and it was sent once`, async () => {
      receiver.behave(behaviour)
      assert.equal((await post(receiver.url)).fate, fate)
      assert.equal(receiver.received.length, 1)
    })
  }

  it('it was not sent where nobody listens, no name is found, or TLS comes to nothing', async () => {
    const https = receiver.url.replace('http:', 'https:')
    for (const url of [await refusingUrl(), 'http://nowhere.invalid/', https]) {
      const sent = await post(url)
      assert.deepEqual([sent.fate, 'forGood' in sent && sent.forGood], ['not_sent', false], url)
    }
    const never = () => new Promise<never>(() => {})
    assert.equal((await post('http://example.com/', { lookup: never })).fate, 'not_sent')
    assert.equal(receiver.received.length, 0)
  })

  it('it was not sent, and never will be, to a private address without leave', async () => {
    const sent = await post(receiver.url, { privateToo: false })
    assert.deepEqual([sent.fate, 'forGood' in sent && sent.forGood], ['not_sent', true])
    assert.equal(receiver.received.length, 0)
  })

  it('it arrived once there is a status, whatever becomes of the rest of the answer', async () => {
    const half = createServer((socket) => {
      socket
        .on('error', () => {})
        .on('data', () => {
          socket.write('HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf')
          setTimeout(() => socket.destroy(), 20)
        })
    })
    await new Promise<void>((resolve) => half.listen(0, '127.0.0.1', resolve))
    const sent = await post(`http://127.0.0.1:${(half.address() as AddressInfo).port}/`)
    assert.deepEqual([sent.fate, 'status' in sent && sent.status], ['answered', 200])
    half.close()
  })
})
