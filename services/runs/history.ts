import type { Db } from '../../db/open.ts'
import { cursorsOf } from '../cursors.ts'
import type { RunStatus, StopReason } from '../shapes/frames.ts'
import type { Origin } from '../shapes/intake.ts'
import type { Integrity } from '../shapes/labels.ts'

/** A run in a list; `input` and `answer` are their beginnings. */
export type RunEntry = {
  id: string
  origin: Origin
  status: RunStatus
  agent_id: string | null
  task_id: string | null
  conversation_id: string
  parent_run_id: string | null
  model: string
  input: string
  stop_reason: StopReason | null
  error: string | null
  answer: string
  tool_calls: number
  input_tokens: number
  output_tokens: number
  cost_usd: number | null
  integrity: Integrity
  attempts: number
  created_at: string
  started_at: string | null
  ended_at: string | null
}

export type LastRun = Pick<RunEntry, 'id' | 'status' | 'created_at' | 'ended_at'>

export type RunFilter = {
  status?: RunStatus | undefined
  agent_id?: string | undefined
  task_id?: string | undefined
  origin?: Origin | undefined
  limit: number
  cursor?: string | undefined
}

type Owned = { userId: string }
export type HistoryDeps = {
  db: Db
  agents: { find(id: string): Owned | undefined }
  tasks: { find(id: string): Owned | undefined }
}

const CURSORS = cursorsOf('runs')
const SHOWN_LENGTH = 200
const NEWEST = 50
/** Above so many matches the count stops (contract: `total_is_min`). */
const MOST_COUNTED = 10_000
/** Two ways that lead over more rows than this are taken for equally long. */
const LONG_WAY = 1_000

const ENTRY = `id, origin, status, agent_id, task_id, conversation_id, parent_run_id, model, substr(input, 1, ${SHOWN_LENGTH}) AS input,
  stop_reason, error, substr(answer, 1, ${SHOWN_LENGTH}) AS answer, tool_calls, input_tokens, output_tokens, cost_usd, integrity,
  attempts, created_at, started_at, ended_at`

type Values = {
  user: string
  agent: string
  task: string
  status: string
  origin: string
  before: number
  limit: number
}
type Way = { index: string; where: string }
type Plan = Way & { rest: string[] }

/**
 * What leads along each index. What belongs to an agent or task is its owner's, who was asked for before, so those need no
 * look at the row.
 */
const WAYS = {
  user: { index: 'runs_by_user', where: 'user_id = @user' },
  ended: { index: 'runs_by_status', where: 'user_id = @user AND ended_at IS NOT NULL AND status = @status' },
  unfinished: {
    index: 'runs_active',
    where: `status IN ('queued', 'running', 'waiting', 'paused') AND user_id = @user AND status = @status`,
  },
  origin: { index: 'runs_by_origin', where: `user_id = @user AND origin <> 'chat' AND origin = @origin` },
  agent: { index: 'runs_by_agent', where: 'agent_id = @agent' },
  agentEnded: {
    index: 'runs_by_agent_status',
    where: 'agent_id = @agent AND ended_at IS NOT NULL AND status = @status',
  },
  task: { index: 'runs_by_task', where: 'task_id = @task' },
  taskEnded: { index: 'runs_by_task_status', where: 'task_id = @task AND ended_at IS NOT NULL AND status = @status' },
} satisfies Record<string, Way>

export type History = ReturnType<typeof createHistory>

