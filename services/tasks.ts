import type { Actor } from './audit.ts'
import { checkModel, toolsAreOwn, type Agent, type AgentsDeps, type Timing } from './agents.ts'
import { AppError, invalidField } from './errors.ts'
import { newId } from './ids.ts'
import { joinIntegrity, type Integrity } from './shapes/labels.ts'
import type { TaskChange, TaskDraft } from './shapes/task.ts'
import { checkAllowedTools } from './tools/allowed-tools.ts'

/** Work that comes again. `integrity`: who could have written what it says. */
export type Task = {
  id: string
  userId: string
  /** Who does it; null where Steward itself does. */
  agentId: string | null
  name: string
  prompt: string
  integrity: Integrity
  /** `provider:model`; null for its agent's or the house's default. */
  model: string | null
  /** Null: what its agent may use, or every tool that may run unattended. */
  allowedTools: string[] | null
  maxToolCalls: number | null
  maxCostUsd: number | null
  /** Whether its schedule counts. */
  enabled: boolean
  createdAt: string
  updatedAt: string
  deletedAt: string | null
}

export type TasksDeps = AgentsDeps & { agents: { find(id: string): Agent | undefined } }

type Row = Omit<Task, 'allowedTools' | 'enabled'> & { allowedTools: string | null; enabled: number }

const COLUMNS = `id, user_id AS userId, agent_id AS agentId, name, prompt, integrity, model, allowed_tools AS allowedTools,
  max_tool_calls AS maxToolCalls, max_cost_usd AS maxCostUsd, enabled, created_at AS createdAt, updated_at AS updatedAt,
  deleted_at AS deletedAt`

const TIMING_FIELDS = ['schedule', 'run_at', 'timezone', 'catch_up', 'enabled'] as const

export type Tasks = ReturnType<typeof createTasks>

