import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, it } from 'node:test'
import { ended, newAgent, reached, worked } from './peers/agents.ts'
import { anotherUser, withDatabase } from './peers/database.ts'
import { startInside, type InsideSteward } from './peers/inside.ts'
import { MODEL, say, startModelApi, textIn, use, type ModelApi, type Request } from './peers/model-api.ts'
import { Client, makeKey, type Answer } from './steward.ts'

let api: ModelApi
let steward: InsideSteward
let owner: Client

before(async () => {
  api = await startModelApi()
  steward = await startInside({ ...api.env, TZ: 'Europe/Berlin' })
  owner = steward.owner
})
after(async () => {
  await steward[Symbol.asyncDispose]()
  await api[Symbol.asyncDispose]()
})
beforeEach(() => api.answer(say('Done.')))

const SEED = {
  name: 'Daily Summary',
  prompt: 'Sum up the day.',
  model: MODEL,
  schedule: '0 8 * * *',
  allowed_tools: ['email', 'caldav'],
  enabled: true,
  prompt_mode: 'combined',
  max_tool_calls: null,
}

const paths = ({ body }: Answer): string[] => body.detail.map(({ path }: { path: string }) => path)
const get = async (id: string) => (await owner.get(`/api/agents/${id}`)).body
const system = (request: Request | undefined): string => request!.system.map(({ text }) => text).join('\n')
const toolNames = (request: Request | undefined): string[] => (request?.tools ?? []).map(({ name }) => name).sort()

