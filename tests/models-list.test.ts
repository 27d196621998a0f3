import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, it } from 'node:test'
import { findClaude } from '../services/models/catalogue.ts'
import { costUsd } from '../services/models/listed-model.ts'
import { KEY, type Answer, serve, json, models } from './peers/model-wire.ts'

describe('The list of models', () => {
  const claudes = [
    {
      id: 'claude-opus-5-5',
      display_name: 'Claude Opus 5.5',
      created_at: '2026-09-22T00:00:00Z',
      max_input_tokens: 900_000,
      lifecycle: 'active',
    },
    { id: 'claude-sonnet-5', display_name: 'Claude Sonnet 5', created_at: '2026-06-30T00:00:00Z' },
    { id: 'claude-sonnet-5-5', display_name: 'Claude Sonnet 5.5', created_at: '2026-09-28T00:00:00Z' },
  ]
  const page = (data: object[], more = {}): Answer => json(200, { data, has_more: false, ...more })
  const keys = { 'system:anthropic_api_key': KEY }

  it('holds all pages of what the key may use, with prices, and the rehearsal model', async () => {
    await using api = await serve(
      page(claudes.slice(0, 2), { has_more: true, last_id: 'claude-sonnet-5' }),
      page(claudes.slice(2)),
    )
    const {
      models: listed,
      default: chosen,
      warnings,
    } = await models({ keys, baseUrls: { anthropic: api.url } }).all.list()
    assert.deepEqual(
      listed.map(({ id }) => id),
      [...claudes.map(({ id }) => `anthropic:${id}`), 'rehearsal:offline'],
    )
    assert.deepEqual(listed[0], {
      id: 'anthropic:claude-opus-5-5',
      name: 'Claude Opus 5.5',
      provider: 'anthropic',
      context_length: 900_000,
      pricing: { prompt: 4, completion: 20 },
      capabilities: { vision: true, tools: true, online: false },
      private_ok: true,
    })
    assert.equal(chosen, 'anthropic:claude-sonnet-5-5')
    assert.deepEqual(warnings, [])
    assert.match(api.requests[1]!.path, /after_id=claude-sonnet-5/)
    assert.equal(api.requests[0]!.headers.authorization, `Bearer ${KEY}`)
  })

  it('is fetched once an hour for all who ask, and anew for another key', async () => {
    await using api = await serve(page(claudes))
    let time = 0
    const changing = { ...keys }
    const { all } = models({ keys: changing, baseUrls: { anthropic: api.url }, now: () => time })
    await Promise.all([all.list(), all.list(), all.info()])
    time += 59 * 60_000
    await all.list()
    assert.equal(api.requests.length, 1)
    changing['system:anthropic_api_key'] = 'sk-ant-another'
    await all.list()
    assert.equal(api.requests.length, 2)
    time += 61 * 60_000
    await all.list()
    assert.equal(api.requests.length, 3)
  })

  it('falls back to the known models with a warning, without the key in it, and asks again after a minute', async () => {
    await using api = await serve(json(500, {}), json(401, { error: { message: KEY } }), page(claudes))
    let time = 0
    const { all, warnings } = models({ keys, baseUrls: { anthropic: api.url }, now: () => time })
    const first = await all.list()
    assert(first.models.some(({ id }) => id === 'anthropic:claude-haiku-5-5'))
    assert.match(first.warnings[0]!, /^The list of models of Anthropic could not be fetched\. Anthropic answered 500/)
    await all.list()
    assert.equal(api.requests.length, 1)
    time += 61_000
    assert.match((await all.list()).warnings[0]!, /refused the API key/)
    time += 61_000
    assert.deepEqual((await all.list()).warnings, [])
    assert.equal(warnings.length, 2)
  })

  it('does not keep anybody waiting for a slow provider, but has its list later', async () => {
    await using api = await serve((res, seen) => void setTimeout(() => page(claudes)(res, seen), 1_800))
    const { all } = models({ keys, baseUrls: { anthropic: api.url } })
    const at = performance.now()
    const early = await all.list()
    assert(performance.now() - at < 1_700)
    assert(early.models.some(({ id }) => id === 'anthropic:claude-fable-5-2'))
    await sleep(600)
    assert(!all.listNow().models.some(({ id }) => id === 'anthropic:claude-fable-5-2'))
    assert.equal(api.requests.length, 1)
  })

  it('reads OpenRouter’s sizes, prices and abilities', async () => {
    const seeing = {
      id: 'anthropic/claude-sonnet-5.5',
      name: 'Claude Sonnet 5.5',
      created: 1_790_000_000,
      context_length: 1_000_000,
      architecture: { input_modalities: ['text', 'image'] },
      pricing: { prompt: '0.000002', completion: '0.00001', input_cache_read: '0.0000001' },
      supported_parameters: ['tools', 'max_tokens'],
      top_provider: { max_completion_tokens: 9_000 },
    }
    const online = {
      id: 'perplexity/sonar',
      name: 'Sonar',
      architecture: { modality: 'text->text' },
      pricing: { prompt: '-1', completion: '-1' },
    }
    await using api = await serve(
      json(200, { data: [seeing], links: { next: '/api/v1/models?offset=1' } }),
      json(200, { data: [online] }),
    )
    const { all } = models({
      keys: { 'system:openrouter_api_key': KEY },
      baseUrls: { openrouter: `${api.url}/api/v1` },
    })
    const [first, second] = await all.info()
    assert.deepEqual(first, {
      id: 'openrouter:anthropic/claude-sonnet-5.5',
      name: 'Claude Sonnet 5.5',
      provider: 'openrouter',
      context_length: 1_000_000,
      pricing: { prompt: 2, completion: 10 },
      capabilities: { vision: true, tools: true, online: false },
      private_ok: true,
    })
    assert.deepEqual(second!.capabilities, { vision: false, tools: false, online: true })
    assert.deepEqual(second!.pricing, { prompt: null, completion: null })
    assert.deepEqual(
      api.requests.map(({ path }) => path),
      ['/api/v1/models', '/api/v1/models?offset=1'],
    )
    assert.equal(all.choose(first.id).maxTokens, 9_000)
    const usage = { inputTokens: 1_000_000, outputTokens: 0, cacheReadTokens: 500_000, cacheWriteTokens: 0 }
    assert.equal(all.cost(first.id, usage), 1.05)
  })

  it('keeps only the chat models of OpenAI and prefers a plain one', async () => {
    const ids = ['gpt-6-pro', 'gpt-6', 'gpt-5', 'gpt-image-1', 'text-embedding-3', 'o3', 'gpt-realtime', 'whisper-1']
    await using api = await serve(json(200, { data: ids.map((id, index) => ({ id, created: 100 - index })) }))
    const { all } = models({ keys: { 'system:openai_api_key': KEY }, baseUrls: { openai: `${api.url}/v1` } })
    const { models: listed, default: chosen } = await all.list()
    assert.deepEqual(
      listed.map(({ id }) => id),
      ['openai:gpt-6-pro', 'openai:gpt-6', 'openai:gpt-5', 'openai:o3', 'rehearsal:offline'],
    )
    assert.equal(chosen, 'openai:gpt-6')
  })

  it('takes the owner’s default while it is listed, and says so once when it is not', async () => {
    await using api = await serve(page(claudes))
    let wanted = 'anthropic:claude-sonnet-5'
    const { all, warnings } = models({ keys, baseUrls: { anthropic: api.url }, defaultModel: () => wanted })
    assert.equal((await all.list()).default, wanted)
    wanted = 'anthropic:claude-sonnet-4-5'
    const { default: chosen, warnings: shown } = await all.list()
    assert.equal(chosen, 'anthropic:claude-sonnet-5-5')
    assert.match(shown[0]!, /^Anthropic no longer lists the default model anthropic:claude-sonnet-4-5\./)
    assert.equal(all.default(), chosen)
    assert.equal(warnings.length, 1)
  })

  it('finds a default without asking anybody first', () => {
    const nobody = { anthropic: 'http://127.0.0.1:1', openrouter: 'http://127.0.0.1:1' }
    assert.equal(models().all.default(), 'rehearsal:offline')
    assert.equal(models({ keys, baseUrls: nobody }).all.default(), 'anthropic:claude-sonnet-5-5')
    assert.equal(models({ defaultModel: () => 'openai:gpt-6' }).all.default(), 'rehearsal:offline')
    const openrouter = models({
      keys: { 'system:openrouter_api_key': KEY },
      baseUrls: nobody,
      defaultModel: () => 'openrouter:x/y',
    })
    assert.equal(openrouter.all.default(), 'openrouter:x/y')
    assert.deepEqual(openrouter.all.providers(), ['openrouter', 'rehearsal'])
  })

  it('has a list that is not fresh fetched when a default was asked for', async () => {
    await using api = await serve(page([{ ...claudes[1], id: 'claude-sonnet-6' }]))
    const { all } = models({ keys, baseUrls: { anthropic: api.url } })
    assert.equal(all.default(), 'anthropic:claude-sonnet-5-5')
    while (all.listNow().default === 'anthropic:claude-sonnet-5-5') await sleep(5)
    assert.equal(all.default(), 'anthropic:claude-sonnet-6')
    assert.equal(api.requests.length, 1)
  })

  it('chooses by provider and model, and names the providers where there is no such one', () => {
    const { all } = models()
    const choice = all.choose('anthropic:claude-haiku-4-5-20251001')
    assert.deepEqual(
      [choice.vendorModel, choice.contextLength, choice.maxTokens],
      ['claude-haiku-4-5-20251001', 200_000, 32_000],
    )
    assert.equal(all.choose('anthropic:claude-next').prices, null)
    for (const id of ['claude-sonnet-5-5', 'mistral:large', 'anthropic:', ':x']) {
      assert.throws(() => all.choose(id), {
        code: 'invalid',
        message: /anthropic, openrouter, openai, ollama, rehearsal/,
      })
    }
  })

  it('knows what a turn costs', () => {
    const usage = { inputTokens: 100_000, outputTokens: 1_000, cacheReadTokens: 50_000, cacheWriteTokens: 10_000 }
    const near = (actual: number | null, expected: number) => assert(Math.abs(actual! - expected) < 1e-9, `${actual}`)
    near(costUsd(findClaude('claude-sonnet-5-5')!.prices, usage), 0.04 * 2 + 0.05 * 0.1 + 0.01 * 2.5 + 0.001 * 10)
    near(
      costUsd(findClaude('claude-haiku-5-5')!.prices, { ...usage, cacheReadTokens: 0, cacheWriteTokens: 0 }),
      0.01 + 0.0005,
    )
    const long = { inputTokens: 200_000, outputTokens: 1_000, cacheReadTokens: 0, cacheWriteTokens: 0 }
    near(costUsd(findClaude('claude-haiku-5-5')!.prices, long), 0.1 + 0.0025)
    assert.equal(models().all.cost('openai:gpt-6', long), null)
    assert.equal(models().all.cost('rehearsal:offline', long), 0)
  })
})
