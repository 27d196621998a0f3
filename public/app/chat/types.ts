import type { Provenance, Remember } from '../pending.ts'
import type { By, RunStatus, StopReason } from '../../../services/shapes/frames.ts'

/** What the server keeps of a conversation, and what the page makes of it while it goes on. */

export type Integrity = 'owner' | 'third_party'
export type Usage = { input_tokens: number; output_tokens: number; cost_usd: number | null }
export type Fault = { error: string; code: string }

/** A question about a call, as it stands on its card. */
export type Ask = {
  call_id: string
  tool_name: string
  arguments: unknown
  description: string
  reason: string
  expires_at: string | null
  provenance?: Provenance[]
  may_remember?: Remember[]
  /** Where nobody knows whether the call happened. */
  kind?: 'uncertain'
  approval_id?: string
}

export type TextPart = { type: 'text'; text: string }
export type ImagesPart = { type: 'images'; data_urls: string[] }
export type ToolPart = {
  type: 'tool'
  call_id: string
  tool_name: string
  arguments: unknown
  status: 'started' | 'finished' | 'waiting'
  success?: boolean | null
  result_summary?: string | null
  result?: unknown
  confirmed?: boolean | null
  duration_ms?: number | null
  decision?: string | null
  /** Which rule decided; `owner` where it was the owner's no. */
  rule?: string | null
  reason?: string | null
  /** What was read, in a few words. */
  source?: string | null
  /** Since this call the run counts as touched by others. */
  touched?: boolean
  /** What the extra layers said of it. */
  flags?: string[]
  ask?: Ask | null
  /** The run that this call asked for. */
  child_run_id?: string | null
}
/** What stood before was shortened to this, so that the conversation fits the model. */
export type SummaryPart = { type: 'summary'; text: string }
export type Part = TextPart | ToolPart | ImagesPart | SummaryPart

/** One answer as it is shown. Never changed in place: every frame makes the next one. */
export type Run = {
  id: string
  status: RunStatus
  position: number | null
  waitingFor: string | null
  parts: Part[]
  stopReason: StopReason | null
  usage: Usage | null
  model: string | null
  fault: Fault | null
  integrity: Integrity
  /** False once pieces may stand in another order than they came; `done` then fetches the record. */
  exact: boolean
}

export type StoredAttachment = { id?: string; name: string; media_type?: string; size?: number; preview?: string }

export type StoredUserMessage = {
  id: string
  role: 'user'
  run_id: string | null
  content: string
  attachments: StoredAttachment[]
  by: By
  created_at: string
  cleared: boolean
}

export type StoredAnswer = {
  id: string
  role: 'assistant'
  run_id: string
  content: string
  parts: Part[]
  confirmations?: Ask[]
  status: RunStatus
  /** Why it waits. */
  reason?: string | null
  stop_reason: StopReason | null
  error: Fault | null
  model: string | null
  usage: Usage | null
  integrity: Integrity
  created_at: string
  cleared: boolean
}

export type StoredConversation = {
  id: string
  title: string
  model: string | null
  /** Who answers here, where that is not Steward itself. */
  agent_id?: string | null
  last_seq: number
  /** Any website may be read, until the context is cleared. */
  web_open?: boolean
  integrity: Integrity
  messages: (StoredUserMessage | StoredAnswer)[]
}

/** A file on its way to the model. */
export type Attachment = { key: string; name: string; media_type: string; size: number; data: string; preview?: string }

export type OutgoingMessage = {
  content: string
  model?: string
  /** Who answers in a conversation that begins with this message; Steward itself by default. */
  agent_id?: string
  web?: boolean
  attachments: Attachment[]
}