describe('an agent', () => {
  it('is made as the owner describes it, and answered with when it is due and what it used', async () => {
    const made = await owner.post('/api/agents', SEED)
    assert.equal(made.status, 201)
    const { id, created_at, updated_at, next_run_at, user_id, ...rest } = made.body
    assert.deepEqual(rest, {
      ...SEED,
      integrity: 'owner',
      run_at: null,
      timezone: 'Europe/Berlin',
      catch_up: true,
      paused: false,
      max_cost_usd: null,
      last_run: null,
      input_tokens: 0,
      output_tokens: 0,
      cost_usd: 0,
    })
    assert.ok(id && user_id && created_at === updated_at)
    assert.equal(new Date(next_run_at).toLocaleTimeString('en-GB', { timeZone: 'Europe/Berlin' }), '08:00:00')
    assert.ok(Date.parse(next_run_at) - Date.now() <= 25 * 3600_000)
    const listed = (await owner.get('/api/agents')).body.find((agent: { id: string }) => agent.id === id)
    assert.deepEqual(listed, made.body)
    const detail = await get(id)
    assert.deepEqual(detail, {
      agent: made.body,
      runs: [],
      total_input_tokens: 0,
      total_output_tokens: 0,
      total_cost_usd: 0,
      unknown_cost_turns: 0,
    })
  })

  it('needs a name and a prompt only', async () => {
    const agent = await newAgent(owner)
    assert.deepEqual(
      [agent.model, agent.schedule, agent.next_run_at, agent.allowed_tools, agent.prompt_mode, agent.enabled],
      [null, null, null, null, 'combined', true],
    )
    assert.equal((await newAgent(owner, { schedule: '' })).schedule, null)
  })

  it('is refused with the path of what is not right, and nothing is made', async () => {
    const before = (await owner.get('/api/agents')).body.length
    const refused: [object, string][] = [
      [{ name: '' }, 'name'],
      [{ name: 'x'.repeat(101) }, 'name'],
      [{ prompt: '  ' }, 'prompt'],
      [{ prompt: 'x'.repeat(100_001) }, 'prompt'],
      [{ model: 'nobody:some-model' }, 'model'],
      [{ model: 'just-a-name' }, 'model'],
      [{ schedule: 'every day' }, 'schedule'],
      [{ schedule: '0 8 * * *', timezone: 'Mars/Olympus' }, 'timezone'],
      [{ run_at: 'tomorrow' }, 'run_at'],
      [{ schedule: '0 8 * * *', run_at: '2099-01-01T00:00:00Z' }, 'run_at'],
      [{ prompt_mode: 'loud' }, 'prompt_mode'],
      [{ allowed_tools: ['web', 'teleport'] }, 'allowed_tools.1'],
      [{ allowed_tools: ['web.fly'] }, 'allowed_tools.0'],
      [{ allowed_tools: ['mcp__'] }, 'allowed_tools.0'],
      [{ max_tool_calls: 0 }, 'max_tool_calls'],
      [{ max_tool_calls: 1001 }, 'max_tool_calls'],
      [{ max_cost_usd: 0 }, 'max_cost_usd'],
      [{ shoe_size: 43 }, 'shoe_size'],
    ]
    for (const [wrong, path] of refused) {
      const answer = await owner.post('/api/agents', { name: 'A', prompt: 'B', ...wrong })
      assert.equal(answer.status, 400, JSON.stringify(wrong))
      assert.deepEqual([answer.body.code, paths(answer)], ['invalid', [path]])
    }
    const { body } = await owner.post('/api/agents', { name: 'A', prompt: 'B', allowed_tools: ['teleport'] })
    assert.match(body.error, /no tool teleport.*filesystem.*web/)
    assert.equal((await owner.get('/api/agents')).body.length, before)
  })

  it('may name operations, servers and a dated model that no list has', async () => {
    const allowed_tools = ['web.search', 'mcp__files', 'mcp__files.read', 'filesystem']
    const agent = await newAgent(owner, { allowed_tools, model: 'anthropic:claude-haiku-4-5-20251001' })
    assert.deepEqual([agent.allowed_tools, agent.model], [allowed_tools, 'anthropic:claude-haiku-4-5-20251001'])
    assert.deepEqual((await newAgent(owner, { allowed_tools: [] })).allowed_tools, [])
  })

  it('is changed in part; what is left out stays', async () => {
    const { id, ...before } = await newAgent(owner, { ...SEED, timezone: 'Asia/Tokyo' })
    const answer = await owner.put(`/api/agents/${id}`, { schedule: '30 7 * * *', max_tool_calls: 5 })
    assert.deepEqual([answer.status, answer.body], [200, { ok: true }])
    const { agent } = await get(id)
    assert.deepEqual(
      { ...agent, updated_at: '', next_run_at: '' },
      { ...before, id, schedule: '30 7 * * *', max_tool_calls: 5, updated_at: '', next_run_at: '' },
    )
    assert.equal(new Date(agent.next_run_at).toISOString().slice(11, 16), '22:30')
    await owner.put(`/api/agents/${id}`, { enabled: false })
    assert.equal((await get(id)).agent.next_run_at, null)
    await owner.put(`/api/agents/${id}`, { enabled: true, run_at: '2099-01-01T00:00:00Z' })
    const moved = (await get(id)).agent
    assert.deepEqual(
      [moved.schedule, moved.run_at, moved.next_run_at],
      [null, '2099-01-01T00:00:00.000Z', moved.run_at],
    )
    await owner.put(`/api/agents/${id}`, { run_at: null, model: null, allowed_tools: null })
    const bare = (await get(id)).agent
    assert.deepEqual([bare.run_at, bare.next_run_at, bare.model, bare.allowed_tools], [null, null, null, null])
    assert.deepEqual(paths(await owner.put(`/api/agents/${id}`, { schedule: '99 * * * *' })), ['schedule'])
  })

  it('counts as written by others once their key wrote at it, until the owner writes its prompt anew under a name of theirs', async () => {
    const { id } = await newAgent(owner)
    const stranger = await makeKey(owner, ['admin'])
    const script = new Client(owner.url, stranger)
    const integrity = async () => (await get(id)).agent.integrity
    await script.put(`/api/agents/${id}`, { name: 'Renamed' })
    assert.equal(await integrity(), 'third_party')
    await owner.put(`/api/agents/${id}`, { enabled: false, prompt: 'Help with everything.' })
    assert.equal(await integrity(), 'third_party')
    await owner.put(`/api/agents/${id}`, { prompt: 'Words under a name of theirs.' })
    assert.equal(await integrity(), 'third_party')
    await owner.put(`/api/agents/${id}`, { name: 'Mine', prompt: 'My own words.' })
    assert.equal(await integrity(), 'owner')
    const trusted = await makeKey(owner, ['admin'], { input: 'owner' })
    await new Client(owner.url, trusted).put(`/api/agents/${id}`, { prompt: 'Mine too.' })
    assert.equal(await integrity(), 'owner')
  })

  it('is written into the audit log: made, changed, paused, removed, and by whom', async () => {
    const { id } = await newAgent(owner, { name: 'Audited' })
    await owner.put(`/api/agents/${id}`, { enabled: false })
    await owner.post(`/api/agents/${id}/pause`)
    await owner.post(`/api/agents/${id}/resume`)
    await owner.delete(`/api/agents/${id}`)
    const { entries } = (await owner.get('/api/audit?per_page=200')).body
    const told = entries.filter((entry: any) => entry.agent_id === id && entry.kind === 'agent').toReversed()
    assert.deepEqual(
      told.map((entry: any) => `${entry.action} ${entry.subject} by ${entry.actor}`),
      ['created', 'changed', 'paused', 'resumed', 'removed'].map((action) => `${action} Audited by web:anna`),
    )
  })
})

