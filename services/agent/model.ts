import type { AssistantPart, Message } from '../shapes/message.ts'

/** A tool as a model sees it: a name, a sentence, and the JSON Schema (draft 2020-12, type object) of its arguments. */
export type ToolSchema = { name: string; description: string; inputSchema: Record<string, unknown> }

/**
 * What is sent to a model. `system.stable` is the same for every turn of every conversation with these tools (it is the
 * part worth caching), `system.changing` holds the date and the like and comes after it.
 */
export type ModelRequest = {
  /** The vendor's own model id, without our provider prefix. */
  model: string
  system: { stable: string; changing: string }
  messages: readonly Message[]
  tools: readonly ToolSchema[]
  /** An answer is wanted, no calls. The tools stay listed, since the conversation so far speaks of them. */
  noCalls?: boolean
  maxTokens: number
  /** Asked right before each attempt; throws where none may start any more. */
  mayStart?: () => void
}

/** Tokens as billed. `inputTokens` counts all input, cached or not; the cache fields say how much of it was. */
export type TokenUsage = {
  inputTokens: number
  outputTokens: number
  cacheReadTokens: number
  cacheWriteTokens: number
}

export type ModelStopReason = 'end_turn' | 'tool_use' | 'max_tokens' | 'refusal'

/**
 * The life of one model turn. `text` pieces come as they are made. `restart` says that the attempt broke after some text
 * and a new one begins: forget the text of this turn. `end` is the last event, exactly once, unless the stream throws.
 */
export type ModelEvent =
  | { type: 'text'; delta: string }
  | { type: 'restart' }
  | { type: 'end'; parts: AssistantPart[]; usage: TokenUsage; stopReason: ModelStopReason }

/**
 * A model is a function. It throws AppError('upstream_refused') where the vendor said no for good (bad key, unknown model,
 * malformed request; the sentence says what to do and where), AppError('upstream_failed') where it could not be reached
 * or broke, after its retries; and whatever the signal's reason is when aborted. Calls are given ids by `newCallId`.
 */
export type Model = (request: ModelRequest, signal: AbortSignal) => AsyncIterable<ModelEvent>
