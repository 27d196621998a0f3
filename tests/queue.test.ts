import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, beforeEach, describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { startInside, type InsideSteward } from './peers/inside.ts'
import { say, startModelApi, textIn, type ModelApi, type Reply, type Request } from './peers/model-api.ts'
import type { Chat } from './steward.ts'

let api: ModelApi
let steward: InsideSteward
const open: (() => void)[] = []

before(async () => {
  api = await startModelApi()
  steward = await startInside(api.env)
})

after(async () => {
  release()
  await steward[Symbol.asyncDispose]()
  await api[Symbol.asyncDispose]()
})

beforeEach(async () => {
  release()
  await steward.owner.post('/api/resume')
  await steward.owner.post('/api/settings/limits', {
    max_concurrent_runs: 3,
    max_concurrent_chats: 32,
    max_autonomous_runs_per_hour: 10,
  })
})

/** The model answers each request once it is let go. */
function hold(): void {
  api.answer(async (request: Request): Promise<Reply> => {
    await new Promise<void>((resolve) => open.push(resolve))
    return say(`Done: ${textIn(request).slice(-20)}`)
  })
}

function release(): void {
  for (const let_go of open.splice(0)) let_go()
}

async function agent(name: string, more: object = {}): Promise<string> {
  const { body, status } = await steward.owner.post('/api/agents', { name, prompt: `You are ${name}.`, ...more })
  assert.equal(status, 201)
  return body.id
}

const run = async (id: string, message: string): Promise<string> =>
  (await steward.owner.post(`/api/agents/${id}/run`, { message })).body.run_id

const statusOf = async (id: string): Promise<string> => (await steward.owner.get(`/api/runs/${id}`)).body.status

async function until<T>(look: () => Promise<T | false | undefined> | T | false | undefined, what = 'it'): Promise<T> {
  for (let left = 400; left > 0; left--) {
    const found = await look()
    if (found !== false && found !== undefined) return found
    await sleep(10)
  }
  throw new Error(`${what} never came`)
}

const asked = (count: number) => until(() => api.requests.length >= count && true, `${count} requests`)
const ended = (id: string, status = 'succeeded') =>
  until(async () => (await statusOf(id)) === status && true, `${status} of ${id}`)

async function chat(): Promise<Chat> {
  const opened = await steward.owner.chat(randomUUID())
  await opened.next('models')
  return opened
}

describe('the queue', () => {
  it('lets so many runs go at a time, and says why the others wait', async () => {
    hold()
    const id = await agent('Many')
    const runs = []
    for (let count = 0; count < 5; count++) runs.push(await run(id, `Number ${count}`))
    await asked(3)
    const { body } = await steward.owner.get('/api/queue')
    assert.deepEqual([body.running, body.queued, body.max_concurrent], [3, 2, 3])
    assert.deepEqual(
      body.items.map((item: any) => [item.run_id, item.position]),
      [
        [runs[3], 0],
        [runs[4], 1],
      ],
    )
    assert.match(body.items[0].reason, /free place; 3 go at a time/)
    release()
    await asked(5)
    release()
    for (const one of runs) await ended(one)
  })

  it('answers a chat while every place for other runs is taken', async () => {
    hold()
    const id = await agent('Busy')
    const runs = []
    for (let count = 0; count < 4; count++) runs.push(await run(id, 'Work'))
    await asked(3)
    const opened = await chat()
    opened.send({ type: 'message', content: 'Hello' })
    await asked(4)
    assert.match(textIn(api.requests[3]), /Hello/)
    release()
    await opened.next('done')
    await asked(5)
    release()
    for (const one of runs) await ended(one)
    await opened.close()
  })

  it('gives the next place to the agent that has none, however many another one has waiting', async () => {
    hold()
    await steward.owner.post('/api/settings/limits', { max_concurrent_runs: 1 })
    const [busy, modest] = [await agent('Busy one'), await agent('Modest one')]
    const runs = []
    for (let count = 0; count < 4; count++) runs.push(await run(busy, 'Busy work'))
    runs.push(await run(modest, 'Modest work'))
    await asked(1)
    release()
    await asked(2)
    assert.match(textIn(api.requests[1]), /Modest work/)
    for (let count = 3; count <= 5; count++) {
      release()
      await asked(count)
    }
    release()
    for (const one of runs) await ended(one)
  })

  it('works through the messages to one agent in order, one at a time', async () => {
    hold()
    const id = await agent('Orderly')
    const say_ = async (content: string) =>
      (await steward.owner.post(`/api/agents/${id}/message`, { content })).body.run_id
    const [first, second] = [await say_('First thing'), await say_('Second thing')]
    await asked(1)
    await sleep(50)
    assert.equal(api.requests.length, 1)
    assert.equal(await statusOf(second), 'queued')
    release()
    await asked(2)
    assert.match(textIn(api.requests[1]), /First thing[^]*Second thing/)
    release()
    await ended(first)
    await ended(second)
  })

  it('holds autonomous runs over the hourly limit, and drops none', async () => {
    api.answer(say('Done.'))
    await steward.owner.post('/api/settings/limits', { max_autonomous_runs_per_hour: 2 })
    const id = await agent('Clockwork')
    const [{ userId }] = [steward.services.agents.find(id)!]
    const submit = (at: number) =>
      steward.services.runs.submit({
        door: 'scheduler',
        address: id,
        externalId: `${id}@${at}`,
        userId,
        conversationId: randomUUID(),
        kind: 'run',
        origin: 'schedule',
        by: 'web',
        attended: false,
        integrity: 'owner',
        text: 'Tick',
        attachments: [],
        agentId: id,
      }).id
    const runs = [1, 2, 3].map(submit)
    await ended(runs[0]!)
    await ended(runs[1]!)
    assert.equal(await statusOf(runs[2]!), 'queued')
    const { items } = (await steward.owner.get('/api/queue')).body
    assert.match(items[0].reason, /2 autonomous runs of this hour/)
    const byHand = await run(id, 'By hand')
    await ended(byHand)
    steward.later(3600_000)
    await steward.owner.post('/api/pause')
    await steward.owner.post('/api/resume')
    await ended(runs[2]!)
    assert.equal(submit(1), runs[0])
  })
})

