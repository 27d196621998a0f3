import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, beforeEach, describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { anotherUser, withDatabase } from './peers/database.ts'
import { MODEL, say, startModelApi, textIn, type ModelApi } from './peers/model-api.ts'
import { startInside, type InsideSteward } from './peers/inside.ts'
import { Client, makeKey, startSteward, type Answer, type Steward } from './steward.ts'

const SEED = {
  name: 'Morning calendar',
  schedule: '0 8 * * *',
  prompt: 'Look at the calendar.',
  allowed_tools: ['caldav', 'pushover'],
  enabled: true,
}
const YEARLY = '0 0 1 1 *'
const MINUTE = 60_000

let api: ModelApi
before(async () => void (api = await startModelApi()))
after(() => api[Symbol.asyncDispose]())

async function until<T>(look: () => Promise<T | false | undefined>, what: string): Promise<T> {
  for (let left = 600; left > 0; left--) {
    const found = await look()
    if (found !== false && found !== undefined) return found
    await sleep(20)
  }
  throw new Error(`${what} never came`)
}

const paths = ({ body }: Answer): string[] => body.detail.map(({ path }: { path: string }) => path)
const one = async (client: Client, id: string) => (await client.get(`/api/tasks/${id}`)).body
const occurrences = async (client: Client, id: string) => (await client.get(`/api/tasks/${id}/occurrences`)).body
const ended = (client: Client, id: string, status = 'succeeded') =>
  until(async () => (await client.get(`/api/runs/${id}`)).body.status === status && true, `${status} of ${id}`)

