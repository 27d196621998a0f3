import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, beforeEach, describe, it } from 'node:test'
import { ended, newAgent, reached, worked } from './peers/agents.ts'
import { anotherUser } from './peers/database.ts'
import { startInside, type InsideSteward } from './peers/inside.ts'
import { fetchPage, say, startModelApi, use, type ModelApi } from './peers/model-api.ts'
import { Client, makeKey } from './steward.ts'

let api: ModelApi
let steward: InsideSteward
let owner: Client

before(async () => {
  api = await startModelApi()
  steward = await startInside(api.env)
  owner = steward.owner
})
after(async () => {
  await steward[Symbol.asyncDispose]()
  await api[Symbol.asyncDispose]()
})
beforeEach(() => api.answer(say('Done.')))

const list = async (query = '', client = owner) => (await client.get(`/api/runs${query}`)).body
const ids = (page: any): string[] => page.items.map(({ id }: { id: string }) => id)

/** Rows of runs as the engine leaves them, without the work. */
function fill(count: number, row: { user: string; agent?: string; status?: string; origin?: string }): void {
  const { db } = steward.services
  const conversation = randomUUID()
  const at = new Date().toISOString()
  db.transact(() => {
    db.prepare(
      `INSERT INTO conversations (id, user_id, kind, title, model, started_at, updated_at) VALUES (?, ?, 'run', '', 'm:m', ?, ?)`,
    ).run(conversation, row.user, at, at)
    const insert = db.prepare(
      `INSERT INTO runs (id, user_id, conversation_id, agent_id, origin, door, attended, status, input, input_integrity, model,
         integrity, privacy, created_at, ended_at) VALUES (?, ?, ?, ?, ?, 'web', 0, ?, 'in', 'owner', 'm:m', 'owner', 'private', ?, ?)`,
    )
    for (let n = 0; n < count; n++)
      insert.run(
        randomUUID(),
        row.user,
        conversation,
        row.agent ?? null,
        row.origin ?? 'manual',
        row.status ?? 'succeeded',
        at,
        at,
      )
  })
}

/** Somebody with an agent and no runs yet, so that lists are theirs alone. */
async function somebody(): Promise<{ client: Client; userId: string; agentId: string }> {
  const client = await anotherUser(steward)
  const userId = (await client.get('/api/auth/me')).body.id
  const agentId = steward.services.agents.create(
    userId,
    { name: 'A', prompt: 'B' },
    { userId, name: 'test' },
    'owner',
  ).id
  return { client, userId, agentId }
}

describe('the list of runs', () => {
  it('has what ran, newest first, with the beginnings of what was asked and answered', async () => {
    const agent = await newAgent(owner)
    api.answer(say('x'.repeat(500)))
    const first = await worked(owner, agent.id, { message: 'y'.repeat(500) })
    api.answer({ status: 400, error: 'no such thing' })
    const second = await worked(owner, agent.id)
    const page = await list(`?agent_id=${agent.id}`)
    assert.deepEqual(ids(page), [second.id, first.id])
    const { id, conversation_id, created_at, started_at, ended_at, model, cost_usd, ...rest } = page.items[1]
    assert.ok(id && conversation_id && model && created_at <= started_at && started_at <= ended_at)
    assert.ok(cost_usd === null || cost_usd >= 0)
    assert.deepEqual(rest, {
      origin: 'manual',
      status: 'succeeded',
      agent_id: agent.id,
      task_id: null,
      parent_run_id: null,
      input: 'y'.repeat(200),
      stop_reason: 'end_turn',
      error: null,
      answer: 'x'.repeat(200),
      tool_calls: 0,
      input_tokens: 10,
      output_tokens: 5,
      integrity: 'owner',
      attempts: 1,
    })
    assert.equal(page.items[0].status, 'failed')
    assert.ok(page.items[0].error)
  })

  it('is filtered by status, agent, origin and all of them together', async () => {
    const { client, userId, agentId } = await somebody()
    fill(3, { user: userId, agent: agentId })
    fill(2, { user: userId, agent: agentId, status: 'failed', origin: 'schedule' })
    fill(4, { user: userId, status: 'failed' })
    fill(1, { user: userId, origin: 'chat' })
    const expected: [string, number][] = [
      ['', 10],
      ['?status=succeeded', 4],
      ['?status=failed', 6],
      ['?status=running', 0],
      [`?agent_id=${agentId}`, 5],
      [`?agent_id=${agentId}&status=failed`, 2],
      [`?agent_id=${agentId}&status=failed&origin=manual`, 0],
      ['?origin=schedule', 2],
      ['?origin=chat', 1],
      ['?origin=manual&status=failed', 4],
      ['?agent_id=nobody', 0],
      ['?task_id=nobody', 0],
    ]
    for (const [query, count] of expected) {
      const page = await list(query, client)
      assert.deepEqual([page.items.length, page.total], [count, count], query)
    }
    assert.equal((await client.get('/api/runs?status=happy')).status, 400)
  })

  it('comes page by page, each run once, also while new ones come in', async () => {
    const { client, userId } = await somebody()
    fill(25, { user: userId })
    const seen: string[] = []
    let cursor: string | null = null
    do {
      const page: any = await list(`?limit=10${cursor === null ? '' : `&cursor=${cursor}`}`, client)
      seen.push(...ids(page))
      cursor = page.next_cursor
      fill(1, { user: userId })
    } while (cursor !== null)
    assert.equal(seen.length, 25)
    assert.equal(new Set(seen).size, 25)
    const answer = await client.get('/api/runs?cursor=nonsense')
    assert.deepEqual([answer.status, answer.body.detail[0].path], [400, 'cursor'])
  })

  it('stops counting at ten thousand and says so', async () => {
    const { client, userId, agentId } = await somebody()
    fill(10_001, { user: userId, agent: agentId })
    for (const query of ['?limit=1', `?limit=1&agent_id=${agentId}`, '?limit=1&status=succeeded&origin=manual']) {
      const page = await list(query, client)
      assert.deepEqual([page.total, page.total_is_min], [10_000, true], query)
    }
    assert.equal('total_is_min' in (await list(`?status=failed`, client)), false)
  })

  it('has nothing of others', async () => {
    const agent = await newAgent(owner)
    const run = await worked(owner, agent.id)
    const { client } = await somebody()
    assert.deepEqual(ids(await list('', client)), [])
    assert.deepEqual(ids(await list(`?agent_id=${agent.id}`, client)), [])
    for (const path of ['', '/events']) assert.equal((await client.get(`/api/runs/${run.id}${path}`)).status, 404)
    assert.equal((await client.post(`/api/runs/${run.id}/stop`)).status, 404)
  })
})

