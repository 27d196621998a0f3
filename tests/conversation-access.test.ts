import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { anotherUser } from './peers/database.ts'
import { read, say, startModelApi, write, type ModelApi } from './peers/model-api.ts'
import { makeKey, OWNER, Refused, startSteward, type Chat, type Client, type Steward } from './steward.ts'

let api: ModelApi
let steward: Steward
let owner: Client
const folder = mkdtempSync(join(tmpdir(), 'papers-'))

before(async () => {
  api = await startModelApi(say('Yes.'))
  steward = await startSteward({ env: api.env })
  owner = steward.owner
  writeFileSync(join(folder, 'note.txt'), 'Buy bread.')
  await owner.post('/api/filesystem-whitelist', { path: folder })
})

after(async () => {
  await steward[Symbol.asyncDispose]()
  await api[Symbol.asyncDispose]()
})

async function open(client: Client = owner, id: string = randomUUID()): Promise<Chat & { id: string }> {
  const chat = await client.chat(id)
  await chat.next('models')
  return Object.assign(chat, { id })
}

async function refusal(opening: Promise<Chat>): Promise<{ status: number; code: string }> {
  const error = await opening.then(
    () => assert.fail('the socket was opened'),
    (refused: unknown) => refused,
  )
  assert(error instanceof Refused, String(error))
  return { status: error.status, code: error.body.code }
}

async function signedIn(): Promise<Client> {
  const client = steward.anybody()
  await client.post('/api/auth/login', OWNER)
  return client
}

const withKey = async (scopes: string[], more = {}) => steward.anybody(await makeKey(owner, scopes, more))

/** What a socket hears until it is asked to answer. */
async function heard(chat: Chat): Promise<string[]> {
  chat.send({ type: 'ping' })
  await chat.next('pong')
  return chat.frames.map(({ type }) => type).filter((type) => type !== 'models' && type !== 'pong')
}

describe('a socket is refused at the upgrade', () => {
  it('to nobody, to a wrong key and to a used ticket with 401', async () => {
    assert.deepEqual(await refusal(steward.anybody().chat(randomUUID())), { status: 401, code: 'unauthorized' })
    const wrong = steward.anybody(`stw_Ab12Cd34_${'x'.repeat(43)}`)
    assert.deepEqual(await refusal(wrong.chat(randomUUID())), { status: 401, code: 'unauthorized' })
    assert.equal((await refusal(steward.anybody().chat(randomUUID(), { query: '?ticket=abc' }))).status, 401)
  })

  it('with 400 for an id that is no UUID and for a bad after', async () => {
    assert.deepEqual(await refusal(owner.chat('abc')), { status: 400, code: 'invalid' })
    assert.equal((await refusal(owner.chat('..%2f..'))).status, 400)
    assert.equal((await refusal(owner.chat(randomUUID(), { query: '?after=x' }))).status, 400)
    assert.equal((await refusal(owner.chat(randomUUID(), { query: '?after=-1' }))).status, 400)
  })

  it("with 404 for another user's conversation, which they cannot touch over HTTP either", async () => {
    const mine = await open()
    await mine.ask('Hello')
    const other = await anotherUser(steward)
    assert.deepEqual(await refusal(other.chat(mine.id)), { status: 404, code: 'not_found' })
    const at = `/api/conversations/${mine.id}`
    const answers = [await other.get(at), await other.patch(at, { title: 'x' }), await other.delete(at)]
    assert.deepEqual(
      answers.map(({ status }) => status),
      [404, 404, 404],
    )
    assert.equal((await other.get('/api/conversations')).body.total, 0)
    assert.equal((await owner.get(at)).status, 200)
  })

  it('with 403 to a page of another site, and not to our own', async () => {
    const chat = (origin: string) => owner.chat(randomUUID(), { headers: { origin } })
    assert.deepEqual(await refusal(chat('https://evil.example')), { status: 403, code: 'cross_origin' })
    assert.equal((await refusal(chat('null'))).status, 403)
    await (await chat(steward.url)).close()
  })

  it('with 421 under a host name that is not ours', async () => {
    const { status } = await refusal(owner.chat(randomUUID(), { headers: { host: 'evil.example' } }))
    assert.equal(status, 421)
  })
})

describe('a socket on a conversation that does not exist yet', () => {
  it('hears nothing of it when another user begins it', async () => {
    const stranger = await anotherUser(steward)
    const id = randomUUID()
    const listening = await stranger.chat(id)
    await listening.next('models')
    const mine = await owner.chat(id)
    await mine.ask('My secret')
    assert.deepEqual(await heard(listening), [])
    await Promise.all([mine.close(), listening.close()])
  })
})

