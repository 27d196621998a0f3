import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, beforeEach, describe, it } from 'node:test'
import fc from 'fast-check'
import { openDb } from '../db/open.ts'
import { createBudgets, estimateInputTokens, estimateUsd, type Ancestor } from '../services/budgets.ts'
import { dayIn, nextDayIn } from '../services/budgets/house-day.ts'
import { costUsd, type Prices } from '../services/models/listed-model.ts'
import { createSettings } from '../services/settings.ts'
import { createUsage } from '../services/usage.ts'
import { startInside, type InsideSteward } from './peers/inside.ts'
import { anotherUser } from './peers/database.ts'
import { MODEL, say, startModelApi, use, type ModelApi } from './peers/model-api.ts'

/** What may be spent, and what was. */

const SCHEMA = join(import.meta.dirname, '..', 'db')
const TZ = 'Europe/Berlin'
const HOUR_MS = 3600_000
const AT = '2026-11-22T08:00:00.000Z'

/** Budgets on a database of their own, with a clock that is set by hand and runs that are rows alone. */
function house(start = '2026-11-22T12:00:00Z') {
  const dir = mkdtempSync(join(tmpdir(), 'budgets-'))
  const db = openDb(join(dir, 'steward.sqlite'), { schemaDir: SCHEMA, backupDir: dir })
  db.sqlite.pragma('synchronous = OFF')
  let time = Date.parse(start)
  const now = () => new Date(time)
  const settings = createSettings({ db, now })
  const usage = createUsage({ db, now, timezone: TZ })
  const told: { userId: string; title: string; text?: string }[] = []
  const faults: unknown[] = []
  const budgets = createBudgets({
    db,
    now,
    timezone: TZ,
    settings,
    usage,
    notify: (draft) => void told.push(draft),
    log: { error: (fault: unknown) => void faults.push(fault) } as never,
  })
  const addUser = db.prepare(
    `INSERT INTO users (id, username, password_hash, role, is_active, created_at, updated_at) VALUES (?, ?, '', ?, ?, '${AT}', '${AT}')`,
  )
  addUser.run('owner', 'owner', 'admin', 1)
  addUser.run('former', 'former', 'admin', 0)
  addUser.run('child', 'child', 'user', 1)
  db.sqlite.exec(
    `INSERT INTO conversations (id, user_id, title, model, started_at, updated_at) VALUES ('c', 'owner', 't', 'm', '${AT}', '${AT}')`,
  )
  const addRun = db.prepare(
    `INSERT INTO runs (id, user_id, conversation_id, parent_run_id, origin, door, attended, status, input, input_integrity, model,
       integrity, privacy, cost_usd, created_at)
     VALUES (?, 'owner', 'c', ?, 'manual', 'web', 0, 'running', '', 'owner', 'm', 'owner', 'private', 0, '${AT}')`,
  )
  const spend = db.prepare('UPDATE runs SET cost_usd = cost_usd + ? WHERE id = ?')
  const addStep = db.prepare(
    `INSERT INTO steps (id, run_id, position, kind, status, integrity, privacy, cost_usd, started_at)
     VALUES (?, ?, (SELECT count(*) FROM steps), 'model', 'finished', 'owner', 'private', ?, '${AT}')`,
  )
  return {
    db,
    settings,
    usage,
    budgets,
    told,
    faults,
    later: (ms: number) => void (time += ms),
    run: (id: string, parent: string | null = null) => void addRun.run(id, parent),
    /** One turn on the books, as the engine keeps them. */
    turn(costUsd: number | null, runId?: string, model = 'm') {
      db.transact(() => {
        if (runId !== undefined) {
          spend.run(costUsd, runId)
          addStep.run(randomUUID(), runId, costUsd)
        }
        const who = { userId: 'owner', agentId: null, taskId: null }
        budgets.record({ ...who, model, inputTokens: 10, outputTokens: 1, costUsd })
      })
    },
    [Symbol.dispose]() {
      budgets.close()
      db.close()
      rmSync(dir, { recursive: true, force: true })
      assert.deepEqual(faults, [])
    },
  }
}

