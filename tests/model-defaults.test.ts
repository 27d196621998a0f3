import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { startModelApi, type ModelApi } from './peers/model-api.ts'
import { makeKey, startSteward, type Steward } from './steward.ts'

const PATH = '/api/settings/provider'
const NOWHERE = 'http://127.0.0.1:9'

let api: ModelApi
let steward: Steward

before(async () => {
  api = await startModelApi()
  steward = await startSteward({
    env: { ...api.env, OPENROUTER_API_KEY: 'sk-or-a-long-enough-key', OPENROUTER_BASE_URL: NOWHERE },
  })
})
after(async () => {
  await steward[Symbol.asyncDispose]()
  await api[Symbol.asyncDispose]()
})

const get = async () => (await steward.owner.get(PATH)).body
const set = (body: object) => steward.owner.post(PATH, body)
const inForce = async () => (await steward.owner.get('/api/models')).body.default as string

async function refusedAt(field: string, body: object): Promise<void> {
  const answer = await set(body)
  assert.deepEqual([answer.status, answer.body.code, answer.body.detail[0].path], [400, 'invalid', field])
}

describe('the model that works unless another is named', () => {
  it('is an everyday one of the first provider that is set up', async () => {
    const { default_provider, available_providers, default_model } = await get()
    assert.deepEqual([default_provider, default_model], ['anthropic', null])
    assert.deepEqual(available_providers, ['anthropic', 'openrouter', 'rehearsal'])
    assert.match(await inForce(), /^anthropic:claude-sonnet/)
  })

  it('follows the provider that is set', async () => {
    assert.deepEqual((await set({ default_provider: 'openrouter' })).body, { ok: true })
    assert.match(await inForce(), /^openrouter:/)
    assert.equal((await get()).default_provider, 'openrouter')
  })

  it('is the model that is picked, whose provider comes along', async () => {
    assert.equal((await set({ default_model: 'anthropic:claude-haiku-5-5' })).status, 200)
    assert.equal(await inForce(), 'anthropic:claude-haiku-5-5')
    assert.deepEqual(await get(), {
      default_provider: 'anthropic',
      available_providers: ['anthropic', 'openrouter', 'rehearsal'],
      default_model: 'anthropic:claude-haiku-5-5',
    })
    await set({ default_provider: 'anthropic' })
    assert.equal(await inForce(), 'anthropic:claude-haiku-5-5', 'the same provider leaves the pick')
    await set({ default_provider: 'rehearsal' })
    assert.deepEqual([await inForce(), (await get()).default_model], ['rehearsal:offline', null])
    await set({ default_model: 'anthropic:claude-haiku-5-5' })
    await set({ default_model: null })
    assert.match(await inForce(), /^anthropic:claude-sonnet/, 'without the pick, an everyday one again')
  })

  it('is nothing that there is not', async () => {
    await refusedAt('default_provider', { default_provider: 'openai' })
    await refusedAt('default_provider', { default_provider: 'acme' })
    await refusedAt('default_provider', { default_provider: '' })
    await refusedAt('default_provider', { default_provider: null })
    await refusedAt('default_model', { default_model: 'openai:gpt-6' })
    await refusedAt('default_model', { default_model: 'gpt-6' })
    await refusedAt('default_model', { default_model: 'anthropic:claude-nothing-9' })
    await refusedAt('default_model', { default_model: 'anthropic:claude-haiku-5-5', default_provider: 'openrouter' })
    await refusedAt('available_providers', { available_providers: ['acme'] })
    assert.match(await inForce(), /^anthropic:claude-sonnet/)
  })

  it('is another one for as long as the provider that is set has no key', async () => {
    await set({ default_provider: 'openrouter' })
    await steward.owner.delete(`/api/credentials/${encodeURIComponent('system:openrouter_api_key')}`)
    const { default_provider, available_providers } = await get()
    assert.deepEqual([default_provider, available_providers], ['anthropic', ['anthropic', 'rehearsal']])
    await steward.owner.post('/api/credentials', { key: 'system:openrouter_api_key', value: 'sk-or-another-long-key' })
    assert.equal((await get()).default_provider, 'openrouter')
  })

  it('is changed with the scope admin, and that is written down', async () => {
    const reader = steward.anybody(await makeKey(steward.owner, ['read']))
    assert.equal((await reader.get(PATH)).status, 200)
    assert.equal((await reader.post(PATH, { default_provider: 'anthropic' })).status, 403)
    const script = steward.anybody(await makeKey(steward.owner, ['admin']))
    assert.equal((await script.post(PATH, { default_provider: 'anthropic' })).status, 200)
    const [entry] = (await steward.owner.get('/api/audit?kind=setting')).body.entries
    assert.equal(entry.subject, 'default_provider: openrouter → anthropic')
    await script.post(PATH, {})
    assert.equal((await steward.owner.get('/api/audit?kind=setting')).body.entries[0].id, entry.id)
  })
})
