import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { startInside, type InsideSteward } from './peers/inside.ts'
import { say, startModelApi, type ModelApi } from './peers/model-api.ts'

let api: ModelApi
let steward: InsideSteward

before(async () => {
  api = await startModelApi(say('Done.'))
  steward = await startInside(api.env)
})

after(async () => {
  await steward[Symbol.asyncDispose]()
  await api[Symbol.asyncDispose]()
})

async function agent(name: string): Promise<string> {
  return (await steward.owner.post('/api/agents', { name, prompt: `You are ${name}.` })).body.id
}

async function chat() {
  const opened = await steward.owner.chat(randomUUID())
  await opened.next('models')
  return opened
}

async function until(look: () => Promise<boolean> | boolean): Promise<void> {
  for (let left = 1_000; left > 0; left--) {
    if (await look()) return
    await sleep(10)
  }
  throw new Error('it never came')
}

describe('ten thousand runs in the queue', () => {
  it('keep nobody from a chat, take their turns, and are all accounted for', async () => {
    const { services, owner } = steward
    const ids = await Promise.all(['Alpha', 'Beta', 'Gamma'].map(agent))
    const { userId } = services.agents.find(ids[0]!)!
    await owner.post('/api/pause')
    const submit = (agentId: string) =>
      services.runs.submit({
        door: 'api',
        address: '',
        userId,
        conversationId: randomUUID(),
        kind: 'run',
        origin: 'manual',
        by: 'api',
        attended: false,
        integrity: 'owner',
        text: 'Work',
        attachments: [],
        agentId,
      })
    for (let chunk = 0; chunk < 100; chunk++) {
      services.db.transact(() => {
        for (let count = 0; count < 100; count++) submit(ids[chunk < 98 ? 0 : chunk - 97]!)
      })
      // Breathes, so that connections which idle meanwhile are closed before they are used again.
      await new Promise((resolve) => setImmediate(resolve))
    }
    assert.equal((await owner.get('/api/queue')).body.queued, 10_000)
    await owner.post('/api/resume')
    const opened = await chat()
    assert.equal((await opened.ask('Are you there?')).text, 'Done.')
    await until(() => api.requests.length > 60)
    await owner.post('/api/pause')
    await until(async () => (await owner.get('/api/queue')).body.running === 0)
    const done = async (agentId: string) =>
      (await owner.get(`/api/runs?agent_id=${agentId}&status=succeeded`)).body.total
    const [alpha, beta, gamma] = await Promise.all(ids.map(done))
    assert.ok(Math.abs(alpha - beta) <= 3 && Math.abs(beta - gamma) <= 3, `${alpha}, ${beta}, ${gamma}`)
    const { queued, paused } = (await owner.get('/api/queue')).body
    assert.equal(alpha + beta + gamma + queued + paused, 10_000)
    await Promise.all(ids.map((id) => owner.post(`/api/agents/${id}/stop`)))
    assert.equal((await owner.get('/api/queue')).body.queued, 0)
    await owner.post('/api/resume')
    await opened.close()
  })
})

describe('a model that is down', () => {
  it('fails an unattended run with a sentence, and its owner is told', async () => {
    api.answer({ status: 500, error: 'Everything is broken', headers: { 'retry-after': '0' } })
    const id = await agent('Unlucky')
    const { run_id } = (await steward.owner.post(`/api/agents/${id}/run`)).body
    await until(async () => (await steward.owner.get(`/api/runs/${run_id}`)).body.ended_at !== null)
    const { body } = await steward.owner.get(`/api/runs/${run_id}`)
    assert.deepEqual([body.status, body.error_code], ['failed', 'upstream_failed'])
    const { items } = (await steward.owner.get('/api/notifications?kind=trouble')).body
    assert.deepEqual([items[0].title, items[0].run_id, items[0].text], ['Unlucky failed', run_id, body.error])
    api.answer(say('Up again.'))
    const again = (await steward.owner.post(`/api/agents/${id}/run`)).body.run_id
    await until(async () => (await steward.owner.get(`/api/runs/${again}`)).body.status === 'succeeded')
  })
})

describe('a clock that leaps', () => {
  it('forth and back neither loses a run nor does one twice', async () => {
    api.answer(say('Tick.'))
    const { body: task } = await steward.owner.post('/api/tasks', {
      name: 'Hourly',
      prompt: 'Tick',
      schedule: '0 * * * *',
    })
    const ran = async () => (await steward.owner.get(`/api/tasks/${task.id}/occurrences`)).body.counts
    steward.later(3 * 3600_000)
    await until(async () => (await ran()).ran === 1)
    assert.equal((await ran()).merged, 2)
    steward.later(-2 * 3600_000)
    await sleep(1_500)
    assert.deepEqual(await ran(), { ran: 1, skipped: 0, missed: 0, merged: 2 })
    steward.later(3 * 3600_000)
    await until(async () => (await ran()).ran === 2)
    assert.equal(api.requests.length, 2)
  })
})