type House = ReturnType<typeof house>

function reserve({ budgets }: House, estimateUsd: number | null, ...ancestors: Ancestor[]) {
  return budgets.reserve({ ancestors, estimateUsd })
}

const micros = (usd: number): number => Math.round(usd * 1e6)

describe('reservations', () => {
  it('never let a hundred runs at once pass a cap, not by a millionth of a dollar', () => {
    using at = house()
    at.settings.change({ daily_budget_usd: 1 })
    const results = Array.from({ length: 100 }, (_, index) => reserve(at, 0.010101 + (index % 3) * 0.000001))
    const held = results.filter(({ ok }) => !ok)
    for (const result of results) {
      if (!result.ok) continue
      at.turn(0.010101)
      result.settle()
    }
    assert.ok(held.length >= 1 && held.every((one) => !one.ok && one.scope === 'day' && !one.full))
    const { spent_usd, reserved_usd } = at.budgets.state().day
    assert.ok(spent_usd <= 1 && spent_usd > 0.98, String(spent_usd))
    assert.equal(reserved_usd, 0)
  })

  it('fill a cap to its last millionth', () => {
    using at = house()
    at.settings.change({ daily_budget_usd: 0.3 })
    const [first, second, third] = [reserve(at, 0.1), reserve(at, 0.2), reserve(at, 0.000001)]
    assert.deepEqual([first.ok, second.ok, third.ok], [true, true, false])
    at.turn(0.1)
    at.turn(0.2)
    assert.equal(at.budgets.state().day.spent_usd, 0.3)
  })

  it('take all or nothing: what one cap refuses counts against none', () => {
    using at = house()
    at.settings.change({ daily_budget_usd: 10, monthly_budget_usd: 1 })
    assert.equal(reserve(at, 2).ok, false)
    assert.equal(at.budgets.state().day.reserved_usd, 0)
    assert.equal(reserve(at, 1).ok, true)
  })

  it('tell what is spent from what is only reserved, and how much room there is', () => {
    using at = house()
    at.settings.change({ daily_budget_usd: 1 })
    at.turn(0.25)
    const going = reserve(at, 0.5)
    const waits = reserve(at, 0.3)
    assert.ok(going.ok && !waits.ok)
    assert.deepEqual([waits.scope, waits.full, waits.roomUsd], ['day', false, 0.25])
    at.run('tight')
    const tight = reserve(at, 0.3, { runId: 'tight', maxCostUsd: 0.1 })
    assert.ok(!tight.ok && tight.scope === 'run' && tight.roomUsd === 0.1)
    const both = reserve(at, 0.9, { runId: 'tight', maxCostUsd: 0.8 })
    assert.ok(!both.ok && both.scope === 'run' && both.roomUsd === 0.25)
    assert.match(waits.sentence, /^The daily budget of \$1 is reserved/)
    const never = reserve(at, 0.8)
    assert.ok(!never.ok && never.full)
    assert.match(never.sentence, /too little left for the next step \(\$0\.75\)/)
    at.turn(0.75)
    const spent = reserve(at, 0.000001)
    assert.ok(!spent.ok && spent.full)
    assert.match(spent.sentence, /^The daily budget of \$1 is spent\. Wait until tomorrow, or raise it/)
  })

  it('end once, however often they are settled', () => {
    using at = house()
    at.settings.change({ daily_budget_usd: 1 })
    const one = reserve(at, 0.4)
    reserve(at, 0.4)
    assert.ok(one.ok)
    one.settle()
    one.settle()
    assert.equal(at.budgets.state().day.reserved_usd, 0.4)
  })

  it('of a model without known prices hold nothing back, until a cap is spent', () => {
    using at = house()
    at.settings.change({ daily_budget_usd: 1 })
    at.turn(null)
    assert.ok(reserve(at, null).ok)
    assert.deepEqual(at.budgets.state().day, { spent_usd: 0, reserved_usd: 0, limit_usd: 1 })
    at.turn(1)
    assert.equal(reserve(at, null).ok, false)
    assert.equal(reserve(at, 0).ok, true)
  })

  it('hold at once where a limit is set below what is spent', () => {
    using at = house()
    at.turn(3)
    assert.ok(reserve(at, 1).ok)
    at.settings.change({ monthly_budget_usd: 2 })
    const refused = reserve(at, 0.01)
    assert.ok(!refused.ok && refused.full && refused.scope === 'month')
    at.settings.change({ monthly_budget_usd: null })
    assert.ok(reserve(at, 0.01).ok)
  })
})