/** The tasks of each user. A removed one stays as a row, so that its history keeps its name. */
export function createTasks({ db, now, audit, schedules, models, registry, timezone, agents }: TasksDeps) {
  const byId = db.prepare<[string], Row>(`SELECT ${COLUMNS} FROM tasks WHERE id = ?`)
  const ofUser = db.prepare<[string], Row>(
    `SELECT ${COLUMNS} FROM tasks WHERE user_id = ? AND deleted_at IS NULL ORDER BY created_at, id`,
  )
  const insert = db.prepare(
    `INSERT INTO tasks (id, user_id, agent_id, name, prompt, integrity, model, allowed_tools, max_tool_calls, max_cost_usd, enabled,
       created_at, updated_at)
     VALUES (@id, @userId, @agentId, @name, @prompt, @integrity, @model, @allowedTools, @maxToolCalls, @maxCostUsd, @enabled,
       @createdAt, @updatedAt)`,
  )
  const update = db.prepare(
    `UPDATE tasks SET agent_id = @agentId, name = @name, prompt = @prompt, integrity = @integrity, model = @model,
       allowed_tools = @allowedTools, max_tool_calls = @maxToolCalls, max_cost_usd = @maxCostUsd, enabled = @enabled,
       updated_at = @updatedAt WHERE id = @id`,
  )
  const remove = db.prepare('UPDATE tasks SET deleted_at = ?, updated_at = ? WHERE id = ?')

  /** Also a removed one, for whoever holds its id. */
  function find(id: string): Task | undefined {
    const row = byId.get(id)
    return row && toTask(row)
  }

  /** Throws `not_found` also for a removed one and another user's. */
  function get(userId: string, id: string): Task {
    const task = find(id)
    if (task?.userId !== userId || task.deletedAt !== null) throw new AppError('not_found', 'There is no such task.')
    return task
  }

  const timing = (id: string): Timing =>
    schedules.find(id) ?? { schedule: null, run_at: null, timezone, catch_up: true, next_run_at: null }

  function check(userId: string, draft: TaskChange): void {
    if (draft.model) checkModel(models, draft.model)
    if (draft.allowed_tools) checkAllowedTools(registry.tools(), draft.allowed_tools)
    const agent = draft.agent_id ? agents.find(draft.agent_id) : undefined
    if (draft.agent_id && (agent?.userId !== userId || agent.deletedAt !== null))
      throw invalidField('agent_id', 'There is no such agent. Name one of yours, or none.')
  }

  function setTiming({ id, userId, enabled }: Task, draft: TaskChange): void {
    const before = timing(id)
    const schedule = emptyIsNull(draft.schedule)
    schedules.set({
      id,
      userId,
      kind: 'task',
      schedule: schedule === undefined ? (draft.run_at ? null : before.schedule) : schedule,
      runAt: draft.run_at === undefined ? (schedule ? null : before.run_at) : draft.run_at,
      timezone: draft.timezone === undefined ? before.timezone : (emptyIsNull(draft.timezone) ?? null),
      catchUp: draft.catch_up ?? before.catch_up,
      enabled,
    })
  }

  function record(action: string, task: Task, by: Actor, outcome?: string): void {
    const labels = { integrity: task.integrity, privacy: 'private' as const }
    const more = outcome === undefined ? {} : { outcome }
    audit.record({
      kind: 'task',
      action,
      subject: task.name,
      taskId: task.id,
      agentId: task.agentId,
      by,
      labels,
      ...more,
    })
  }

  /** What the draft leaves out stays. The owner's rewriting the prompt makes it the owner's again. */
  function change(userId: string, id: string, draft: TaskChange, by: Actor, integrity: Integrity): Task {
    check(userId, draft)
    return db.transact(() => {
      const before = get(userId, id)
      const changed = withChange(before, draft)
      const listed = before.integrity === 'owner' || toolsAreOwn(before, draft)
      const rewritten = integrity === 'owner' && listed && changed.prompt !== before.prompt
      const joined = rewritten ? integrity : joinIntegrity(before.integrity, integrity)
      const task = { ...changed, integrity: joined, updatedAt: now().toISOString() }
      update.run(toRow(task))
      if (TIMING_FIELDS.some((field) => draft[field] !== undefined)) setTiming(task, draft)
      record('changed', task, by, Object.keys(draft).join(', '))
      return task
    })
  }

  return {
    list: (userId: string): Task[] => ofUser.all(userId).map(toTask),
    find,
    get,
    timing,
    change,

    /** `integrity` says who could have written the draft. Throws `invalid` with the path of what is not right. */
    create(userId: string, draft: TaskDraft, by: Actor, integrity: Integrity): Task {
      check(userId, draft)
      const at = now().toISOString()
      const task = withChange({ ...BLANK, id: newId(), userId, integrity, createdAt: at, updatedAt: at }, draft)
      db.transact(() => {
        insert.run(toRow(task))
        setTiming(task, draft)
        record('created', task, by)
      })
      return task
    },

    /** Its schedule on or off, whichever it was not. */
    toggle: (userId: string, id: string, by: Actor, integrity: Integrity): boolean =>
      change(userId, id, { enabled: !get(userId, id).enabled }, by, integrity).enabled,

    /** Takes it off the list and its schedule away; what it did stays. Its runs are stopped by whoever calls this. */
    remove(userId: string, id: string, by: Actor): void {
      db.transact(() => {
        const task = get(userId, id)
        const at = now().toISOString()
        remove.run(at, at, id)
        schedules.remove(id)
        record('removed', task, by)
      })
    },
  }
}

const BLANK: Task = {
  id: '',
  userId: '',
  agentId: null,
  name: '',
  prompt: '',
  integrity: 'third_party',
  model: null,
  allowedTools: null,
  maxToolCalls: null,
  maxCostUsd: null,
  enabled: true,
  createdAt: '',
  updatedAt: '',
  deletedAt: null,
}

/** `undefined` stays, `''` counts as null. */
function emptyIsNull(text: string | null | undefined): string | null | undefined {
  return text === '' ? null : text
}

function withChange(task: Task, draft: TaskChange): Task {
  const kept = <T>(value: T | undefined, before: T): T => (value === undefined ? before : value)
  return {
    ...task,
    agentId: kept(emptyIsNull(draft.agent_id), task.agentId),
    name: kept(draft.name, task.name),
    prompt: kept(draft.prompt, task.prompt),
    model: kept(emptyIsNull(draft.model), task.model),
    allowedTools: kept(draft.allowed_tools && [...new Set(draft.allowed_tools)], task.allowedTools),
    maxToolCalls: kept(draft.max_tool_calls, task.maxToolCalls),
    maxCostUsd: kept(draft.max_cost_usd, task.maxCostUsd),
    enabled: kept(draft.enabled, task.enabled),
  }
}

function toRow(task: Task) {
  const allowedTools = task.allowedTools === null ? null : JSON.stringify(task.allowedTools)
  return { ...task, allowedTools, enabled: Number(task.enabled) }
}

function toTask(row: Row): Task {
  const allowedTools = row.allowedTools === null ? null : (JSON.parse(row.allowedTools) as string[])
  return { ...row, allowedTools, enabled: row.enabled === 1 }
}