describe('an agent at work', () => {
  it('does what its prompt says and leaves a run behind, with what it used', async () => {
    api.answer({ ...say('Two meetings today.'), usage: { input: 100, output: 20 } })
    const { id } = await newAgent(owner, { name: 'Reporter', prompt: 'Tell me of my meetings.', model: MODEL })
    const started = await owner.post(`/api/agents/${id}/run`)
    assert.deepEqual([started.status, Object.keys(started.body)], [202, ['run_id']])
    const run = await ended(owner, started.body.run_id)
    assert.deepEqual(
      [run.status, run.answer, run.origin, run.agent_id, run.agent_name, run.model],
      ['succeeded', 'Two meetings today.', 'manual', id, 'Reporter', MODEL],
    )
    const { agent, runs, ...totals } = await get(id)
    assert.deepEqual(
      runs.map((entry: { id: string }) => entry.id),
      [run.id],
    )
    assert.deepEqual(agent.last_run, {
      id: run.id,
      status: 'succeeded',
      created_at: run.created_at,
      ended_at: run.ended_at,
    })
    assert.deepEqual([totals.total_input_tokens, totals.total_output_tokens], [100, 20])
    assert.deepEqual([agent.input_tokens, agent.output_tokens, agent.cost_usd], [100, 20, totals.total_cost_usd])
    const chats = (await owner.get('/api/conversations')).body.conversations
    assert.ok(!chats.some((chat: { id: string }) => chat.id === run.conversation_id))
  })

  it('is told its prompt as its mode says', async () => {
    const modes = {
      combined: { inSystem: true, house: true, user: 'Carry out your instructions now.' },
      agent_only: { inSystem: true, house: false, user: 'Carry out your instructions now.' },
      system_only: { inSystem: false, house: true, user: 'Count the spoons.' },
    }
    for (const [prompt_mode, expected] of Object.entries(modes)) {
      api.answer(say('One.'))
      const { id } = await newAgent(owner, { prompt: 'Count the spoons.', prompt_mode })
      await worked(owner, id)
      const [request] = api.requests
      assert.equal(system(request).includes('Count the spoons.'), expected.inSystem, prompt_mode)
      assert.equal(system(request).includes('a personal assistant'), expected.house, prompt_mode)
      assert.equal(textIn(request), expected.user, prompt_mode)
    }
  })

  it('takes a message instead; in the mode system_only below its prompt', async () => {
    const combined = await newAgent(owner, { prompt: 'Count the spoons.' })
    assert.equal(
      (await worked(owner, combined.id, { message: 'Only the silver ones.' })).input,
      'Only the silver ones.',
    )
    const userSide = await newAgent(owner, { prompt: 'Count the spoons.', prompt_mode: 'system_only' })
    const run = await worked(owner, userSide.id, { message: 'Only the silver ones.' })
    assert.equal(run.input, 'Count the spoons.\n\nOnly the silver ones.')
    assert.equal((await worked(owner, userSide.id, { message: '  ' })).input, 'Count the spoons.')
  })

  it('counts what a key of others says as theirs', async () => {
    const { id } = await newAgent(owner)
    const script = new Client(owner.url, await makeKey(owner, ['run', 'read']))
    assert.equal((await worked(script, id, { message: 'Do this.' })).integrity, 'third_party')
    assert.equal((await worked(script, id)).integrity, 'owner')
    assert.equal((await worked(owner, id, { message: 'Do this.' })).integrity, 'owner')
  })

  it('is offered the tools that it may use, and no others', async () => {
    const offered = async (allowed_tools: string[] | null): Promise<string[]> => {
      api.answer(say('Fine.'))
      await worked(owner, (await newAgent(owner, { allowed_tools })).id)
      return toolNames(api.requests[0])
    }
    assert.deepEqual(await offered([]), [])
    assert.deepEqual(await offered(['web']), ['web'])
    const all = await offered(null)
    assert.ok(all.includes('web') && all.includes('filesystem'))
    api.answer(use('filesystem', { operation: 'list_directory', path: '/tmp' }), say('Then not.'))
    const run = await worked(owner, (await newAgent(owner, { allowed_tools: ['web.search'] })).id)
    assert.deepEqual(
      run.calls.map(({ tool_name, decision, rule, success }: any) => [tool_name, decision, rule, success]),
      [['filesystem', 'deny', '2', false]],
    )
  })

  it('begins each run afresh, and remembers what is said to it in its lasting conversation', async () => {
    const { id } = await newAgent(owner)
    await worked(owner, id, { message: 'The word is tulip.' })
    await worked(owner, id, { message: 'Which word?' })
    assert.ok(!textIn(api.requests.at(-1)).includes('tulip'))
    const tell = async (content: string) => {
      const { status, body } = await owner.post(`/api/agents/${id}/message`, { content })
      assert.equal(status, 202)
      return ended(owner, body.run_id)
    }
    const first = await tell('The word is rose.')
    const second = await tell('Which word?')
    assert.ok(textIn(api.requests.at(-1)).includes('The word is rose.'))
    assert.equal(first.conversation_id, second.conversation_id)
    assert.equal((await owner.post(`/api/agents/${id}/message`, { content: ' ' })).status, 400)
  })

  it('starts once for one Idempotency-Key', async () => {
    const { id } = await newAgent(owner)
    const headers = { 'Idempotency-Key': crypto.randomUUID() }
    const [first, again] = [
      await owner.post(`/api/agents/${id}/run`, {}, { headers }),
      await owner.post(`/api/agents/${id}/run`, {}, { headers }),
    ]
    assert.deepEqual([again.status, again.body], [202, first.body])
    assert.equal((await owner.post(`/api/agents/${id}/run`, { message: 'Other' }, { headers })).status, 409)
    await ended(owner, first.body.run_id)
    assert.equal((await get(id)).runs.length, 1)
  })

  it('is stopped with everything it has to do', async () => {
    api.answer({ text: ['Begun'], hang: true })
    const { id } = await newAgent(owner)
    const runs = [await owner.post(`/api/agents/${id}/run`), await owner.post(`/api/agents/${id}/run`)]
    await reached(owner, runs[0]!.body.run_id, ({ status }) => status === 'running')
    assert.deepEqual((await owner.post(`/api/agents/${id}/stop`)).body, { ok: true })
    for (const { body } of runs) assert.equal((await ended(owner, body.run_id)).status, 'stopped')
  })

  it('does nothing while it is paused, and everything after', async () => {
    const { id } = await newAgent(owner)
    assert.deepEqual((await owner.post(`/api/agents/${id}/pause`)).body, { ok: true })
    assert.equal((await get(id)).agent.paused, true)
    const { body } = await owner.post(`/api/agents/${id}/run`)
    const held = (await owner.get(`/api/runs/${body.run_id}`)).body
    assert.deepEqual([held.status, typeof held.reason], ['paused', 'string'])
    assert.deepEqual((await owner.post(`/api/agents/${id}/resume`)).body, { ok: true })
    assert.equal((await ended(owner, body.run_id)).status, 'succeeded')
  })

  it('leaves its history when it is removed, and what it was doing is stopped', async () => {
    const { id } = await newAgent(owner, { name: 'Gone', schedule: '0 8 * * *' })
    const old = await worked(owner, id)
    api.answer({ text: ['Begun'], hang: true })
    const { body } = await owner.post(`/api/agents/${id}/run`)
    await reached(owner, body.run_id, ({ status }) => status === 'running')
    assert.deepEqual((await owner.delete(`/api/agents/${id}`)).body, { ok: true })
    assert.equal((await ended(owner, body.run_id)).status, 'stopped')
    for (const path of ['', '/events']) assert.equal((await owner.get(`/api/agents/${id}${path}`)).status, 404)
    for (const path of ['/run', '/stop', '/pause'])
      assert.equal((await owner.post(`/api/agents/${id}${path}`)).status, 404)
    assert.ok(!(await owner.get('/api/agents')).body.some((agent: { id: string }) => agent.id === id))
    const { items } = (await owner.get(`/api/runs?agent_id=${id}`)).body
    assert.deepEqual(
      items.map((run: { id: string }) => run.id),
      [body.run_id, old.id],
    )
    assert.equal((await owner.get(`/api/runs/${old.id}`)).body.agent_name, 'Gone')
    const left = withDatabase(steward.dataDir, (db) => db.prepare('SELECT 1 FROM schedules WHERE id = ?').get(id))
    assert.equal(left, undefined)
  })
})

