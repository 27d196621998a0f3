import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, beforeEach, describe, it } from 'node:test'
import { say, startModelApi, type ModelApi } from './peers/model-api.ts'
import { startSteward, type Steward } from './steward.ts'

/** Which model vendors may be told what is private is the owner's to say. */

const MODEL = 'anthropic:claude-haiku-4-5'
const SETTINGS = '/api/settings/security'

let api: ModelApi
let steward: Steward

before(async () => {
  api = await startModelApi()
  steward = await startSteward({ env: api.env })
})

beforeEach(() => {
  api.answer(() => say('Understood.'))
  api.bodies.length = 0
})

after(async () => {
  await steward[Symbol.asyncDispose]()
  await api[Symbol.asyncDispose]()
})

const publicOnly = (providers: string[]) => steward.owner.post(SETTINGS, { public_only_providers: providers })

describe('a provider that may be told only what is public', () => {
  it('is not sent a byte of a conversation, which says why; others are', async () => {
    assert.equal((await publicOnly(['anthropic'])).status, 200)
    const chat = await steward.owner.chat(randomUUID())
    const refused = await chat.ask('My blood pressure is 150 to 90.', { model: MODEL })
    assert.deepEqual([refused.type, refused.code], ['error', 'forbidden'])
    assert.match(refused.error, /anthropic may be told only what is public.*Settings → Security/)
    assert.deepEqual(api.bodies, [])
    assert.equal((await chat.ask('Then you.', { model: 'rehearsal:offline' })).type, 'done')
    await chat.close()
  })

  it('is not sent a byte by a run that nobody watches either', async () => {
    await publicOnly(['anthropic'])
    const { body: agent } = await steward.owner.post('/api/agents', { name: 'Diary', prompt: 'Write.', model: MODEL })
    const { body } = await steward.owner.post(`/api/agents/${agent.id}/run`)
    const run = await ended(body.run_id as string)
    assert.deepEqual([run.status, run.error_code ?? run.error?.code], ['failed', 'forbidden'])
    assert.deepEqual(api.bodies, [])
  })

  it('shows in the list of models, and is told again once the owner says so', async () => {
    const okOf = async () =>
      (await steward.owner.get('/api/models/info')).body.filter(
        ({ provider }: { provider: string }) => provider === 'anthropic',
      )[0].private_ok
    await publicOnly(['anthropic'])
    assert.equal(await okOf(), false)
    await publicOnly([])
    assert.equal(await okOf(), true)
    const chat = await steward.owner.chat(randomUUID())
    assert.equal((await chat.ask('And now?', { model: MODEL })).text, 'Understood.')
    await chat.close()
    assert.equal(api.bodies.length, 1)
  })
})

async function ended(id: string): Promise<any> {
  for (;;) {
    const { body } = await steward.owner.get(`/api/runs/${id}`)
    if (!['queued', 'running'].includes(body.status)) return body
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}