describe('a ticket', () => {
  it('opens one socket, once', async () => {
    const { status, body } = await owner.post('/api/ws-ticket')
    assert.equal(status, 201)
    const query = `?ticket=${body.ticket}`
    const chat = await steward.anybody().chat(randomUUID(), { query })
    assert.equal((await chat.ask('Hello')).text, 'Yes.')
    assert.equal((await refusal(steward.anybody().chat(randomUUID(), { query }))).status, 401)
    await chat.close()
  })

  it('gives a key no more than it has', async () => {
    const key = await withKey(['read'])
    const { body } = await key.post('/api/ws-ticket')
    const chat = await steward.anybody().chat(randomUUID(), { query: `?ticket=${body.ticket}` })
    assert.equal((await chat.ask('Hello')).code, 'forbidden')
  })
})

describe('the end of a right closes its sockets within a second', () => {
  async function closesSoon(chat: Chat): Promise<void> {
    const closed = await Promise.race([chat.closed, sleep(1000, undefined)])
    assert.equal(closed?.code, 1008)
  }

  it('signing out, and a session ended from another browser', async () => {
    const one = await signedIn()
    const two = await signedIn()
    const [chat, other] = [await open(one), await open(two)]
    await one.post('/api/auth/logout')
    await closesSoon(chat)
    await two.post('/api/auth/sessions/end-others')
    const stays = await open(two)
    assert.deepEqual(await heard(other), [])
    await owner.post('/api/auth/login', OWNER)
    const { body } = await owner.get('/api/auth/sessions')
    const ids: string[] = (body.items ?? body).filter((entry: any) => !entry.current).map(({ id }: any) => id)
    for (const id of ids) await owner.delete(`/api/auth/sessions/${id}`)
    await closesSoon(stays)
  })

  it('a removed key', async () => {
    const key = await makeKey(owner, ['run'])
    const chat = await open(steward.anybody(key))
    const { body } = await owner.get('/api/api-keys')
    const { id } = (body.items ?? body).find(({ prefix }: any) => key.includes(prefix))
    await owner.delete(`/api/api-keys/${id}`)
    await closesSoon(chat)
  })

  it('a key whose time is over', async () => {
    const over = Date.now() + 1500
    const chat = await open(await withKey(['read'], { expires_at: new Date(over).toISOString() }))
    assert.equal((await chat.closed).code, 1008)
    assert(Date.now() >= over && Date.now() < over + 1000)
  })

  it('a changed password ends the other browsers', async () => {
    const one = await signedIn()
    const chat = await open(one)
    const draft = { current_password: OWNER.password, new_password: OWNER.password }
    assert.equal((await owner.post('/api/auth/change-password', draft)).status, 200)
    await closesSoon(chat)
  })
})

describe('a key does over the socket what its scopes allow', () => {
  it('read: hear, not speak', async () => {
    const mine = await open()
    const chat = await open(await withKey(['read']), mine.id)
    await mine.ask('Hello')
    await chat.next('done')
    for (const frame of [{ type: 'message', content: 'Hi' }, { type: 'stop' }, { type: 'clear' }]) {
      chat.send(frame)
      assert.equal((await chat.next('error')).code, 'forbidden')
    }
    chat.send({ type: 'confirm', call_id: randomUUID(), approved: true })
    assert.equal((await chat.next('error')).code, 'forbidden')
    chat.send({ type: 'ping' })
    await chat.next('pong')
  })

  it('run: speak, not decide; its words count as written by others unless it says otherwise', async () => {
    const chat = await open(await withKey(['run']))
    assert.equal((await chat.ask('Hello')).type, 'done')
    assert.equal(chat.frames.find(({ type }) => type === 'user_message')!.by, 'api')
    assert.equal((await owner.get(`/api/conversations/${chat.id}`)).body.integrity, 'third_party')
    chat.send({ type: 'confirm', call_id: randomUUID(), approved: true })
    assert.equal((await chat.next('error')).code, 'forbidden')
    const own = await open(await withKey(['run'], { input: 'owner' }))
    await own.ask('Hello')
    assert.equal((await owner.get(`/api/conversations/${own.id}`)).body.integrity, 'owner')
  })

  it('approve: decide, not speak', async () => {
    api.answer(write(join(folder, 'a.txt'), 'x'), say('Done.'))
    const mine = await open()
    mine.send({ type: 'message', content: 'Write' })
    const { call_id } = await mine.next('confirmation_required')
    const nobody = open(await withKey(['approve']), mine.id)
    await assert.rejects(nobody, { status: 403 })
    const chat = await open(await withKey(['read', 'approve']), mine.id)
    assert.equal((await chat.ask('Hello')).code, 'forbidden')
    chat.send({ type: 'confirm', call_id, approved: true })
    const closed = await mine.next('confirmation_closed')
    assert.deepEqual([closed.decision, closed.by], ['approved', 'api'])
    assert.equal((await mine.next('done')).text, 'Done.')
  })
})

