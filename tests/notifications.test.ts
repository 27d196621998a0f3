import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, beforeEach, describe, it } from 'node:test'
import { anotherUser } from './peers/database.ts'
import { startInside, type InsideSteward } from './peers/inside.ts'
import { KEY, startModelApi, type ModelApi } from './peers/model-api.ts'
import { Client, makeKey } from './steward.ts'

const PATH = '/api/notifications'
const DAY_MS = 24 * 3600_000

let api: ModelApi
let steward: InsideSteward
let userId: string

before(async () => {
  api = await startModelApi()
  steward = await startInside(api.env)
  userId = (await steward.owner.get('/api/auth/me')).body.id
})

after(async () => {
  await steward[Symbol.asyncDispose]()
  await api[Symbol.asyncDispose]()
})

beforeEach(() => void steward.services.db.sqlite.exec('DELETE FROM notifications'))

const tell = (title: string, more: object = {}): void =>
  steward.services.notifications.add({ userId, kind: 'result', title, ...more })

const titles = ({ body }: { body: any }): string[] => body.items.map(({ title }: { title: string }) => title)

describe('notifications', () => {
  it('are listed newest first, with what they are about', async () => {
    tell('First')
    tell('Second', { kind: 'approval', text: 'May I?', runId: 'r', agentId: 'a', taskId: 't', approvalId: 'p' })
    const { body } = await steward.owner.get(PATH)
    assert.deepEqual(titles({ body }), ['Second', 'First'])
    const { id, created_at, ...rest } = body.items[0]
    assert.deepEqual(rest, {
      kind: 'approval',
      title: 'Second',
      text: 'May I?',
      run_id: 'r',
      agent_id: 'a',
      task_id: 't',
      approval_id: 'p',
      read_at: null,
    })
    assert.ok(id && Date.parse(created_at))
    assert.deepEqual([body.total, body.unread_count, body.next_cursor], [2, 2, null])
  })

  it('come page by page, each once, also while new ones arrive', async () => {
    for (let number = 0; number < 7; number++) tell(`Number ${number}`)
    const seen: string[] = []
    let cursor = ''
    do {
      const answer = await steward.owner.get(`${PATH}?limit=3${cursor && `&cursor=${cursor}`}`)
      seen.push(...titles(answer))
      cursor = answer.body.next_cursor ?? ''
      tell('Meanwhile')
    } while (cursor)
    assert.deepEqual(
      seen,
      [6, 5, 4, 3, 2, 1, 0].map((number) => `Number ${number}`),
    )
  })

  it('are found by kind and by whether they were read', async () => {
    tell('Done', { kind: 'result' })
    tell('Spent', { kind: 'budget' })
    tell('Spent again', { kind: 'budget' })
    const [{ id }] = (await steward.owner.get(PATH)).body.items
    await steward.owner.post(`${PATH}/${id}/read`)
    assert.deepEqual(titles(await steward.owner.get(`${PATH}?kind=budget`)), ['Spent again', 'Spent'])
    assert.deepEqual(titles(await steward.owner.get(`${PATH}?unread=true`)), ['Spent', 'Done'])
    const { body } = await steward.owner.get(`${PATH}?unread=false&kind=budget`)
    assert.deepEqual([titles({ body }), body.total, body.unread_count], [['Spent again'], 1, 2])
    assert.equal((await steward.owner.get(`${PATH}?kind=gossip`)).status, 400)
  })

  it('are read one by one or all at once; reading twice keeps the first time', async () => {
    tell('One')
    tell('Two')
    const [, one] = (await steward.owner.get(PATH)).body.items
    assert.deepEqual((await steward.owner.post(`${PATH}/${one.id}/read`)).body, { ok: true })
    const [, first] = (await steward.owner.get(PATH)).body.items
    steward.later(1000)
    await steward.owner.post(`${PATH}/${one.id}/read`)
    assert.deepEqual((await steward.owner.post(`${PATH}/read-all`)).body, { ok: true })
    const { body } = await steward.owner.get(PATH)
    assert.equal(body.items[1].read_at, first.read_at)
    assert.equal(body.unread_count, 0)
    assert.notEqual(body.items[0].read_at, null)
  })

  it('of others do not exist', async () => {
    tell('Mine')
    const [{ id }] = (await steward.owner.get(PATH)).body.items
    const other = await anotherUser(steward)
    assert.deepEqual((await other.get(PATH)).body.items, [])
    assert.equal((await other.post(`${PATH}/${id}/read`)).status, 404)
    await other.post(`${PATH}/read-all`)
    assert.equal((await steward.owner.get(PATH)).body.unread_count, 1)
    assert.equal((await steward.owner.post(`${PATH}/${randomUUID()}/read`)).status, 404)
  })

  it('are listed with the scope read and marked with run', async () => {
    tell('Mine')
    const [{ id }] = (await steward.owner.get(PATH)).body.items
    const reader = new Client(steward.url, await makeKey(steward.owner, ['read']))
    assert.equal((await reader.get(PATH)).status, 200)
    assert.equal((await reader.post(`${PATH}/${id}/read`)).status, 403)
    assert.equal((await reader.post(`${PATH}/read-all`)).status, 403)
    const runner = new Client(steward.url, await makeKey(steward.owner, ['run']))
    assert.equal((await runner.post(`${PATH}/${id}/read`)).status, 200)
  })

  it('about a question are read once it is decided', async () => {
    tell('May I?', { kind: 'approval', approvalId: 'p1' })
    tell('May I do that?', { kind: 'approval', approvalId: 'p2' })
    steward.services.notifications.readFor('p1')
    assert.deepEqual(titles(await steward.owner.get(`${PATH}?unread=1`)), ['May I do that?'])
  })

  it('never show a known secret, and are cut where they are endless', async () => {
    tell(`Key ${KEY}`, { text: `It said ${KEY}. ${'x'.repeat(10_000)}` })
    const { body, text } = await steward.owner.get(PATH)
    assert.ok(!text.includes(KEY))
    assert.equal(body.items[0].title, 'Key [system:anthropic_api_key]')
    assert.equal(body.items[0].text.length, 2_000)
  })

  it('go out to sockets that follow them after the commit, and not at all after a rollback', async () => {
    const chat = await steward.owner.chat(randomUUID())
    await chat.next('models')
    chat.send({ type: 'subscribe', channels: ['notifications'] })
    chat.send({ type: 'ping' })
    await chat.next('pong')
    const { db } = steward.services
    assert.throws(() =>
      db.transact(() => {
        tell('Taken back')
        throw new Error('no')
      }),
    )
    db.transact(() => {
      tell('Told', { kind: 'trouble', runId: 'r' })
      assert.ok(!chat.frames.some(({ type }) => type === 'event'))
    })
    const { channel, data } = await chat.next('event')
    assert.equal(channel, 'notifications')
    const [item] = (await steward.owner.get(PATH)).body.items
    assert.deepEqual([data.type, data.id, data.title, data.kind], ['notification', item.id, 'Told', 'trouble'])
    assert.equal((await steward.owner.get(PATH)).body.total, 1)
    await chat.close()
  })

  it('go 90 days after they came, if they were read', async () => {
    tell('Read and old')
    await steward.owner.post(`${PATH}/read-all`)
    tell('Unread and old')
    steward.later(91 * DAY_MS)
    tell('Read and new')
    const newest = steward.services.notifications.list(userId, { limit: 1 }).items[0]!
    steward.services.notifications.read(userId, newest.id)
    await steward.services.housekeeping.sweep()
    const { items } = steward.services.notifications.list(userId, { limit: 50 })
    assert.deepEqual(items.map(({ title }) => title).sort(), ['Read and new', 'Unread and old'])
  })
})
