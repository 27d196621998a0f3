import assert from 'node:assert/strict'
import { mkdtempSync, realpathSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { ended } from './peers/agents.ts'
import { KEY, say, startModelApi, textIn, type ModelApi } from './peers/model-api.ts'
import { makeKey, startSteward, type Answer, type Client, type Steward } from './steward.ts'

/** A script that has nothing but an API key, from an empty house to work that is done. */

let api: ModelApi
let steward: Steward
let script: Client

before(async () => {
  api = await startModelApi(say('Two meetings today.'))
  const { ANTHROPIC_API_KEY: _none, ...env } = api.env
  steward = await startSteward({ env })
  script = steward.anybody(await makeKey(steward.owner, ['admin'], { input: 'owner' }))
})
after(async () => {
  await steward[Symbol.asyncDispose]()
  await api[Symbol.asyncDispose]()
})

function done(answer: Answer, status = 200): any {
  assert.equal(answer.status, status, answer.text)
  return answer.body
}

describe('a script with an API key', () => {
  it('sets the house up: a provider, its default model, limits, lists and layers', async () => {
    done(await script.post('/api/credentials', { key: 'system:anthropic_api_key', value: KEY }))
    done(await script.post('/api/settings/provider', { default_model: 'anthropic:claude-haiku-5-5' }))
    assert.equal(done(await script.get('/api/models')).default, 'anthropic:claude-haiku-5-5')
    done(await script.post('/api/settings/limits', { max_tool_calls: 5, daily_budget_usd: 1 }))
    done(await script.post('/api/settings/security', { sanitize_enhanced: true }))
    done(await script.post('/api/settings/audit-retention', { days: 365 }))
    done(await script.post('/api/web-whitelist', { domain: 'example.com', note: 'Ours' }))
    done(await script.post('/api/email-whitelist', { email: 'alice@example.com', daily_limit: 3 }))
    done(await script.post('/api/filesystem-whitelist', { path: realpathSync(mkdtempSync(join(tmpdir(), 'docs-'))) }))
    done(await script.post('/api/my/browser-trusted', { domain: 'example.com' }))
    done(await script.post('/api/admin/users', { username: 'alice', password: 'a long sentence is good' }), 201)
  })

  it('makes an agent and has it work, and reads what came of it', async () => {
    const draft = { name: 'Daily Summary', prompt: 'Summarise what today holds.', allowed_tools: ['web'] }
    const agent = done(await script.post('/api/agents', { ...draft, schedule: '0 8 * * *' }), 201)
    assert.equal(agent.integrity, 'owner')
    const { run_id } = done(await script.post(`/api/agents/${agent.id}/run`, { message: 'Only the meetings.' }), 202)
    const run = await ended(script, run_id)
    assert.deepEqual([run.status, run.answer, run.model], ['succeeded', 'Two meetings today.', 'anthropic:claude-haiku-5-5']) // prettier-ignore
    assert.ok(textIn(api.requests.at(-1)).includes('Only the meetings.'))
    assert.equal(done(await script.get(`/api/agents/${agent.id}`)).runs[0].id, run_id)
    assert.ok(done(await script.get('/api/usage')).total.turns >= 1)
    const entries = done(await script.get('/api/audit')).entries as { actor: string }[]
    assert.ok(entries.some(({ actor }) => actor === `key:${script.key!.slice(4, 12)}`))
  })

  it('holds everything and lets it go on', async () => {
    done(await script.post('/api/pause'))
    assert.equal(done(await script.get('/api/status')).paused, true)
    done(await script.post('/api/resume'))
    assert.equal(done(await script.get('/api/queue')).is_paused, false)
  })

  it('cannot say yes to itself, nor take the wall down', async () => {
    assert.equal((await script.post('/api/settings/security', { flow_guard: false })).status, 403)
    assert.equal((await script.post('/api/grants', { agent_id: 'x', operation: 'web.fetch_page' })).status, 403)
    assert.equal((await script.post('/api/approvals/x', { approved: true })).status, 403)
  })
})
