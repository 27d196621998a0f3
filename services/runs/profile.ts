import { inSystem, systemPrompt, type Persona, type PromptAgent } from '../agent/prompt.ts'
import { AppError } from '../errors.ts'
import type { Settings } from '../settings.ts'
import type { Intake } from '../shapes/intake.ts'
import { joinIntegrity, type Integrity } from '../shapes/labels.ts'
import type { Handled } from './mode.ts'
import type { Hold, Lane, Run, RunStore } from './store.ts'

/** What the engine needs to know of an agent. */
export type RunAgent = PromptAgent & {
  id: string
  userId: string
  model: string | null
  allowedTools: string[] | null
  maxToolCalls: number | null
  maxCostUsd: number | null
  paused: boolean
  deletedAt: string | null
}

/** What the engine needs to know of a task. */
export type RunTask = {
  id: string
  userId: string
  agentId: string | null
  integrity: Integrity
  model: string | null
  allowedTools: string[] | null
  maxToolCalls: number | null
  maxCostUsd: number | null
  deletedAt: string | null
}

export type ProfileDeps = {
  store: RunStore
  settings: Settings
  agents: { find(id: string): RunAgent | undefined }
  tasks: { find(id: string): RunTask | undefined }
  persona: (userId: string) => Persona
  handled: Handled
}

/** Who does a run, on whose account and within which limits; settled when it comes in. */
export type Profile = {
  agentId: string | null
  taskId: string | null
  parentRunId: string | null
  attended: boolean
  lane: Lane
  fairKey: string
  autonomous: boolean
  hold: Hold | null
  chain: string[]
  maxToolCalls: number | null
  maxCostUsd: number | null
  /** The mail account that it looks after. */
  mailbox: string | null
  /** Who could have written what it is told to do. */
  integrity: Integrity
  /** The model that its task or agent wants. */
  model: string | null
  systemPrompt: string
  /** What the user's message says. */
  text: string
}

/** So many runs may stand above one. */
export const MOST_DEPTH = 3

const AUTONOMOUS: readonly Intake['origin'][] = ['schedule', 'email', 'webhook']

/**
 * Works out who does what came in. Throws `not_found` for an agent or task that is not this user's, `forbidden` for a
 * chain of agents that is too long or comes back to itself.
 */
export function profileOf(intake: Intake, agentId: string | undefined, deps: ProfileDeps): Profile {
  const agent = agentId === undefined ? undefined : own(deps.agents.find(agentId), intake.userId, 'agent')
  const task = intake.taskId === undefined ? undefined : own(deps.tasks.find(intake.taskId), intake.userId, 'task')
  const parent = intake.parentRunId === undefined ? undefined : deps.store.get(intake.parentRunId)
  const attended = parent?.attended ?? intake.attended
  const chain = chainOf(parent, agent, deps.store)
  const mailbox = mailboxOf(intake, parent, deps)
  const told = [agent, task].map((one) => one?.integrity ?? 'owner').reduce(joinIntegrity, 'owner')
  return {
    agentId: agent?.id ?? null,
    taskId: task?.id ?? null,
    parentRunId: parent?.id ?? null,
    attended,
    ...placeOf(intake, { parent, attended, agent, task }),
    hold: chain.some((id) => deps.agents.find(id)?.paused) ? 'agent' : null,
    chain,
    ...limitsOf([task, agent], parent, deps),
    mailbox,
    integrity: told,
    model: task?.model ?? agent?.model ?? null,
    systemPrompt: systemPrompt({
      persona: deps.persona(intake.userId),
      agent,
      attended,
      mailbox: mailbox === null ? undefined : deps.handled(mailbox),
      canary: deps.settings.get('canary'),
    }),
    text: textOf(intake, agent),
  }
}

/** A sub-agent looks after the same as the run that asks it. */
function mailboxOf({ door, address }: Intake, parent: Run | undefined, { handled }: ProfileDeps): string | null {
  if (parent) return parent.mailbox
  return door === 'email' && handled(address) ? address : null
}

function own<T extends { userId: string; deletedAt: string | null }>(
  found: T | undefined,
  userId: string,
  what: string,
): T {
  if (found?.userId === userId && found.deletedAt === null) return found
  throw new AppError('not_found', `There is no such ${what}.`)
}

function chainOf(parent: Run | undefined, agent: RunAgent | undefined, store: RunStore): string[] {
  const before = parent?.chain ?? []
  if (!agent) return before
  if (before.includes(agent.id))
    throw new AppError('forbidden', `"${agent.name}" is already at work on this; agents do not ask in a circle.`)
  if (parent && store.ancestors(parent).length > MOST_DEPTH)
    throw new AppError('forbidden', `Agents ask each other at most ${MOST_DEPTH} deep. Do this one yourself.`)
  return [...before, agent.id]
}

type Parties = {
  parent: Run | undefined
  attended: boolean
  agent: RunAgent | undefined
  task: RunTask | undefined
}

/** A sub-agent counts where its root does. */
function placeOf(
  intake: Intake,
  { parent, attended, agent, task }: Parties,
): Pick<Profile, 'lane' | 'fairKey' | 'autonomous'> {
  if (parent) return { lane: parent.lane, fairKey: parent.fairKey, autonomous: false }
  if (attended) return { lane: 'chat', fairKey: '', autonomous: false }
  const lane = intake.origin === 'telegram' ? 'chat' : 'background'
  const account = agent?.id ?? task?.id ?? intake.userId
  return { lane, fairKey: lane === 'chat' ? '' : account, autonomous: AUTONOMOUS.includes(intake.origin) }
}

type Limited = Pick<RunAgent, 'maxToolCalls' | 'maxCostUsd'>

/** The tightest of what task and agent say; a sub-agent has at most what is left to the run that asked. */
function limitsOf(of: readonly (Limited | undefined)[], parent: Run | undefined, { settings }: ProfileDeps): Limited {
  const left = parent && Math.max((parent.maxToolCalls ?? settings.get('max_tool_calls')) - parent.toolCalls, 0)
  const calls = [...of.map((one) => one?.maxToolCalls), left].filter((limit) => typeof limit === 'number')
  const costs = [...of.map((one) => one?.maxCostUsd)].filter((limit) => typeof limit === 'number')
  if (left !== undefined && calls.length === 1) calls.push(settings.get('max_tool_calls'))
  return {
    maxToolCalls: calls.length > 0 ? Math.min(...calls) : null,
    maxCostUsd: costs.length > 0 ? Math.min(...costs) : null,
  }
}

/** Instructions that others could have written stand in the message, which counts as theirs, never in the system prompt. */
function textOf({ text }: Intake, agent: RunAgent | undefined): string {
  if (!agent || agent.promptMode === 'system_only' || inSystem(agent)) return text
  return `${agent.prompt}\n\n${text}`
}