describe('the budget of a run', () => {
  const root = { runId: 'root', maxCostUsd: 1 }
  const child = { runId: 'child', maxCostUsd: 0.5 }
  const other = { runId: 'other', maxCostUsd: null }

  function family(): House {
    const at = house()
    at.run('root')
    at.run('child', 'root')
    at.run('other', 'root')
    at.run('stranger')
    return at
  }

  it('is shared with all the runs that it set going', () => {
    using at = family()
    at.turn(0.3, 'root')
    at.turn(0.2, 'child')
    at.turn(0.4, 'other')
    at.turn(9, 'stranger')
    const refused = reserve(at, 0.2, root, other)
    assert.ok(!refused.ok && refused.scope === 'run' && refused.full)
    assert.match(refused.sentence, /^The budget of this run of \$1 has too little left/)
    assert.ok(reserve(at, 0.1, root, child).ok)
    assert.equal(reserve(at, 0.000001, root).ok, false)
  })

  it('of a child is its own and its parent’s, the smaller rest of both', () => {
    using at = family()
    assert.equal(reserve(at, 0.6, root, child).ok, false)
    const one = reserve(at, 0.5, root, child)
    assert.ok(one.ok)
    assert.equal(reserve(at, 0.6, root, other).ok, false)
    assert.ok(reserve(at, 0.5, root, other).ok)
    one.settle()
    assert.ok(reserve(at, 0.5, root, child).ok)
  })

  it('counts the known turns of a run that also had unknown ones', () => {
    using at = family()
    at.turn(0.9, 'child')
    at.turn(null, 'child')
    assert.equal(reserve(at, 0.2, root).ok, false)
    assert.ok(reserve(at, 0.1, root).ok)
  })
})

describe('what was held', () => {
  it('is looked at again when a reservation in its way ends, and not without need', () => {
    using at = house()
    let times = 0
    at.budgets.onFreed(() => times++)
    at.settings.change({ daily_budget_usd: 1 })
    times = 0
    const one = reserve(at, 0.6)
    const two = reserve(at, 0.4)
    assert.ok(one.ok && two.ok)
    one.settle()
    assert.equal(times, 0)
    assert.equal(reserve(at, 0.7).ok, false)
    two.settle()
    assert.equal(times, 1)
    assert.ok(reserve(at, 0.7).ok)
  })

  it('is looked at again when a limit changes and when a new day begins, where the house is', () => {
    using at = house('2026-11-22T22:30:00Z')
    let times = 0
    at.budgets.watch()
    at.settings.change({ daily_budget_usd: 1 })
    at.budgets.onFreed(() => times++)
    at.settings.change({ max_tool_calls: 5 })
    assert.equal(times, 0)
    at.settings.change({ daily_budget_usd: 2 })
    assert.equal(times, 1)
    at.turn(2)
    at.later(0.4 * HOUR_MS)
    at.budgets.watch()
    assert.deepEqual([times, reserve(at, 1).ok], [1, false])
    at.later(0.2 * HOUR_MS)
    at.budgets.watch()
    assert.deepEqual([times, reserve(at, 1).ok], [2, true])
  })

  it('of a month goes on with the next', () => {
    using at = house('2026-11-30T22:30:00Z')
    at.settings.change({ monthly_budget_usd: 1 })
    at.turn(1)
    assert.equal(reserve(at, 0.5).ok, false)
    at.later(HOUR_MS)
    assert.ok(reserve(at, 0.5).ok)
  })
})

