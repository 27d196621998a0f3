import { AppError } from '../errors.ts'
import { newId } from '../ids.ts'
import type { By } from '../shapes/frames.ts'
import type { Intake } from '../shapes/intake.ts'
import { joinIntegrity, type Integrity } from '../shapes/labels.ts'

/** What of an agent and of a task an unattended run of it needs. */
export type DoingAgent = {
  id: string
  userId: string
  name: string
  prompt: string
  promptMode: string
  integrity: Integrity
  deletedAt: string | null
}
export type DoneTask = {
  id: string
  userId: string
  agentId: string | null
  name: string
  prompt: string
  integrity: Integrity
  deletedAt: string | null
}

/** How it came about: by the clock, or by somebody's hand. */
export type Cause = Pick<Intake, 'door' | 'address' | 'origin'> & {
  by: By
  externalId?: string
  apiKeyId?: string | undefined
}

const CARRY_OUT = 'Carry out your instructions now.'

/** The intake of an agent that does what it is there for. */
export function agentIntake(agent: DoingAgent, cause: Cause): Intake {
  const text = agent.promptMode === 'system_only' ? agent.prompt : CARRY_OUT
  const { userId, integrity } = agent
  return { ...common(cause), userId, integrity, text, agentId: agent.id }
}

/** The intake of a task, done by the agent it names. Throws `unavailable` where that agent is gone. */
export function taskIntake(task: DoneTask, agent: DoingAgent | undefined, cause: Cause): Intake {
  if (task.agentId !== null && (!agent || agent.deletedAt !== null))
    throw new AppError('unavailable', 'The agent that this task names was removed. Name another one.')
  return {
    ...common(cause),
    userId: task.userId,
    integrity: agent ? joinIntegrity(task.integrity, agent.integrity) : task.integrity,
    text: task.prompt,
    taskId: task.id,
    ...(task.agentId === null ? {} : { agentId: task.agentId }),
  }
}

/** The cause of what is done by hand, of whoever asks. */
export function byHand(who: { by: By } & ({ via: 'session' } | { via: 'key'; keyId: string })): Cause {
  const door = who.by === 'web' ? 'web' : 'api'
  return {
    door,
    address: '',
    origin: 'manual',
    by: who.by,
    ...(who.via === 'key' ? { apiKeyId: who.keyId } : {}),
  }
}

function common(cause: Cause) {
  return { ...cause, conversationId: newId(), kind: 'run' as const, attended: false, attachments: [] }
}