describe('pausing', () => {
  it('everything lets nothing start, keeps what there is, and goes on where it stood', async () => {
    api.answer(say('Done.'))
    const id = await agent('Patient')
    await steward.owner.post('/api/pause')
    assert.equal((await steward.owner.get('/api/status')).body.paused, true)
    const waiting = await run(id, 'Later')
    const opened = await chat()
    opened.send({ type: 'message', content: 'Also later' })
    await sleep(100)
    assert.equal(api.requests.length, 0)
    assert.equal(await statusOf(waiting), 'queued')
    await steward.owner.post('/api/resume')
    assert.equal((await opened.next('done')).text, 'Done.')
    await ended(waiting)
    await opened.close()
  })

  it('in the middle of a run holds it before its next step; the step that went is kept', async () => {
    const calls: Reply = { calls: [{ name: 'filesystem', args: { operation: 'list_directory', path: '/nowhere' } }] }
    let letGo = () => {}
    api.answer(async (_request, index) => {
      if (index > 0) return say('Over.')
      await new Promise<void>((resolve) => (letGo = resolve))
      return calls
    })
    const id = await agent('Halted', { allowed_tools: ['filesystem'] })
    const going = await run(id, 'Look')
    await asked(1)
    await steward.owner.post('/api/pause')
    letGo()
    await ended(going, 'paused')
    const { body } = await steward.owner.get(`/api/runs/${going}`)
    assert.match(body.reason, /paused/)
    assert.equal(api.requests.length, 1)
    assert.equal(body.calls[0]?.status ?? 'waiting', 'waiting')
    await steward.owner.post('/api/resume')
    await ended(going)
    assert.equal(api.requests.length, 2)
    assert.equal((await steward.owner.get(`/api/runs/${going}`)).body.attempts, 1)
  })

  it('one agent holds its runs and no other', async () => {
    api.answer(say('Done.'))
    const [held, free] = [await agent('Held'), await agent('Free')]
    await steward.owner.post(`/api/agents/${held}/pause`)
    const [waits, goes] = [await run(held, 'Wait'), await run(free, 'Go')]
    await ended(goes)
    assert.equal(await statusOf(waits), 'paused')
    const { items } = (await steward.owner.get('/api/queue')).body
    assert.match(items.find((item: any) => item.run_id === waits).reason, /agent is paused/)
    await steward.owner.post(`/api/agents/${held}/resume`)
    await ended(waits)
  })

  it('lets what waits be stopped', async () => {
    api.answer(say('Done.'))
    const id = await agent('Dropped')
    await steward.owner.post('/api/pause')
    const waiting = await run(id, 'Never mind')
    await steward.owner.post(`/api/runs/${waiting}/stop`)
    assert.equal(await statusOf(waiting), 'stopped')
    await steward.owner.post('/api/resume')
    await sleep(50)
    assert.equal(api.requests.length, 0)
  })
})

describe('stopping', () => {
  it('cuts the stream of the model at once', async () => {
    api.answer({ text: ['One ', 'two '], hang: true })
    const id = await agent('Talker')
    const going = await run(id, 'Talk')
    await until(async () => (await steward.owner.get(`/api/runs/${going}`)).body.transcript.length > 0 && true)
    await steward.owner.post(`/api/runs/${going}/stop`)
    await ended(going, 'stopped')
    const { body } = await steward.owner.get(`/api/runs/${going}`)
    assert.equal(body.answer.trim(), 'One two')
    assert.ok(body.input_tokens > 0 && body.cost_usd > 0, 'what was begun is counted')
  })
})