describe('the owners', () => {
  it('are warned once at 80 % and told once at 100 %, and nobody else is', () => {
    using at = house()
    at.settings.change({ daily_budget_usd: 1 })
    for (let spent = 0; spent < 79; spent++) at.turn(0.01)
    assert.equal(at.told.length, 0)
    for (let spent = 79; spent < 120; spent++) at.turn(0.01)
    at.budgets.held('day')
    assert.deepEqual(
      at.told.map(({ userId, title }) => [userId, title]),
      [
        ['owner', '80 % of the daily budget is spent'],
        ['owner', 'The daily budget is used up'],
      ],
    )
    assert.match(at.told[0]!.text!, /^\$0\.80 of \$1 are spent\./)
  })

  it('hear of a run that had to be held before the cap was reached, once', () => {
    using at = house()
    at.settings.change({ daily_budget_usd: 1, monthly_budget_usd: 5 })
    at.turn(0.5)
    for (let times = 0; times < 3; times++) at.budgets.held('day')
    at.budgets.held('run')
    at.turn(0.4)
    assert.deepEqual(
      at.told.map(({ title }) => title),
      ['The daily budget is used up'],
    )
    assert.match(at.told[0]!.text!, /\$0\.50 of \$1 are spent, and the rest is too little for the next step/)
  })

  it('hear of the next day and of a raised limit anew', () => {
    using at = house()
    at.settings.change({ daily_budget_usd: 1 })
    at.turn(1)
    at.settings.change({ daily_budget_usd: 2 })
    at.turn(0.7)
    at.turn(0.3)
    at.later(24 * HOUR_MS)
    at.turn(1.9)
    assert.deepEqual(
      at.told.map(({ title }) => title.slice(0, 9)),
      ['The daily', '80 % of t', 'The daily', '80 % of t'],
    )
  })

  it('hear nothing twice after a restart', () => {
    using at = house()
    at.settings.change({ daily_budget_usd: 1 })
    at.turn(0.85)
    const { db, settings, usage, told } = at
    const deps = { db, now: () => new Date('2026-11-22T13:00:00Z'), timezone: TZ, settings, usage }
    const again = createBudgets({ ...deps, notify: (draft) => void told.push(draft), log: { error: assert.fail } })
    again.record({
      userId: 'owner',
      agentId: null,
      taskId: null,
      model: 'm',
      inputTokens: 1,
      outputTokens: 1,
      costUsd: 0.01,
    })
    assert.equal(again.state().day.spent_usd, 0.86)
    assert.equal(told.length, 1)
  })
})