describe('a task', () => {
  let steward: InsideSteward
  let owner: Client

  before(async () => {
    steward = await startInside({ ...api.env, TZ: 'Europe/Berlin' })
    owner = steward.owner
  })
  after(() => steward[Symbol.asyncDispose]())
  beforeEach(() => api.answer(say('Done.')))

  async function make(more: object = {}): Promise<any> {
    const made = await owner.post('/api/tasks', { name: 'A task', prompt: 'Do it.', ...more })
    assert.equal(made.status, 201, made.text)
    return made.body
  }

  it('is made as it is described, and answered with when it is due', async () => {
    const { status, body } = await owner.post('/api/tasks', SEED)
    assert.equal(status, 201)
    const { id, created_at, updated_at, user_id, next_run_at, ...rest } = body
    assert.deepEqual(rest, {
      ...SEED,
      integrity: 'owner',
      agent_id: null,
      model: null,
      run_at: null,
      timezone: 'Europe/Berlin',
      catch_up: true,
      max_tool_calls: null,
      max_cost_usd: null,
      last_occurrence: null,
      last_run: null,
      input_tokens: 0,
      output_tokens: 0,
      cost_usd: 0,
    })
    assert.ok(user_id && created_at === updated_at)
    assert.equal(new Date(next_run_at).toLocaleTimeString('en-GB', { timeZone: 'Europe/Berlin' }), '08:00:00')
    assert.deepEqual(await one(owner, id), { ...body, runs: [] })
    assert.ok((await owner.get('/api/tasks')).body.some((task: { id: string }) => task.id === id))
    const audit = await owner.get('/api/audit?per_page=20')
    assert.ok(audit.body.entries.some((entry: any) => entry.kind === 'task' && entry.task_id === id))
  })

  it('is changed in what is given, at once and without a restart', async () => {
    const { id } = await make({ schedule: YEARLY })
    assert.deepEqual((await owner.put(`/api/tasks/${id}`, { schedule: '30 9 * * *', timezone: 'Asia/Kolkata' })).body, {
      ok: true,
    })
    const changed = await one(owner, id)
    assert.match(changed.next_run_at, /T04:00:00\.000Z$/)
    assert.deepEqual([changed.name, changed.prompt, changed.timezone], ['A task', 'Do it.', 'Asia/Kolkata'])
    await owner.put(`/api/tasks/${id}`, { schedule: '' })
    const byHand = await one(owner, id)
    assert.deepEqual([byHand.schedule, byHand.next_run_at, byHand.timezone], [null, null, 'Asia/Kolkata'])
    await owner.put(`/api/tasks/${id}`, { schedule: '* * * * * *' })
    const task = await until(async () => {
      const now = await one(owner, id)
      return now.last_run === null ? undefined : now
    }, 'its run')
    const { items } = (await owner.get(`/api/tasks/${id}/occurrences`)).body
    const first = items.findLast(({ state }: any) => state === 'ran')
    assert.ok(task.runs.some((run: any) => run.id === first.run_id))
    await owner.put(`/api/tasks/${id}`, { enabled: false })
  })

  it('is switched on and off', async () => {
    const { id } = await make({ schedule: YEARLY })
    assert.deepEqual((await owner.post(`/api/tasks/${id}/toggle`)).body, { enabled: false })
    assert.equal((await one(owner, id)).next_run_at, null)
    assert.deepEqual((await owner.post(`/api/tasks/${id}/toggle`)).body, { enabled: true })
    assert.ok((await one(owner, id)).next_run_at)
  })

  const refused: [what: string, draft: object, path: string][] = [
    ['an expression with a minute 61', { schedule: '61 * * * *' }, 'schedule'],
    ['an expression of seven fields', { schedule: '0 0 0 1 1 * 2030' }, 'schedule'],
    ['a day that never comes', { schedule: '0 0 30 2 *' }, 'schedule'],
    ['a zone that there is not', { schedule: YEARLY, timezone: 'Europe/Atlantis' }, 'timezone'],
    ['a time that is over', { run_at: '2020-01-01T00:00:00Z' }, 'run_at'],
    ['a time that is none', { run_at: 'tomorrow' }, 'run_at'],
    ['a schedule and a time', { schedule: YEARLY, run_at: '2099-01-01T00:00:00Z' }, 'run_at'],
    ['a model of nobody', { model: 'nobody:model' }, 'model'],
    ['a tool that there is not', { allowed_tools: ['web', 'catapult'] }, 'allowed_tools.1'],
    ['an operation that there is not', { allowed_tools: ['web.explode'] }, 'allowed_tools.0'],
    ['an agent that there is not', { agent_id: 'nobody' }, 'agent_id'],
    ['no tool calls', { max_tool_calls: 0 }, 'max_tool_calls'],
    ['a cost below nothing', { max_cost_usd: -1 }, 'max_cost_usd'],
    ['no name', { name: ' ' }, 'name'],
    ['no words', { prompt: '' }, 'prompt'],
    ['a field that there is not', { color: 'red' }, 'color'],
  ]
  for (const [what, draft, path] of refused)
    it(`is refused with ${what}, at saving and at changing, naming the field`, async () => {
      const { id } = await make()
      for (const answer of [
        await owner.post('/api/tasks', { ...SEED, schedule: null, ...draft }),
        await owner.put(`/api/tasks/${id}`, draft),
      ]) {
        assert.equal(answer.status, 400, answer.text)
        assert.deepEqual([answer.body.code, paths(answer)], ['invalid', [path]])
      }
      assert.equal((await one(owner, id)).name, 'A task')
    })

  it('may name operations, servers, a model and an agent of the owner', async () => {
    const agent = (await owner.post('/api/agents', { name: 'Clerk', prompt: 'You are a clerk.' })).body.id
    const task = await make({
      allowed_tools: ['web.search', 'mcp__files'],
      model: MODEL,
      agent_id: agent,
      max_tool_calls: 3,
      max_cost_usd: 0.5,
    })
    assert.deepEqual([task.allowed_tools, task.model, task.agent_id], [['web.search', 'mcp__files'], MODEL, agent])
    const stranger = await anotherUser(steward)
    const answer = await stranger.post('/api/tasks', { name: 'Mine', prompt: 'Do it.', agent_id: agent })
    assert.deepEqual(paths(answer), ['agent_id'])
  })

  it('is done now, with its own words, and counts what that used', async () => {
    const { id } = await make({ prompt: 'Count the tomatoes.' })
    const { status, body } = await owner.post(`/api/tasks/${id}/run`, {})
    assert.deepEqual([status, body.ok], [202, true])
    await ended(owner, body.run_id)
    assert.match(textIn(api.requests[0]), /Count the tomatoes/)
    const task = await one(owner, id)
    assert.deepEqual(
      [task.runs[0].id, task.runs[0].origin, task.last_run.id, task.last_run.status],
      [body.run_id, 'manual', body.run_id, 'succeeded'],
    )
    assert.ok(task.input_tokens > 0 && task.output_tokens > 0)
    assert.equal((await occurrences(owner, id)).total, 0)
  })

  it('is done by the agent it names', async () => {
    const agent = (await owner.post('/api/agents', { name: 'Poet', prompt: 'You rhyme.' })).body.id
    const { id } = await make({ agent_id: agent })
    const { body } = await owner.post(`/api/tasks/${id}/run`)
    await ended(owner, body.run_id)
    assert.ok(api.requests[0]!.system.some(({ text }) => text.includes('You rhyme.')))
    assert.equal((await one(owner, id)).runs[0].agent_id, agent)
  })

  it('counts as written by others where a key for their words wrote it, until the owner writes it anew', async () => {
    const script = new Client(steward.url, await makeKey(owner, ['admin', 'run']))
    const { body } = await script.post('/api/tasks', { name: 'From a script', prompt: 'Read this.' })
    assert.equal(body.integrity, 'third_party')
    const { run_id } = (await owner.post(`/api/tasks/${body.id}/run`)).body
    assert.equal((await owner.get(`/api/runs/${run_id}`)).body.integrity, 'third_party')
    await owner.put(`/api/tasks/${body.id}`, { name: 'Still theirs' })
    assert.equal((await one(owner, body.id)).integrity, 'third_party')
    await owner.put(`/api/tasks/${body.id}`, { prompt: 'Read that.' })
    assert.equal((await one(owner, body.id)).integrity, 'owner')
    await script.put(`/api/tasks/${body.id}`, { name: 'Theirs again' })
    assert.equal((await one(owner, body.id)).integrity, 'third_party')
  })

  it('is made once however often the request is repeated', async () => {
    const headers = { 'Idempotency-Key': 'tasks-once' }
    const first = await owner.post('/api/tasks', SEED, { headers })
    const again = await owner.post('/api/tasks', SEED, { headers })
    assert.deepEqual([again.status, again.body], [201, first.body])
    assert.equal((await owner.post('/api/tasks', { ...SEED, name: 'Other' }, { headers })).status, 409)
  })

  it('is nobody else’s', async () => {
    const { id } = await make()
    const stranger = await anotherUser(steward)
    const asked = [
      stranger.get(`/api/tasks/${id}`),
      stranger.put(`/api/tasks/${id}`, { name: 'x' }),
      stranger.delete(`/api/tasks/${id}`),
      stranger.post(`/api/tasks/${id}/run`),
      stranger.post(`/api/tasks/${id}/toggle`),
      stranger.get(`/api/tasks/${id}/occurrences`),
    ]
    for (const answer of await Promise.all(asked)) assert.equal(answer.status, 404)
    assert.deepEqual((await stranger.get('/api/tasks')).body, [])
  })

  it('is read, run and changed each with its own scope', async () => {
    const { id } = await make()
    const client = async (scope: string) => new Client(steward.url, await makeKey(owner, [scope]))
    const [reader, runner] = [await client('read'), await client('run')]
    assert.equal((await reader.get(`/api/tasks/${id}`)).status, 200)
    assert.equal((await reader.post(`/api/tasks/${id}/run`)).status, 403)
    assert.equal((await runner.post(`/api/tasks/${id}/run`)).status, 202)
    assert.equal((await runner.put(`/api/tasks/${id}`, { name: 'x' })).status, 403)
  })

  it('is removed with its schedule; its runs are stopped and stay in the history', async () => {
    api.answer({ text: ['…'], hang: true })
    const { id } = await make({ schedule: YEARLY })
    const { run_id } = (await owner.post(`/api/tasks/${id}/run`)).body
    await until(async () => api.requests.length > 0 && true, 'the request')
    assert.deepEqual((await owner.delete(`/api/tasks/${id}`)).body, { ok: true })
    await ended(owner, run_id, 'stopped')
    assert.equal((await owner.get(`/api/tasks/${id}`)).status, 404)
    assert.ok(!(await owner.get('/api/tasks')).body.some((task: { id: string }) => task.id === id))
    assert.equal((await owner.get(`/api/runs/${run_id}`)).body.task_id, id)
    assert.equal((await owner.get(`/api/runs/${run_id}`)).body.task_name, 'A task')
  })

  it('stays whole where its runs cannot be stopped', async () => {
    api.answer({ text: ['…'], hang: true })
    const { id } = await make({ schedule: YEARLY })
    const asked = api.requests.length
    const { run_id } = (await owner.post(`/api/tasks/${id}/run`)).body
    await until(async () => api.requests.length > asked && true, 'the request')
    const { sqlite } = steward.services.db
    sqlite.exec(`CREATE TEMP TRIGGER fault BEFORE UPDATE ON runs BEGIN SELECT RAISE(ABORT, 'fault'); END`)
    assert.equal((await owner.delete(`/api/tasks/${id}`)).status, 500)
    sqlite.exec('DROP TRIGGER fault')
    assert.ok((await one(owner, id)).next_run_at)
    assert.equal((await owner.delete(`/api/tasks/${id}`)).status, 200)
    await ended(owner, run_id, 'stopped')
  })

  it('whose agent is gone is skipped with the reason, and the owner is told', async () => {
    const agent = (await owner.post('/api/agents', { name: 'Gone soon', prompt: 'Go.' })).body.id
    const at = steward.services.now().getTime() + 1500
    const { id } = await make({ agent_id: agent, run_at: new Date(at).toISOString() })
    await owner.delete(`/api/agents/${agent}`)
    const { items } = await until(async () => {
      const ledger = await occurrences(owner, id)
      return ledger.total > 0 && ledger
    }, 'its time')
    assert.equal(items[0].state, 'skipped')
    assert.match(items[0].reason, /removed/)
    const { body } = await owner.get('/api/notifications?kind=trouble')
    assert.equal(body.items[0].task_id, id)
  })

  it('with one time runs once, at that second, and never again', async () => {
    const at = new Date(Math.ceil(steward.services.now().getTime() / 1000) * 1000 + 1000).toISOString()
    const { id } = await make({ run_at: at })
    assert.equal((await one(owner, id)).next_run_at, at)
    const { items } = await until(async () => {
      const ledger = await occurrences(owner, id)
      return ledger.total > 0 && ledger
    }, 'its time')
    assert.deepEqual([items[0].due_at, items[0].state, items[0].reason], [at, 'ran', ''])
    await owner.put(`/api/tasks/${id}`, { name: 'Done that' })
    const task = await one(owner, id)
    assert.deepEqual([task.next_run_at, task.run_at, task.runs.length], [null, at, 1])
  })

  it('runs once for all that was slept through, and says how late', async () => {
    const { id } = await make({ schedule: '*/10 * * * *' })
    steward.later(60 * MINUTE)
    const { items, counts } = await until(async () => {
      const ledger = await occurrences(owner, id)
      return ledger.total >= 6 && ledger
    }, 'its ledger')
    assert.deepEqual([counts.merged, counts.ran], [5, 1])
    assert.equal(new Set(items.map((item: any) => item.run_id)).size, 1)
    assert.equal((await one(owner, id)).runs.length, 1)
    await owner.delete(`/api/tasks/${id}`)
  })

  it('shows the next five times of an expression, and refuses one that it would not save', async () => {
    const { body } = await owner.post('/api/schedules/preview', { schedule: '0 8 * * *', timezone: 'UTC' })
    assert.equal(body.timezone, 'UTC')
    assert.equal(body.next.length, 5)
    assert.ok(body.next.every((time: string) => time.endsWith('T08:00:00.000Z')))
    assert.equal((await owner.post('/api/schedules/preview', { schedule: '0 8 * * *' })).body.timezone, 'Europe/Berlin')
    assert.deepEqual(paths(await owner.post('/api/schedules/preview', { schedule: 'every day' })), ['schedule'])
    assert.deepEqual(paths(await owner.post('/api/schedules/preview', { schedule: YEARLY, timezone: 'Mars' })), [
      'timezone',
    ])
  })
})

