import type { Tool } from './agent/tool.ts'
import type { Actor, Audit } from './audit.ts'
import type { Deps } from './deps.ts'
import { AppError, invalidField } from './errors.ts'
import { newId } from './ids.ts'
import type { AgentChange, AgentDraft, PromptMode } from './shapes/agent.ts'
import { joinIntegrity, type Integrity } from './shapes/labels.ts'
import { checkAllowedTools } from './tools/allowed-tools.ts'

/** A persona that works by itself. `integrity`: who could have written what it is told to do. */
export type Agent = {
  id: string
  userId: string
  name: string
  prompt: string
  integrity: Integrity
  /** `provider:model`; null for the house's default. */
  model: string | null
  promptMode: PromptMode
  /** Null: every tool that may run unattended. */
  allowedTools: string[] | null
  maxToolCalls: number | null
  maxCostUsd: number | null
  /** Whether its schedule counts. */
  enabled: boolean
  paused: boolean
  createdAt: string
  updatedAt: string
  deletedAt: string | null
}

/** When something is due, as its answer shows it. */
export type Timing = {
  schedule: string | null
  run_at: string | null
  timezone: string
  catch_up: boolean
  next_run_at: string | null
}

export type AgentsDeps = Deps & {
  audit: Pick<Audit, 'record'>
  schedules: {
    set(draft: {
      id: string
      userId: string
      kind: 'agent' | 'task'
      schedule: string | null
      runAt: string | null
      timezone: string | null
      catchUp: boolean
      enabled: boolean
    }): void
    find(id: string): Timing | undefined
    findMany(ids: readonly string[]): Map<string, Timing>
    remove(id: string): void
  }
  models: { choose(id: string): unknown }
  registry: { tools(): readonly Tool[] }
  grants: { drop(holder: { agentId: string }, by: Actor): void }
  /** The house's, for what has no schedule of its own. */
  timezone: string
}

type Row = Omit<Agent, 'allowedTools' | 'enabled' | 'paused'> & {
  allowedTools: string | null
  enabled: number
  paused: number
}

const COLUMNS = `id, user_id AS userId, name, prompt, integrity, model, prompt_mode AS promptMode, allowed_tools AS allowedTools,
  max_tool_calls AS maxToolCalls, max_cost_usd AS maxCostUsd, enabled, paused, created_at AS createdAt, updated_at AS updatedAt,
  deleted_at AS deletedAt`

const TIMING_FIELDS = ['schedule', 'run_at', 'timezone', 'catch_up', 'enabled'] as const

export type Agents = ReturnType<typeof createAgents>