describe('any order of events', () => {
  const cost = fc.integer({ min: 0, max: 200_000 })
  const step = fc.oneof(
    { weight: 5, arbitrary: fc.record({ kind: fc.constant('reserve'), run: fc.nat(3), cost }) },
    { weight: 4, arbitrary: fc.record({ kind: fc.constant('end'), which: fc.nat(), share: fc.constantFrom(0, 0.3, 0.7, 1) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('unknown'), run: fc.nat(3) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('later'), hours: fc.integer({ min: 1, max: 30 }) }) },
  ) // prettier-ignore
  type Step = { kind: string; run: number; cost: number; which: number; share: number; hours: number }

  const RUNS: Ancestor[][] = [
    [{ runId: 'r0', maxCostUsd: 0.5 }],
    [{ runId: 'r0', maxCostUsd: 0.5 }, { runId: 'r1', maxCostUsd: 0.3 }],
    [{ runId: 'r0', maxCostUsd: 0.5 }, { runId: 'r2', maxCostUsd: null }],
    [{ runId: 'r3', maxCostUsd: null }],
  ] // prettier-ignore

  it('keeps what is spent under every cap, and refuses only what does not fit', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60, size: 'max' }), (steps) => {
        using at = house('2026-11-27T12:00:00Z')
        at.settings.change({ daily_budget_usd: 1, monthly_budget_usd: 2.5 })
        at.run('r0')
        at.run('r1', 'r0')
        at.run('r2', 'r0')
        at.run('r3')
        const open: { amount: number; run: number; settle: () => void }[] = []
        const days = new Map<string, number>()
        let [now, unknown] = [Date.parse('2026-11-27T12:00:00Z'), 0]
        const today = () => dayIn(TZ, new Date(now))
        const spent = (prefix: string) =>
          [...days].reduce((sum, [day, amount]) => (day.startsWith(prefix) ? sum + amount : sum), 0)
        const tree = [0, 0, 0, 0]

        for (const one of steps as Step[]) {
          if (one.kind === 'later') {
            at.later(one.hours * HOUR_MS)
            now += one.hours * HOUR_MS
          }
          if (one.kind === 'unknown') {
            at.turn(null, `r${one.run}`)
            unknown++
          }
          if (one.kind === 'reserve') {
            const reserved = (runs: number[]) =>
              open.reduce((sum, { amount, run }) => (runs.includes(run) ? sum + amount : sum), 0)
            const fits = (cap: number, already: number, runs: number[]) => already + reserved(runs) + one.cost <= cap
            const all = [0, 1, 2, 3]
            const allowed =
              one.cost === 0 ||
              (fits(1e6, spent(today()), all) &&
                fits(2.5e6, spent(today().slice(0, 7)), all) &&
                (one.run === 3 || fits(5e5, tree[0]! + tree[1]! + tree[2]!, [0, 1, 2])) &&
                (one.run !== 1 || fits(3e5, tree[1]!, [1])))
            const result = at.budgets.reserve({ ancestors: RUNS[one.run]!, estimateUsd: one.cost / 1e6 })
            assert.equal(result.ok, allowed)
            if (result.ok) open.push({ amount: one.cost, run: one.run, settle: result.settle })
          }
          if (one.kind === 'end' && open.length > 0) {
            const [ended] = open.splice(one.which % open.length, 1)
            const actual = Math.floor(ended!.amount * one.share)
            at.turn(actual / 1e6, `r${ended!.run}`)
            ended!.settle()
            days.set(today(), (days.get(today()) ?? 0) + actual)
            tree[ended!.run]! += actual
          }
          const { day, month } = at.budgets.state()
          assert.deepEqual(
            [micros(day.spent_usd), micros(month.spent_usd)],
            [spent(today()), spent(today().slice(0, 7))],
          )
          assert.ok(day.spent_usd <= 1 && month.spent_usd <= 2.5)
        }
        const rows = at.db.sqlite.prepare('SELECT sum(cost_usd) AS usd, sum(unknown_turns) AS unknown FROM usage_days')
        const { usd, unknown: counted } = rows.get() as { usd: number | null; unknown: number | null }
        assert.deepEqual([micros(usd ?? 0), counted ?? 0], [spent(''), unknown])
      }),
      { numRuns: 60 },
    )
  })
})

