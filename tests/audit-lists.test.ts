import assert from 'node:assert/strict'
import { createHmac, hkdfSync } from 'node:crypto'
import { request } from 'node:http'
import { after, before, describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { masterKeyOf } from './peers/audit.ts'
import { anotherUser } from './peers/database.ts'
import { startInside, type InsideSteward } from './peers/inside.ts'
import { makeKey, type Client } from './steward.ts'

const MANY = 12_000
/** Who did what: every third entry is a tool call, every sixth was agreed to by hand. */
const AGENT = 'agent-of-the-test'

let steward: InsideSteward
let user: Client
let userId: string

before(async () => {
  steward = await startInside()
  user = await anotherUser(steward)
  userId = (await user.get('/api/auth/me')).body.id
  const { record } = steward.services.audit
  const [mine, theirs] = [steward.owner, user].map((_, n) => ({ userId: n ? userId : null, name: 'system' }))
  steward.services.db.transact(() => {
    for (let n = 0; n < MANY; n++) {
      const call = { toolName: n % 2 ? 'web' : 'filesystem', agentId: AGENT, conversationId: 'talk', taskId: 'chore' }
      const rest = n % 3 ? {} : { ...call, approvedBy: n % 6 ? null : 'web:anna', success: n % 9 === 0, durationMs: n }
      record({ kind: n % 3 ? 'setting' : 'tool_call', action: 'tried', subject: `${n}`, by: n < 600 ? theirs! : mine!, ...rest })
    }
  })
}) // prettier-ignore
after(() => steward[Symbol.asyncDispose]())

const subjects = ({ entries }: any): string[] => entries.map(({ subject }: any) => subject)
const get = async (query: string, client = steward.owner) => (await client.get(`/api/audit?${query}`)).body

describe('the list of audit entries', () => {
  it('counts a log without filters to its end, and its last page is the oldest', async () => {
    const { total, total_is_min, entries } = await get('per_page=50')
    assert.ok(total > MANY && total_is_min === undefined)
    assert.equal(subjects({ entries })[0], `${MANY - 1}`)
    const last = await get(`per_page=50&page=${Math.ceil(total / 50)}`)
    assert.equal(last.entries.at(-1).id, 1)
    assert.equal(last.entries.length, total % 50 || 50)
    assert.deepEqual((await get(`per_page=50&page=${Math.ceil(total / 50) + 1}`)).entries, [])
  })

  it('has the same pages whichever end they are read from', async () => {
    const all = await get('tool_name=web&per_page=200')
    assert.equal(all.total, MANY / 6)
    const pages: string[] = []
    for (let page = 1; page <= 11; page++) pages.push(...subjects(await get(`tool_name=web&per_page=200&page=${page}`)))
    assert.deepEqual(
      pages,
      Array.from({ length: MANY / 6 }, (_, n) => `${MANY - 3 - 6 * n}`),
    )
    assert.deepEqual(subjects(await get('tool_name=web&per_page=7&page=286')).length, (MANY / 6) % 7)
    assert.deepEqual((await get('tool_name=web&per_page=200&page=12')).entries, [])
  })

  it('stops counting above ten thousand matches, and says so', async () => {
    const { total, total_is_min } = await get('start=2020-01-01')
    assert.deepEqual([total, total_is_min], [10_000, true])
  })

  it('is filtered by kind, agent, task, conversation, tool and by what was agreed to, together too', async () => {
    const count = async (query: string) => (await get(query)).total
    assert.equal(await count('kind=tool_call'), MANY / 3)
    assert.equal(await count(`agent_id=${AGENT}`), MANY / 3)
    assert.equal(await count('task_id=chore'), MANY / 3)
    assert.equal(await count('session_id=talk'), MANY / 3)
    assert.equal(await count('confirmed_only=true'), MANY / 6)
    assert.equal(await count(`confirmed_only=true&kind=tool_call&agent_id=${AGENT}&tool_name=filesystem`), MANY / 6)
    assert.equal(await count('confirmed_only=true&tool_name=web'), 0)
    assert.equal(await count(`agent_id=${AGENT}&confirmed_only=false&start=2020-01-01&end=2099-01-01`), MANY / 3)
    assert.equal(await count('kind=setting&end=2020-01-01'), 0)
  })

  it('goes along an index, whatever it is filtered by', () => {
    const { db } = steward.services
    const asked: string[] = []
    const prepare = db.prepare
    db.prepare = ((sql: string) => (asked.push(sql), prepare(sql))) as typeof prepare
    const filters = [{}, { start: '2020' }, { kind: 'x' }, { tool_name: 'x' }, { session_id: 'x' }, { task_id: 'x' }, { agent_id: 'x' }, { confirmed_only: true }] // prettier-ignore
    for (const filter of filters)
      for (const one of [null, userId]) {
        steward.services.audit.list({ ...filter, page: 1, per_page: 5 }, one)
        for (const _ of steward.services.audit.parts(filter, one)) break
      }
    db.prepare = prepare
    assert.ok(asked.length > 30)
    for (const sql of asked) {
      const values = Array.from({ length: sql.split('?').length - 1 }, () => 1)
      const plan = prepare<unknown[], { detail: string }>(`EXPLAIN QUERY PLAN ${sql}`).all(...values)
      assert.ok(!plan.some(({ detail }) => /TEMP B-TREE|SCAN audit$/.test(detail)), `${sql}\n${JSON.stringify(plan)}`)
    }
  })

  it('shows others what is theirs', async () => {
    const { total } = await get('per_page=1', user)
    assert.equal(total, 601, 'and their sign-in')
    assert.equal((await get('kind=tool_call', user)).total, 200)
    assert.equal((await get('kind=tool_call&tool_name=web', user)).total, 100)
  })
})

describe('the export of the audit log', () => {
  it('gives every entry on a line of its own, so that the chain can be checked elsewhere', async () => {
    const { status, text, headers } = await steward.owner.get('/api/audit/export')
    assert.equal(status, 200)
    assert.match(headers.get('content-type')!, /^application\/x-ndjson/)
    const lines = text.trimEnd().split('\n').map((line) => JSON.parse(line)) // prettier-ignore
    assert.ok(lines.length > MANY)
    const key = Buffer.from(
      hkdfSync('sha256', Buffer.from(masterKeyOf(steward.dataDir), 'base64'), '', 'steward/audit', 32),
    )
    let before = ''
    for (const [n, e] of lines.entries()) {
      const text = e.arguments === null ? null : JSON.stringify(e.arguments)
      const values = [
        e.at, e.user_id, e.kind, e.actor, e.action, e.subject, e.run_id, e.session_id, e.task_id, e.agent_id, e.tool_name, text,
        e.integrity, e.privacy, e.decision, e.rule, e.approved_by, e.success === null ? null : Number(e.success), e.outcome, e.duration_ms,
      ] // prettier-ignore
      before = createHmac('sha256', key)
        .update(JSON.stringify([before, ...values]))
        .digest('base64url')
      assert.deepEqual([e.id, e.mac], [n + 1, before])
    }
  })

  it('takes the filters of the list, and gives others what is theirs', async () => {
    const lines = async (query: string, client = steward.owner) =>
      (await client.get(`/api/audit/export?${query}`)).text.split('\n').slice(0, -1)
    assert.equal((await lines('tool_name=web&confirmed_only=false')).length, MANY / 6)
    assert.equal((await lines('', user)).length, 601)
    assert.deepEqual(await lines('end=2020-01-01'), [])
    assert.equal((await steward.owner.get('/api/audit/export?start=yesterday')).status, 400)
    assert.equal((await steward.owner.get('/api/audit/export?page=1&per_page=2')).status, 200)
  })

  it('waits for a reader who is slow, and lets others through meanwhile', async () => {
    const key = await makeKey(steward.owner, ['read'])
    let read = 0
    const ended = new Promise<void>((resolve, reject) => {
      request(`${steward.url}/api/audit/export`, { headers: { 'x-api-key': key } }, async (answer) => {
        for await (const chunk of answer) {
          read += (chunk as Buffer).length
          if (read < 2_000_000) await sleep(5)
        }
        resolve()
      })
        .on('error', reject)
        .end()
    })
    await sleep(20)
    assert.equal((await steward.owner.get('/api/audit?per_page=1')).status, 200)
    await ended
    assert.ok(read > 2_000_000)
  })
})