/** The agents of each user. A removed one stays as a row, so that its history keeps its name. */
export function createAgents({ db, now, audit, schedules, models, registry, timezone, grants }: AgentsDeps) {
  const byId = db.prepare<[string], Row>(`SELECT ${COLUMNS} FROM agents WHERE id = ?`)
  const ofUser = db.prepare<[string], Row>(
    `SELECT ${COLUMNS} FROM agents WHERE user_id = ? AND deleted_at IS NULL ORDER BY created_at, id`,
  )
  const named = db.prepare<[string], { name: string }>(
    `SELECT name FROM agents WHERE user_id = (SELECT ?) AND deleted_at IS NULL AND integrity = 'owner' ORDER BY created_at LIMIT 100`,
  )
  const insert = db.prepare(
    `INSERT INTO agents (id, user_id, name, prompt, integrity, model, prompt_mode, allowed_tools, max_tool_calls, max_cost_usd,
       enabled, paused, created_at, updated_at)
     VALUES (@id, @userId, @name, @prompt, @integrity, @model, @promptMode, @allowedTools, @maxToolCalls, @maxCostUsd,
       @enabled, @paused, @createdAt, @updatedAt)`,
  )
  const update = db.prepare(
    `UPDATE agents SET name = @name, prompt = @prompt, integrity = @integrity, model = @model, prompt_mode = @promptMode,
       allowed_tools = @allowedTools, max_tool_calls = @maxToolCalls, max_cost_usd = @maxCostUsd, enabled = @enabled,
       updated_at = @updatedAt WHERE id = @id`,
  )
  const pause = db.prepare('UPDATE agents SET paused = ?, updated_at = ? WHERE id = ?')
  const remove = db.prepare('UPDATE agents SET deleted_at = ?, updated_at = ? WHERE id = ?')

  /** Also a removed one, for whoever holds its id. */
  function find(id: string): Agent | undefined {
    const row = byId.get(id)
    return row && toAgent(row)
  }

  /** Throws `not_found` also for a removed one and another user's. */
  function get(userId: string, id: string): Agent {
    const agent = find(id)
    if (agent?.userId !== userId || agent.deletedAt !== null) throw new AppError('not_found', 'There is no such agent.')
    return agent
  }

  const list = (userId: string): Agent[] => ofUser.all(userId).map(toAgent)

  const unscheduled: Timing = { schedule: null, run_at: null, timezone, catch_up: true, next_run_at: null }
  const timing = (id: string): Timing => schedules.find(id) ?? unscheduled

  /** When each of many is due. */
  function timings(ids: readonly string[]): (id: string) => Timing {
    const found = schedules.findMany(ids)
    return (id) => found.get(id) ?? unscheduled
  }

  function check(draft: AgentChange): void {
    if (draft.model) checkModel(models, draft.model)
    if (draft.allowed_tools) checkAllowedTools(registry.tools(), draft.allowed_tools)
  }

  function setTiming(agent: Agent, draft: AgentChange): void {
    const before = timing(agent.id)
    const { id, userId, enabled } = agent
    const given = { schedule: emptyIsNull(draft.schedule), runAt: draft.run_at }
    schedules.set({
      id,
      userId,
      kind: 'agent',
      schedule: given.schedule === undefined ? (given.runAt ? null : before.schedule) : given.schedule,
      runAt: given.runAt === undefined ? (given.schedule ? null : before.run_at) : given.runAt,
      timezone: draft.timezone === undefined ? before.timezone : (emptyIsNull(draft.timezone) ?? null),
      catchUp: draft.catch_up ?? before.catch_up,
      enabled,
    })
  }

  function record(action: string, agent: Agent, by: Actor, outcome?: string): void {
    const labels = { integrity: agent.integrity, privacy: 'private' as const }
    const more = outcome === undefined ? {} : { outcome }
    audit.record({ kind: 'agent', action, subject: agent.name, agentId: agent.id, by, labels, ...more })
  }

  return {
    list,
    find,
    get,
    timing,
    timings,

    /** What they are called, as far as only the owner could have named them. */
    names: (userId: string): string[] => named.all(userId).map(({ name }) => name),

    /** The one of this id or, in any case of letters, this name. Throws `invalid` where the name fits several. */
    findByName(userId: string, nameOrId: string): Agent | undefined {
      const wanted = nameOrId.trim().toLowerCase()
      const live = list(userId)
      const named = live.filter(({ name }) => name.toLowerCase() === wanted)
      const found = live.find(({ id }) => id === wanted) ?? named[0]
      if (found && found.id !== wanted && named.length > 1)
        throw new AppError('invalid', `There are ${named.length} agents called ${found.name}. Name the one by its id.`)
      return found
    },

    /** `integrity` says who could have written the draft. Throws `invalid` with the path of what is not right. */
    create(userId: string, draft: AgentDraft, by: Actor, integrity: Integrity): Agent {
      check(draft)
      const at = now().toISOString()
      const agent = withChange({ ...BLANK, id: newId(), userId, integrity, createdAt: at, updatedAt: at }, draft)
      db.transact(() => {
        insert.run(toRow(agent))
        setTiming(agent, draft)
        record('created', agent, by)
      })
      return agent
    },

    /**
     * What the draft leaves out stays. One whose words others could have written is the owner's again once the owner has
     * written its prompt anew, said its name (both are told to models) and listed its tools.
     */
    change(userId: string, id: string, draft: AgentChange, by: Actor, integrity: Integrity): Agent {
      check(draft)
      return db.transact(() => {
        const before = get(userId, id)
        const changed = withChange(before, draft)
        const named = before.integrity === 'owner' || (draft.name !== undefined && toolsAreOwn(before, draft))
        const rewritten = integrity === 'owner' && named && changed.prompt !== before.prompt
        const agent = {
          ...changed,
          integrity: rewritten ? integrity : joinIntegrity(before.integrity, integrity),
          updatedAt: now().toISOString(),
        }
        update.run(toRow(agent))
        if (TIMING_FIELDS.some((field) => draft[field] !== undefined)) setTiming(agent, draft)
        record('changed', agent, by, Object.keys(draft).join(', '))
        return agent
      })
    },

    /** Takes it off the list and its schedule away; what it did stays. Its runs are stopped by whoever calls this. */
    remove(userId: string, id: string, by: Actor): void {
      db.transact(() => {
        const agent = get(userId, id)
        const at = now().toISOString()
        remove.run(at, at, id)
        schedules.remove(id)
        grants.drop({ agentId: id }, by)
        record('removed', agent, by)
      })
    },

    /** Notes that it is held, or no longer; its runs are held by whoever calls this. */
    setPaused(userId: string, id: string, paused: boolean, by: Actor): void {
      db.transact(() => {
        const agent = get(userId, id)
        if (agent.paused === paused) return
        pause.run(Number(paused), now().toISOString(), id)
        record(paused ? 'paused' : 'resumed', agent, by)
      })
    },
  }
}