describe('estimates', () => {
  const price = fc.double({ min: 0, max: 200, noNaN: true })
  const rates = fc.record({ prompt: price, completion: price, cacheRead: price, cacheWrite: price })
  const prices = fc.record({
    base: rates,
    long: fc.option(fc.record({ above: fc.nat(50_000), rates }), { nil: undefined }),
  })

  it('are never less than what the turn costs, cached or not, long or short', () => {
    fc.assert(
      fc.property(
        prices,
        fc.record({ estimated: fc.nat(100_000), maxTokens: fc.nat(30_000) }),
        fc.array(fc.constantFrom(0, 0.5, 1), { minLength: 4, maxLength: 4 }),
        ({ base, long }, { estimated, maxTokens }, shares) => {
          const listed: Prices = { ...base, ...(long ? { long: { above: long.above, ...long.rates } } : {}) }
          const inputTokens = Math.floor(estimated * shares[0]!)
          const cacheReadTokens = Math.floor(inputTokens * shares[1]!)
          const cacheWriteTokens = Math.floor((inputTokens - cacheReadTokens) * shares[2]!)
          const outputTokens = Math.floor(maxTokens * shares[3]!)
          const actual = costUsd(listed, { inputTokens, outputTokens, cacheReadTokens, cacheWriteTokens })!
          const estimate = estimateUsd(listed, { inputTokens: estimated, maxTokens })!
          assert.ok(actual <= estimate + 1e-9, `${actual} > ${estimate}`)
        },
      ),
    )
    assert.equal(estimateUsd(null, { inputTokens: 1, maxTokens: 1 }), null)
  })

  it('count everything that is sent: prompt, tools, words, calls, results, pictures and documents', () => {
    const system = { stable: 'a'.repeat(2000), changing: 'b'.repeat(200) }
    const bare = { model: 'm', system, messages: [], tools: [], maxTokens: 1 }
    const base = estimateInputTokens(bare)
    assert.ok(base >= 1100 && base < 3000)
    const media = (mediaType: string, bytes: number) => ({
      type: 'media' as const,
      name: 'x',
      mediaType,
      data: Buffer.alloc(bytes).toString('base64'),
    })
    const more = (parts: any[]) => estimateInputTokens({ ...bare, messages: [{ role: 'user', parts }] }) - base
    assert.ok(more([{ type: 'text', text: '漢'.repeat(1000) }]) >= 1500)
    assert.ok(more([media('image/png', 10)]) >= 5_000)
    assert.ok(more([media('application/pdf', 10)]) >= 5_000)
    assert.ok(more([media('application/pdf', 1_000_000)]) >= 50_000)
    const tools = [{ name: 'x', description: 'y'.repeat(4000), inputSchema: {} }]
    assert.ok(estimateInputTokens({ ...bare, tools }) - base >= 2000)
    const call = { callId: 'c', vendorId: 'v', name: 'n', arguments: { text: 'z'.repeat(2000) } }
    const result = { callId: 'c', vendorId: 'v', name: 'n', content: 'r'.repeat(6000), success: true }
    const talk = estimateInputTokens({
      ...bare,
      messages: [
        { role: 'assistant', parts: [{ type: 'call', call }] },
        { role: 'tool', results: [result] },
      ],
    })
    assert.ok(talk - base >= 4000)
  })
})

describe('days of the house', () => {
  it('begin at its own midnight, also where clocks change there', () => {
    for (const [zone, at, next] of [
      ['Europe/Berlin', '2026-11-22T12:00:00Z', '2026-11-22T23:00:00.000Z'],
      ['Europe/Berlin', '2026-10-25T00:30:00Z', '2026-10-25T23:00:00.000Z'],
      ['Europe/Berlin', '2026-03-29T00:30:00Z', '2026-03-29T22:00:00.000Z'],
      ['America/Santiago', '2026-09-05T20:00:00Z', '2026-09-06T04:00:00.000Z'],
      ['Pacific/Kiritimati', '2026-11-22T12:00:00Z', '2026-11-23T10:00:00.000Z'],
    ] as const) {
      const midnight = nextDayIn(zone, new Date(at))
      assert.equal(midnight.toISOString(), next)
      assert.notEqual(dayIn(zone, midnight), dayIn(zone, new Date(midnight.getTime() - 1)))
    }
  })
})