/** What ran: lists of it, newest first. Every list goes along an index, whatever it is filtered by. */
export function createHistory({ db, agents, tasks }: HistoryDeps) {
  const prepared = new Map<string, ReturnType<Db['prepare']>>()
  const newestOf = (column: 'agent_id' | 'task_id') =>
    db.prepare<[string, number], RunEntry>(
      `SELECT ${ENTRY} FROM runs WHERE ${column} = (SELECT ?) ORDER BY number DESC LIMIT ?`,
    )
  const lastOf = (column: 'agent_id' | 'task_id') =>
    db.prepare<[string], LastRun>(
      `SELECT id, status, created_at, ended_at FROM runs WHERE ${column} = (SELECT ?) ORDER BY number DESC LIMIT 1`,
    )
  const ofAgent = newestOf('agent_id')
  const ofTask = newestOf('task_id')
  const lastOfAgent = lastOf('agent_id')
  const lastOfAgents = db.prepare<[string], LastRun & { agentId: string }>(
    `SELECT runs.agent_id AS agentId, runs.id, status, created_at, ended_at FROM json_each(?) AS wanted CROSS JOIN runs
     ON runs.number = (SELECT number FROM runs WHERE agent_id = wanted.value ORDER BY number DESC LIMIT 1)`,
  )
  const lastOfTask = lastOf('task_id')
  const children = db.prepare<[string], RunEntry>(
    `SELECT ${ENTRY} FROM runs WHERE parent_run_id = (SELECT ?) ORDER BY number`,
  )

  function query(sql: string): ReturnType<Db['prepare']> {
    const statement = prepared.get(sql) ?? db.prepare(sql)
    prepared.set(sql, statement)
    return statement
  }

  /** How many rows a way leads over; counted in its index alone, up to where it no longer matters. */
  function length(way: Way, values: Values): number {
    const sql = `SELECT count(*) AS n FROM (SELECT 1 FROM runs INDEXED BY ${way.index} WHERE ${way.where} LIMIT ${LONG_WAY})`
    return (query(sql).get(values) as { n: number }).n
  }

  /** The shortest of the ways that the filter opens; what the others would have said is looked up in the rows. */
  function plan(filter: RunFilter, values: Values): Plan {
    const ways = waysOf(filter)
    const [only = WAYS.user, ...others] = ways
    const lengths = new Map(others.length === 0 ? [] : ways.map((way) => [way, length(way, values)]))
    const shortest = others.reduce((best, way) => (lengths.get(way)! < lengths.get(best)! ? way : best), only)
    return { ...shortest, rest: conditionsOf(filter).filter((condition) => !shortest.where.includes(condition)) }
  }

  function total({ index, where, rest }: Plan, values: Values): { total: number; total_is_min?: true } {
    const all = [where, ...rest].join(' AND ')
    const sql = `SELECT count(*) AS n FROM (SELECT 1 FROM runs INDEXED BY ${index} WHERE ${all} LIMIT ${MOST_COUNTED})`
    const { n } = query(sql).get(values) as { n: number }
    return n === MOST_COUNTED ? { total: n, total_is_min: true } : { total: n }
  }

  function isForeign(userId: string, { agent_id, task_id }: RunFilter): boolean {
    const notOwn = (id: string | undefined, among: HistoryDeps['agents']) =>
      id !== undefined && among.find(id)?.userId !== userId
    return notOwn(agent_id, agents) || notOwn(task_id, tasks)
  }

  return {
    /** Newest first. Throws `invalid` for a cursor that no list gave. */
    list(userId: string, filter: RunFilter) {
      const before = Number(CURSORS.from(filter.cursor) ?? Number.MAX_SAFE_INTEGER)
      if (isForeign(userId, filter)) return { items: [], next_cursor: null, total: 0 }
      const values: Values = {
        user: userId,
        agent: filter.agent_id ?? '',
        task: filter.task_id ?? '',
        status: filter.status ?? '',
        origin: filter.origin ?? '',
        before,
        limit: filter.limit + 1,
      }
      const way = plan(filter, values)
      const sql = `SELECT number, ${ENTRY} FROM runs INDEXED BY ${way.index}
        WHERE ${[way.where, ...way.rest].join(' AND ')} AND number < @before ORDER BY number DESC LIMIT @limit`
      const rows = query(sql).all(values) as (RunEntry & { number: number })[]
      const page = rows.slice(0, filter.limit)
      return {
        items: page.map(({ number: _number, ...entry }) => entry),
        next_cursor: rows.length > page.length ? CURSORS.to(page.at(-1)!.number) : null,
        ...total(way, values),
      }
    },

    ofAgent: (agentId: string): RunEntry[] => ofAgent.all(agentId, NEWEST),
    ofTask: (taskId: string): RunEntry[] => ofTask.all(taskId, NEWEST),
    children: (runId: string): RunEntry[] => children.all(runId),
    lastOfAgent: (agentId: string): LastRun | null => lastOfAgent.get(agentId) ?? null,
    lastOfAgents: (ids: readonly string[]): Map<string, LastRun> =>
      new Map(lastOfAgents.all(JSON.stringify(ids)).map(({ agentId, ...run }) => [agentId, run])),
    lastOfTask: (taskId: string): LastRun | null => lastOfTask.get(taskId) ?? null,
  }
}

const ENDED: ReadonlySet<string> = new Set(['succeeded', 'failed', 'stopped', 'interrupted'])

function waysOf({ status, agent_id, task_id, origin }: RunFilter): Way[] {
  const ways: Way[] = []
  const isEnded = status !== undefined && ENDED.has(status)
  if (agent_id !== undefined) ways.push(isEnded ? WAYS.agentEnded : WAYS.agent)
  if (task_id !== undefined) ways.push(isEnded ? WAYS.taskEnded : WAYS.task)
  if (status !== undefined && !isEnded) ways.push(WAYS.unfinished)
  if (isEnded && ways.length === 0) ways.push(WAYS.ended)
  if (origin !== undefined && origin !== 'chat') ways.push(WAYS.origin)
  return ways
}

function conditionsOf({ status, agent_id, task_id, origin }: RunFilter): string[] {
  const conditions: string[] = []
  if (agent_id !== undefined) conditions.push('agent_id = @agent')
  if (task_id !== undefined) conditions.push('task_id = @task')
  if (status !== undefined) conditions.push('status = @status')
  if (origin !== undefined) conditions.push('origin = @origin')
  return conditions
}
