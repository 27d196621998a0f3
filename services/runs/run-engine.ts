import type { Audit } from '../audit.ts'
import type { Budgets } from '../budgets.ts'
import type { Conversations } from '../conversations.ts'
import type { Credentials } from '../credentials.ts'
import type { Deps } from '../deps.ts'
import type { Events } from '../events.ts'
import type { Grants } from '../grants.ts'
import type { Log } from '../log.ts'
import type { Models } from '../models/index.ts'
import type { Notifications } from '../notifications.ts'
import type { Approvals } from '../policy/approvals.ts'
import type { Canary } from '../policy/canary.ts'
import type { Lists } from '../policy/decide.ts'
import type { Settings } from '../settings.ts'
import type { Recalled } from '../shapes/memory.ts'
import type { Tallies } from '../tallies.ts'
import type { Registry } from '../tools/registry.ts'
import type { ToolUses } from '../tools/uses.ts'
import { createAdmission } from './admission.ts'
import { createBills } from './bills.ts'
import { createCallRecords } from './call-records.ts'
import { createCalls } from './calls.ts'
import { createCompaction } from './compaction.ts'
import { createControl } from './control.ts'
import { createDecisions } from './decisions.ts'
import { createDirect } from './direct.ts'
import { createEngine } from './engine.ts'
import { createGate } from './gate.ts'
import type { Journal } from './journal.ts'
import { createLine } from './line.ts'
import { createOutcomes } from './outcomes.ts'
import { createOrigins } from './provenance.ts'
import type { ProfileDeps } from './profile.ts'
import { createScreening } from './screening.ts'
import { createPrompts } from './prompts.ts'
import { createQuestions } from './questions.ts'
import { createQueue } from './queue.ts'
import { createRuns } from './runs.ts'
import type { Run, RunStore } from './store.ts'
import { createSubAgents } from './sub-agents.ts'
import { createTurns } from './turns.ts'

export type RunEngineDeps = Deps & {
  log: Log
  timezone: string
  store: RunStore
  journal: Journal
  approvals: Approvals
  registry: Registry
  uses: ToolUses
  settings: Settings
  conversations: Conversations
  events: Events
  audit: Pick<Audit, 'record'>
  notifications: Notifications
  budgets: Budgets
  models: Models
  credentials: Pick<Credentials, 'mask' | 'maskValue' | 'maskedText'>
  tallies: Pick<Tallies, 'turn' | 'call' | 'ended'>
  canary: Canary
  /** Whether a value holds a secret of the vault, however it is written. */
  givesAway: (value: unknown) => boolean
  agents: AgentsOfRuns
  tasks: { find(id: string): (ReturnType<ProfileDeps['tasks']['find']> & { name: string; prompt: string }) | undefined }
  persona: ProfileDeps['persona']
  lists: (userId: string) => Lists
  grants: Grants
  /** Whether anything may be begun for this user: not while they are deactivated. */
  mayWork: (userId: string) => boolean
  /** What a run still had going out does not go any more; in the transaction of its stop. */
  cancelSends: (runId: string, why: string) => void
  handled: ProfileDeps['handled']
  /** What a run is told from memory without asking. */
  recall: (run: Run) => Recalled[]
}

type RunAgent = NonNullable<ReturnType<ProfileDeps['agents']['find']>>
export type AgentsOfRuns = {
  find(id: string): RunAgent | undefined
  findByName(userId: string, nameOrId: string): RunAgent | undefined
}

/** Everything that makes runs go, put together once. */
export function createRunEngine(deps: RunEngineDeps) {
  const { store, credentials, agents, tasks } = deps
  const nameOf = (run: Run): string => {
    const task = run.taskId === null ? undefined : tasks.find(run.taskId)
    const agent = run.agentId === null ? undefined : agents.find(run.agentId)
    return task?.name ?? agent?.name ?? 'A run'
  }
  const gate = createGate(deps)
  const prompts = createPrompts(deps)
  const { mask, maskValue } = credentials
  /**
   * The standing yeses of the root: its agent's as long as the owner alone wrote what the agent is told, its conversation's as
   * long as the owner alone speaks in it.
   */
  const grantsFor = (run: Run) => {
    const root = store.ancestors(run)[0] ?? run
    const clearedAt = deps.conversations.find(root.conversationId)?.clearedAt ?? null
    const agentId = root.agentId !== null && agents.find(root.agentId)?.integrity === 'owner' ? root.agentId : null
    const conversationId = root.apiKeyId === null ? root.conversationId : null
    return deps.grants.holding({ userId: root.userId, agentId, conversationId, clearedAt })
  }
  const origins = createOrigins(deps)
  const questions = createQuestions({
    ...deps,
    mask,
    maskValue,
    origins,
    mayRemember: (approval) => decisions.mayRemember(approval),
    onAsked: () => decisions.watch(),
  })
  const records = createCallRecords({ ...deps, questions, mask, maskValue })
  const bills = createBills(deps)
  const outcomes = createOutcomes({ ...deps, records, nameOf })
  const turns = createTurns({ ...deps, prompts, gate })
  const screen = createScreening({ ...deps, bills, turns, mask })
  const calls = createCalls({ ...deps, records, gate, grantsFor, screen })
  const compaction = createCompaction({ ...deps, bills, turns })
  const engine = createEngine(
    { ...deps, records, calls, outcomes, turns, compaction, bills, gate, nameOf },
    (run) => queue.free(run),
    () => queue.wake(),
  )
  const line = createLine(deps)
  const queue = createQueue({ ...deps, line, start: engine.start })
  const decisions = createDecisions({ ...deps, calls, questions, wake: () => queue.wake() })
  const admission = createAdmission({ ...deps, prompts, gate })
  const runs = createRuns({ ...deps, admission, gate, engine, queue })
  const subAgents = createSubAgents({ store, agents, submit: runs.submit })
  const control = createControl({ ...deps, runs, queue, gate, nameOf })
  deps.budgets.onFreed(runs.release)
  const offeredTo = (runId: string) => turns.offeredTo(store.get(runId))
  const direct = createDirect({ ...deps, calls, outcomes })
  return { engine, queue, decisions, runs: { ...runs, ...direct }, subAgents, control, offeredTo }
}