describe('usage and budgets of the running house', () => {
  const PATH = '/api/usage'
  const LIMITS = '/api/settings/limits'
  let api: ModelApi
  let steward: InsideSteward

  before(async () => {
    api = await startModelApi()
    steward = await startInside(api.env)
  })

  after(async () => {
    await steward[Symbol.asyncDispose]()
    await api[Symbol.asyncDispose]()
  })

  beforeEach(async () => {
    await steward.owner.post(LIMITS, { daily_budget_usd: null, monthly_budget_usd: null })
    for (const table of ['usage_days', 'budget_notices', 'notifications'])
      steward.services.db.sqlite.exec(`DELETE FROM ${table}`)
    steward.later(32 * 24 * HOUR_MS)
    await steward.owner.post('/api/auth/login', { username: 'anna', password: 'correct horse battery' })
  })

  async function chat() {
    const opened = await steward.owner.chat(randomUUID())
    await opened.next('models')
    return opened
  }

  const budgetNotices = async () => (await steward.owner.get('/api/notifications?kind=budget')).body

  it('count every turn of a chat with its tokens and its price', async () => {
    api.answer(
      { ...use('web', { operation: 'nothing' }), usage: { input: 1_000, output: 100 } },
      { ...say('Done.'), usage: { input: 2_000, output: 200 } },
    )
    const opened = await chat()
    const done = await opened.ask('Look')
    const usd = (3_000 * 2 + 300 * 10) / 1e6
    assert.equal(micros(done.usage.cost_usd), micros(usd))
    const totals = { turns: 2, unknown_turns: 0, input_tokens: 3_000, output_tokens: 300, cost_usd: usd }
    for (const [group, key, label] of [
      ['model', MODEL, MODEL],
      ['agent', '', 'Chat'],
    ]) {
      const { body } = await steward.owner.get(`${PATH}?group=${group}`)
      assert.deepEqual(body.rows, [{ key, label, ...totals }])
      assert.deepEqual([body.total, body.timezone], [totals, 'UTC'])
    }
    const today = steward.services.now().toISOString().slice(0, 10)
    const { body } = await steward.owner.get(PATH)
    assert.deepEqual([body.group, body.to, body.rows], ['day', today, [{ key: today, label: today, ...totals }]])
    assert.equal((Date.parse(body.to) - Date.parse(body.from)) / (24 * HOUR_MS), 29)
    assert.deepEqual(body.budgets.day, { spent_usd: usd, reserved_usd: 0, limit_usd: null })
    await opened.close()
  })

  it('show days, agents (gone ones too) and models apart, and unknown prices as unknown', async () => {
    const { services, owner } = steward
    const userId = (await owner.get('/api/auth/me')).body.id
    services.db.sqlite
      .prepare(
        `INSERT INTO agents (id, user_id, name, prompt, integrity, prompt_mode, enabled, created_at, updated_at, deleted_at)
         VALUES ('gone', ?, 'Old friend', '', 'owner', 'combined', 1, '${AT}', '${AT}', '${AT}')`,
      )
      .run(userId)
    const turn = { userId, agentId: null, taskId: null, model: 'a:b', inputTokens: 10, outputTokens: 1, costUsd: 0.1 }
    services.budgets.record({ ...turn, agentId: 'gone', costUsd: 0.2 })
    services.budgets.record({ ...turn, taskId: 'some-task' })
    const first = services.now().toISOString().slice(0, 10)
    steward.later(24 * HOUR_MS)
    services.budgets.record({ ...turn, model: 'c:d', costUsd: null })
    services.budgets.record({ ...turn, agentId: 'gone', costUsd: null })
    const rows = async (query: string) =>
      (await owner.get(`${PATH}?${query}`)).body.rows.map((row: any) => [
        row.label,
        row.turns,
        row.unknown_turns,
        row.cost_usd,
      ])
    const second = services.now().toISOString().slice(0, 10)
    assert.deepEqual(await rows('group=day'), [
      [first, 2, 0, 0.3],
      [second, 2, 2, null],
    ])
    assert.deepEqual(await rows('group=agent'), [
      ['Old friend', 2, 1, 0.2],
      ['Tasks without an agent', 1, 0, 0.1],
      ['Chat', 1, 1, null],
    ])
    assert.deepEqual(await rows('group=model'), [
      ['a:b', 3, 1, 0.3],
      ['c:d', 1, 1, null],
    ])
    assert.deepEqual(await rows(`group=model&from=${second}&to=${second}`), [
      ['a:b', 1, 1, null],
      ['c:d', 1, 1, null],
    ])
    assert.deepEqual(services.usage.totals({ agentId: 'gone' }), {
      turns: 2,
      unknown_turns: 1,
      input_tokens: 20,
      output_tokens: 2,
      cost_usd: 0.2,
    })
    assert.equal(services.usage.totals({ taskId: 'some-task' }).cost_usd, 0.1)
    assert.deepEqual(
      [services.usage.totals({ agentId: 'new' }).turns, services.usage.totals({ agentId: '' }).turns],
      [0, 0],
    )
    const other = await anotherUser(steward)
    assert.deepEqual((await other.get(PATH)).body.rows, [])
  })

  it('refuse days that are none, groups that are none, and an end before its beginning', async () => {
    for (const [query, path] of [
      ['from=yesterday', 'from'],
      ['to=2026-02-30', 'to'],
      ['group=hour', 'group'],
      ['from=2026-11-02&to=2026-11-01', 'from'],
    ]) {
      const { status, body } = await steward.owner.get(`${PATH}?${query}`)
      assert.deepEqual([status, body.detail[0].path], [400, path])
    }
  })

  it('warn once at 80 % of a chat’s day', async () => {
    api.answer({ ...say('Yes.'), usage: { input: 300_000, output: 0 } })
    await steward.owner.post(LIMITS, { daily_budget_usd: 3 })
    const opened = await chat()
    for (let turn = 0; turn < 4; turn++) await opened.ask('Hello')
    const { items } = await budgetNotices()
    assert.deepEqual(
      items.map(({ title }: { title: string }) => title),
      ['80 % of the daily budget is spent'],
    )
    await opened.close()
  })

  it('hold at 100 %, say so once, and go on where they stood when the limit is raised', async () => {
    api.answer({ ...say('Yes.'), usage: { input: 500_000, output: 0 } })
    await steward.owner.post(LIMITS, { daily_budget_usd: 1 })
    const opened = await chat()
    await opened.ask('First')
    const later = await chat()
    for (const one of [opened, later]) one.send({ type: 'message', content: 'Second' })
    for (const one of [opened, later]) {
      const { reason } = await one.next((frame) => frame.type === 'run' && frame.status === 'paused')
      assert.match(reason, /daily budget of \$1 is spent/)
    }
    assert.equal(api.requests.length, 1)
    assert.deepEqual(
      (await budgetNotices()).items.map(({ title }: { title: string }) => title),
      ['The daily budget is used up'],
    )
    await steward.owner.post(LIMITS, { daily_budget_usd: 20 })
    for (const one of [opened, later]) {
      assert.equal((await one.next('done')).text, 'Yes.')
      await one.close()
    }
    assert.equal(api.requests.length, 3)
  })

  it('never pass a cap with a hundred chats at once', async () => {
    api.answer(({ max_tokens }) => ({ ...say('Yes.'), usage: { input: 1_000, output: Math.min(30_000, max_tokens) } }))
    await steward.owner.post(LIMITS, { daily_budget_usd: 2, max_concurrent_chats: 100 })
    const chats = await Promise.all(Array.from({ length: 100 }, chat))
    for (const one of chats) one.send({ type: 'message', content: 'Hello' })
    const ends = await Promise.all(
      chats.map((one) => one.next(({ type, status }) => type === 'done' || status === 'paused', 30_000)),
    )
    const { day } = (await steward.owner.get(PATH)).body.budgets
    const finished = ends.filter(({ type }) => type === 'done').length
    assert.ok(finished >= 4 && finished < 100, String(finished))
    assert.ok(day.spent_usd > 1.2 && day.spent_usd <= 2, String(day.spent_usd))
    await Promise.all(chats.map((one) => one.close()))
  })
})