describe('frames that Steward does not know', () => {
  it('are answered with invalid, and the socket stays', async () => {
    api.answer(say('Yes.'))
    const chat = await open()
    const wrong = [
      'no json',
      '[]',
      'null',
      '"ping"',
      {},
      { type: 'shout' },
      { type: 'message' },
      { type: 'message', content: 5 },
      { type: 'message', content: 'x', surprise: true },
      { type: 'message', content: '' },
      { type: 'message', content: ' \n' },
      { type: 'message', content: 'x'.repeat(200_001) },
      { type: 'message', content: 'x', model: 'mistral:large' },
      { type: 'ping', extra: 1 },
      { type: 'confirm', call_id: 'abc', approved: true },
      { type: 'confirm', call_id: randomUUID(), approved: 'yes' },
      { type: 'subscribe', channels: ['everything'] },
      { type: 'subscribe', channels: [] },
      { type: '__proto__' },
    ]
    for (const frame of wrong) {
      chat.send(frame)
      const { code, error } = await chat.next('error')
      assert.equal(code, 'invalid', JSON.stringify(frame))
      assert(error.length > 10)
    }
    chat.send({ type: 'confirm', call_id: randomUUID(), approved: true })
    assert.equal((await chat.next('error')).code, 'not_found')
    chat.send({ type: 'message', content: 'x', agent_id: 'nobody' })
    assert.equal((await chat.next('error')).code, 'not_found')
    assert.equal((await chat.ask('Still there?')).text, 'Yes.')
    assert.equal(api.requests.length, 1)
  })

  it('as bytes instead of text count the same; ping is answered', async () => {
    const chat = await open()
    chat.socket.send(Buffer.from('{"type":"ping"}'))
    await chat.next('pong')
    chat.socket.send(Buffer.from([0xff, 0xfe, 0x00]))
    assert.equal((await chat.next('error')).code, 'invalid')
  })
})

describe('subscriptions', () => {
  it('bring the events of all conversations of this user, and of nobody else', async () => {
    api.answer(read(join(folder, 'note.txt')), write(join(folder, 'c.txt'), 'x'), say('Done.'))
    const watch = await open()
    const mine = await open()
    const stranger = await open(await anotherUser(steward))
    for (const chat of [watch, stranger]) {
      chat.send({ type: 'subscribe', channels: ['agent.*', 'approvals'] })
      await heard(chat)
    }
    mine.send({ type: 'message', content: 'Look, then write' })
    const { call_id } = await mine.next('confirmation_required')
    mine.send({ type: 'confirm', call_id, approved: false })
    const done = await mine.next('done')
    await watch.next(({ data }) => data?.type === 'done')
    const events = watch.frames.filter(({ type }) => type === 'event')
    assert.deepEqual(
      events.map(({ data }) => data),
      mine.frames.slice(1).map((frame) => ({ ...frame, conversation_id: mine.id })),
    )
    const channels = Object.fromEntries(events.map(({ channel, data }) => [data.type, channel]))
    assert.deepEqual(channels, {
      user_message: 'agent.message', run: 'agent.status', tool_start: 'agent.tool_call', tool_done: 'agent.tool_call',
      confirmation_required: 'approvals', confirmation_closed: 'approvals', text: 'agent.message', done: 'agent.message',
    }) // prettier-ignore
    assert.equal(events.at(-1)!.data.run_id, done.run_id)
    assert.deepEqual(await heard(stranger), [])
  })

  it('bring only what was asked for, until it is asked no more', async () => {
    api.answer(say('Yes.'))
    const watch = await open()
    const mine = await open()
    watch.send({ type: 'subscribe', channels: ['agent.status', 'approvals'] })
    await heard(watch)
    await mine.ask('Hello')
    await watch.next(({ data }) => data?.status === 'succeeded')
    assert(watch.frames.slice(1).every(({ type, channel }) => type === 'pong' || channel === 'agent.status'))
    watch.send({ type: 'unsubscribe', channels: ['agent.*'] })
    const before = (await heard(watch)).length
    await mine.ask('Hello again')
    assert.equal((await heard(watch)).length, before)
  })
})