const BLANK: Agent = {
  id: '',
  userId: '',
  name: '',
  prompt: '',
  integrity: 'third_party',
  model: null,
  promptMode: 'combined',
  allowedTools: null,
  maxToolCalls: null,
  maxCostUsd: null,
  enabled: true,
  paused: false,
  createdAt: '',
  updatedAt: '',
  deletedAt: null,
}

/** Refuses a model whose provider does not exist; a model that no list has is its vendor's to judge. */
export function checkModel(models: AgentsDeps['models'], id: string): void {
  try {
    models.choose(id)
  } catch (error) {
    throw error instanceof AppError ? invalidField('model', error.message) : error
  }
}

/** Tools that others could have listed are the owner's once the owner has listed them. */
export function toolsAreOwn(before: { allowedTools: string[] | null }, draft: { allowed_tools?: unknown }): boolean {
  return before.allowedTools === null || draft.allowed_tools !== undefined
}

/** `undefined` stays, `''` counts as null. */
function emptyIsNull(text: string | null | undefined): string | null | undefined {
  return text === '' ? null : text
}

function withChange(agent: Agent, draft: AgentChange): Agent {
  const kept = <T>(value: T | undefined, before: T): T => (value === undefined ? before : value)
  return {
    ...agent,
    name: kept(draft.name, agent.name),
    prompt: kept(draft.prompt, agent.prompt),
    model: kept(emptyIsNull(draft.model), agent.model),
    promptMode: kept(draft.prompt_mode, agent.promptMode),
    allowedTools: kept(draft.allowed_tools && [...new Set(draft.allowed_tools)], agent.allowedTools),
    maxToolCalls: kept(draft.max_tool_calls, agent.maxToolCalls),
    maxCostUsd: kept(draft.max_cost_usd, agent.maxCostUsd),
    enabled: kept(draft.enabled, agent.enabled),
  }
}

function toRow(agent: Agent) {
  const allowedTools = agent.allowedTools === null ? null : JSON.stringify(agent.allowedTools)
  return { ...agent, allowedTools, enabled: Number(agent.enabled), paused: Number(agent.paused) }
}

function toAgent(row: Row): Agent {
  const allowedTools = row.allowedTools === null ? null : (JSON.parse(row.allowedTools) as string[])
  return { ...row, allowedTools, enabled: row.enabled === 1, paused: row.paused === 1 }
}
