import type { Deps } from './deps.ts'
import { dayIn, daysBefore } from './budgets/house-day.ts'
import { toMicros, toUsd } from './budgets/money.ts'

export type UsageGroup = 'day' | 'agent' | 'model'

/** One turn of a model. `costUsd` is null where its price is not known. */
export type Turn = {
  userId: string
  agentId: string | null
  taskId: string | null
  model: string
  inputTokens: number
  outputTokens: number
  costUsd: number | null
}

/** `cost_usd` is of the turns whose price is known; null where that is none of them. */
export type UsageTotals = {
  turns: number
  unknown_turns: number
  input_tokens: number
  output_tokens: number
  cost_usd: number | null
}

export type UsageRow = UsageTotals & { key: string; label: string }

type Sums = Omit<UsageTotals, 'cost_usd'> & { cost_usd: number }

const SUMS = `coalesce(sum(turns), 0) AS turns, coalesce(sum(unknown_turns), 0) AS unknown_turns,
  coalesce(sum(input_tokens), 0) AS input_tokens, coalesce(sum(output_tokens), 0) AS output_tokens, coalesce(sum(cost_usd), 0) AS cost_usd`

/** What a row counts for. Work of no agent is the chat's, or a task's. */
const KEYS: Record<UsageGroup, string> = {
  day: 'day',
  model: 'model',
  agent: `CASE WHEN agent_id = '' AND task_id <> '' THEN 'tasks' ELSE agent_id END`,
}
const LABELS: Record<UsageGroup, string> = {
  day: 'day',
  model: 'model',
  agent: `CASE WHEN agent_id <> '' THEN coalesce((SELECT name FROM agents WHERE id = agent_id), 'An agent that is gone')
    WHEN task_id <> '' THEN 'Tasks without an agent' ELSE 'Chat' END`,
}
const ORDERS: Record<UsageGroup, string> = { day: 'key', agent: 'cost_usd DESC, key', model: 'cost_usd DESC, key' }

const DAYS_SHOWN = 30

export type Usage = ReturnType<typeof createUsage>

/** What models were used for and what it cost, a row a day; the days are the house's own. */
export function createUsage({ db, now, timezone }: Deps & { timezone: string }) {
  const upsert = db.prepare(
    `INSERT INTO usage_days (user_id, day, agent_id, task_id, model, turns, unknown_turns, input_tokens, output_tokens, cost_usd)
     VALUES (@userId, @day, @agentId, @taskId, @model, 1, @unknown, @inputTokens, @outputTokens, @micros / 1e6)
     ON CONFLICT DO UPDATE SET turns = turns + 1, unknown_turns = unknown_turns + excluded.unknown_turns,
       input_tokens = input_tokens + excluded.input_tokens, output_tokens = output_tokens + excluded.output_tokens,
       cost_usd = (round(cost_usd * 1e6) + @micros) / 1e6`,
  )
  const spent = db.prepare<[string, string], { usd: number }>(
    'SELECT coalesce(sum(cost_usd), 0) AS usd FROM usage_days WHERE day >= ? AND day <= ?',
  )
  const ofAgent = db.prepare<[string], Sums>(`SELECT ${SUMS} FROM usage_days WHERE agent_id = ? AND agent_id <> ''`)
  const ofTask = db.prepare<[string], Sums>(`SELECT ${SUMS} FROM usage_days WHERE task_id = ? AND task_id <> ''`)
  const ofAgents = db.prepare<[string], Sums & { agent_id: string }>(
    `SELECT agent_id, ${SUMS} FROM usage_days WHERE agent_id <> '' AND agent_id IN (SELECT value FROM json_each(?)) GROUP BY agent_id`,
  )
  const between = 'FROM usage_days WHERE user_id = (SELECT ?) AND day >= ? AND day <= ?'
  const total = db.prepare<[string, string, string], Sums>(`SELECT ${SUMS} ${between}`)
  const grouped = (group: UsageGroup) =>
    db.prepare<[string, string, string], Sums & { key: string; label: string }>(
      `SELECT ${KEYS[group]} AS key, ${LABELS[group]} AS label, ${SUMS} ${between} GROUP BY 1 ORDER BY ${ORDERS[group]}`,
    )
  const rowsBy = { day: grouped('day'), agent: grouped('agent'), model: grouped('model') }

  const moveOver = db.prepare(
    `INSERT INTO usage_days (user_id, day, agent_id, task_id, model, turns, unknown_turns, input_tokens, output_tokens, cost_usd)
     SELECT @to, day, @from, '', model, ${SUMS} FROM usage_days WHERE user_id = @from GROUP BY day, model`,
  )

  const today = (): string => dayIn(timezone, now())

  return {
    today,

    /** Counts a turn in the caller's transaction. Costs are whole millionths of a dollar, so that their sum is exact. */
    add({ costUsd, agentId, taskId, ...turn }: Turn): void {
      upsert.run({
        ...turn,
        agentId: agentId ?? '',
        taskId: taskId ?? '',
        day: today(),
        unknown: costUsd === null ? 1 : 0,
        micros: toMicros(costUsd ?? 0),
      })
    },

    /** Before a user goes: what their runs cost counts on, as that of an agent that is gone, in the books of another. */
    keepOf: (from: string, to: string | null): void => void (to !== null && moveOver.run({ from, to })),

    /** What the whole house spent from one day to another, both counted in, in millionths of a dollar. */
    spentMicros: (from: string, to: string): number => toMicros(spent.get(from, to)!.usd),

    /** Of one agent or task, over all time. */
    totals(of: { agentId: string } | { taskId: string }): UsageTotals {
      return toTotals('agentId' in of ? ofAgent.get(of.agentId)! : ofTask.get(of.taskId)!)
    },

    /** Of many agents at once; those that did nothing yet are not among them. */
    totalsOfAgents: (ids: readonly string[]): Map<string, UsageTotals> =>
      new Map(ofAgents.all(JSON.stringify(ids)).map(({ agent_id, ...sums }) => [agent_id, toTotals(sums)])),

    /** One user's, from one day to another; the last 30 days unless said otherwise. */
    list(userId: string, query: { from?: string | undefined; to?: string | undefined; group: UsageGroup }) {
      const to = query.to ?? today()
      const from = query.from ?? daysBefore(to, DAYS_SHOWN - 1)
      const rows: UsageRow[] = rowsBy[query.group]
        .all(userId, from, to)
        .map(({ key, label, ...sums }) => ({ key, label, ...toTotals(sums) }))
      return { from, to, group: query.group, timezone, rows, total: toTotals(total.get(userId, from, to)!) }
    },
  }
}

/** Of who did nothing yet. */
export const NO_USE: UsageTotals = { turns: 0, unknown_turns: 0, input_tokens: 0, output_tokens: 0, cost_usd: 0 }

function toTotals(sums: Sums): UsageTotals {
  const nothingKnown = sums.turns > 0 && sums.unknown_turns === sums.turns
  return { ...sums, cost_usd: nothingKnown ? null : toUsd(toMicros(sums.cost_usd)) }
}