describe('who may', () => {
  it('see and touch an agent: its owner alone', async () => {
    const { id } = await newAgent(owner)
    const other = await anotherUser(steward)
    assert.deepEqual((await other.get('/api/agents')).body, [])
    const answers = [
      await other.get(`/api/agents/${id}`),
      await other.get(`/api/agents/${id}/events`),
      await other.put(`/api/agents/${id}`, { name: 'Mine' }),
      await other.delete(`/api/agents/${id}`),
      ...(await Promise.all(['run', 'stop', 'pause', 'resume'].map((act) => other.post(`/api/agents/${id}/${act}`)))),
      await other.post(`/api/agents/${id}/message`, { content: 'Hello' }),
    ]
    assert.deepEqual(
      answers.map(({ status, body }) => [status, body.code]),
      answers.map(() => [404, 'not_found']),
    )
    assert.equal((await get(id)).agent.name, 'Helper')
  })

  it('do what by key: reading needs read, putting to work run, making and changing admin', async () => {
    const { id } = await newAgent(owner)
    const withScope = async (scope: string) => new Client(owner.url, await makeKey(owner, [scope]))
    const [reader, runner, admin] = [await withScope('read'), await withScope('run'), await withScope('admin')]
    const draft = { name: 'By key', prompt: 'Work.' }
    assert.equal((await reader.get(`/api/agents/${id}`)).status, 200)
    assert.equal((await reader.post(`/api/agents/${id}/run`)).status, 403)
    assert.equal((await reader.post('/api/agents', draft)).status, 403)
    const started = await runner.post(`/api/agents/${id}/run`)
    assert.equal(started.status, 202)
    await ended(owner, started.body.run_id)
    assert.equal((await runner.post('/api/agents', draft)).status, 403)
    assert.equal((await runner.put(`/api/agents/${id}`, { name: 'Other' })).status, 403)
    assert.equal((await runner.delete(`/api/agents/${id}`)).status, 403)
    assert.equal((await admin.post('/api/agents', draft)).status, 201)
    assert.equal((await steward.owner.get('/api/agents', { headers: { cookie: '' } })).status, 401)
  })
})

describe('the tools of the house', () => {
  it('are listed with what each operation does and yields', async () => {
    const { items, total } = (await owner.get('/api/tools')).body
    assert.equal(items.length, total)
    const { operations } = items.find(({ name }: { name: string }) => name === 'web')
    const {
      description,
      arguments: schema,
      ...search
    } = operations.find(({ name }: { name: string }) => name === 'search')
    assert.ok(description)
    assert.deepEqual(Object.keys(schema.properties).sort(), ['count', 'query'])
    assert.deepEqual(search, {
      name: 'search',
      effect: 'read',
      destructive: false,
      attended_only: false,
      listed_only: false,
      yields: { integrity: 'third_party', privacy: 'public' },
      recovery: 'redo',
      timeout_ms: 60_000,
    })
  })
})
