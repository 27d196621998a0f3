import type { By } from './frames.ts'
import type { Integrity } from './labels.ts'

export type Origin = 'chat' | 'manual' | 'schedule' | 'email' | 'telegram' | 'webhook' | 'agent'
export type DoorName = 'web' | 'api' | 'telegram' | 'email' | 'scheduler' | 'hooks' | 'agent'

export type IntakeAttachment = { name: string; mediaType: string; data: Buffer }

/**
 * What every door makes of what came in: the one value `submit` takes. A door has recognised who is there and turned
 * strangers away before it makes one.
 */
export type Intake = {
  door: DoorName
  /** Where an answer goes, in the door's own terms. */
  address: string
  /** The door's own id of this delivery; a redelivery finds the first run by it. */
  externalId?: string
  userId: string
  conversationId: string
  origin: Origin
  by: By
  /** Whether the owner is there to be asked. */
  attended: boolean
  /** Who could have written `text`. */
  integrity: Integrity
  text: string
  attachments: IntakeAttachment[]
  /** Who does it: the conversation's agent or Steward itself when absent; null: Steward itself in any case. */
  agentId?: string | null | undefined
  taskId?: string | undefined
  /** What a conversation is made as, when it is new: `run` is the workings of an agent or task, not listed among chats. */
  kind?: 'chat' | 'run' | undefined
  /** The run that asks this of another agent. */
  parentRunId?: string | undefined
  /** `provider:model`; the conversation's, the agent's or the house's when absent. */
  model?: string | undefined
  /** The owner asked for the web. */
  web?: boolean | undefined
  apiKeyId?: string | undefined
}