describe('one run', () => {
  it('is shown whole: what was asked, said, done and decided', async () => {
    const agent = await newAgent(owner, { name: 'Reader', allowed_tools: ['filesystem'] })
    const call = use('filesystem', { operation: 'read_file', path: '/etc/passwd' })
    api.answer({ ...call, text: ['Let me look.'] }, say('I may not.'))
    const run = await worked(owner, agent.id, { message: 'm'.repeat(300) })
    assert.deepEqual(
      [run.agent_name, run.task_name, run.reason, run.error_code, run.input.length, run.tool_calls],
      ['Reader', null, null, null, 300, 1],
    )
    assert.deepEqual(
      run.transcript.map(({ type, text, tool_name }: any) => [type, text ?? tool_name]),
      [
        ['text', 'Let me look.'],
        ['tool', 'filesystem'],
        ['text', 'I may not.'],
      ],
    )
    const [{ call_id, operation, arguments: args, decision, rule, success, decided_by }] = run.calls
    assert.equal(call_id, run.transcript[1].call_id)
    assert.deepEqual(
      [operation, args.path, decision, rule, success, decided_by],
      ['read_file', '/etc/passwd', 'deny', '3', false, null],
    )
    assert.deepEqual([run.children, run.attachments], [[], []])
  })

  it('says why it waits, and who agreed once somebody did', async () => {
    const agent = await newAgent(owner, { allowed_tools: ['web'] })
    const script = new Client(owner.url, await makeKey(owner, ['run', 'read']))
    api.answer(fetchPage('https://example.com/page'), say('That is all.'))
    const { body } = await script.post(`/api/agents/${agent.id}/run`, { message: 'Read it.' })
    const waiting = await reached(owner, body.run_id, ({ status }) => status === 'waiting')
    assert.match(waiting.reason, /waits for your answer/)
    assert.deepEqual(
      waiting.transcript.map(({ type, status, decision }: any) => [type, status, decision]),
      [['tool', 'waiting', 'ask']],
    )
    const approvalId = waiting.calls[0].call_id
    await owner.post(`/api/approvals/${approvalId}`, { approved: false, note: 'Not today.' })
    const run = await ended(owner, body.run_id)
    const [{ decided_by, note, success }] = run.calls
    assert.deepEqual([decided_by, note, success, run.reason], ['web:anna', 'Not today.', false, null])
  })

  it('masks what is secret in the arguments of its calls', async () => {
    await owner.post('/api/credentials', { key: 'vault:test', value: 'tulip-rose-1234567890' })
    const agent = await newAgent(owner, { allowed_tools: ['filesystem'] })
    api.answer(
      use('filesystem', { operation: 'read_file', path: '/tmp/tulip-rose-1234567890' }),
      say('There is no such file.'),
    )
    const run = await worked(owner, agent.id)
    const { text } = await owner.get(`/api/runs/${run.id}`)
    assert.equal(run.calls.length, 1)
    assert.ok(!text.includes('tulip-rose-1234567890'))
  })

  it('is stopped wherever it is; one that has ended stays as it is', async () => {
    const agent = await newAgent(owner)
    api.answer({ text: ['Begun'], hang: true })
    const { body } = await owner.post(`/api/agents/${agent.id}/run`)
    await reached(owner, body.run_id, ({ transcript }) => transcript.length > 0)
    assert.deepEqual((await owner.post(`/api/runs/${body.run_id}/stop`)).body, { ok: true })
    const stopped = await ended(owner, body.run_id)
    assert.deepEqual([stopped.status, stopped.stop_reason, stopped.answer], ['stopped', 'stopped', 'Begun'])
    assert.deepEqual((await owner.post(`/api/runs/${body.run_id}/stop`)).body, { ok: true })
    assert.deepEqual((await owner.get(`/api/runs/${body.run_id}`)).body, stopped)
    assert.equal((await owner.post(`/api/runs/${randomUUID()}/stop`)).status, 404)
    const reader = new Client(owner.url, await makeKey(owner, ['read']))
    assert.equal((await reader.post(`/api/runs/${body.run_id}/stop`)).status, 403)
  })

  it('that was a chat has its attachments and its conversation', async () => {
    const id = randomUUID()
    const chat = await owner.chat(id)
    const attachments = [{ name: 'a.txt', media_type: 'text/plain', data: Buffer.from('hello').toString('base64') }]
    const done = await chat.ask('Read this.', { attachments })
    await chat.close()
    const run = (await owner.get(`/api/runs/${done.run_id}`)).body
    assert.deepEqual([run.origin, run.conversation_id, run.attachments[0].name], ['chat', id, 'a.txt'])
  })
})