describe('a schedule across a restart', () => {
  let dataDir: string
  let steward: Steward

  const begin = async () => void (steward = await startSteward({ dataDir, env: api.env }))
  beforeEach(async () => {
    api.answer(say('Done.'))
    dataDir = mkdtempSync(join(tmpdir(), 'steward-'))
    await begin()
  })
  const over = async () => {
    await steward.kill()
    rmSync(dataDir, { recursive: true, force: true })
  }

  /** Lets the server be down while the task was due so long ago. */
  async function dueWhileDown(id: string, agoMs: number): Promise<string> {
    await steward.kill()
    const at = new Date(Date.now() - agoMs).toISOString()
    withDatabase(dataDir, (db) => db.prepare('UPDATE schedules SET next_at = ? WHERE id = ?').run(at, id))
    return at
  }

  async function make(more: object): Promise<string> {
    return (await steward.owner.post('/api/tasks', { name: 'A task', prompt: 'Do it.', schedule: YEARLY, ...more }))
      .body.id
  }

  const ledger = (id: string) =>
    until(async () => {
      const found = await occurrences(steward.owner, id)
      return found.total > 0 && found
    }, 'its ledger')

  it('catches up once on what was due meanwhile', async () => {
    const id = await make({})
    const due = await dueWhileDown(id, 5 * MINUTE)
    await begin()
    const { items } = await ledger(id)
    assert.deepEqual([items[0].due_at, items[0].state, items[0].reason], [due, 'ran', 'Ran 5 minutes late.'])
    await ended(steward.owner, items[0].run_id)
    await over()
  })

  it('says missed, and tells the owner, where it is not to catch up', async () => {
    const id = await make({ catch_up: false })
    const due = await dueWhileDown(id, 5 * MINUTE)
    await begin()
    const { items } = await ledger(id)
    assert.deepEqual([items[0].due_at, items[0].state, items[0].run_id], [due, 'missed', null])
    assert.equal((await one(steward.owner, id)).last_occurrence.state, 'missed')
    const { body } = await steward.owner.get('/api/notifications?kind=missed')
    assert.deepEqual([body.total, body.items[0].task_id], [1, id])
    assert.deepEqual((await one(steward.owner, id)).runs, [])
    await over()
  })

  it('fires once, at whatever instant it is killed and started again', async () => {
    const id = await make({})
    await dueWhileDown(id, 5_000)
    for (let kills = 0; kills < 5; kills++) {
      await begin()
      await sleep(Math.random() * 30)
      await steward.kill()
    }
    await begin()
    const { items, total } = await ledger(id)
    assert.equal(total, 1)
    await ended(steward.owner, items[0].run_id)
    assert.equal((await one(steward.owner, id)).runs.length, 1)
    await over()
  })
})
