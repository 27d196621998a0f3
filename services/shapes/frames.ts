import { z } from 'zod'
import type { Integrity } from './labels.ts'
import { lazy } from './lazy.ts'
import type { Recalled } from './memory.ts'

/** The words of `/ws/{session_id}`: what the server says and what it understands. */

export type RunStatus = 'queued' | 'running' | 'waiting' | 'paused' | 'succeeded' | 'failed' | 'stopped' | 'interrupted'

export type StopReason = 'end_turn' | 'max_tool_calls' | 'max_tokens' | 'refusal' | 'stopped' | 'budget' | 'interrupted'

/** Which way a person or program came in. */
export type By = 'web' | 'telegram' | 'api'

/** Prices in USD per million tokens; null where they are not known. */
export type ModelInfo = {
  id: string
  name: string
  provider: string
  context_length: number | null
  pricing: { prompt: number | null; completion: number | null }
  capabilities: { vision: boolean; tools: boolean; online: boolean }
  /** Whether it may be told what is private. */
  private_ok: boolean
}

export type ConfirmationFrame = {
  type: 'confirmation_required'
  call_id: string
  tool_name: string
  arguments: unknown
  description: string
  reason: string
  expires_at: string
  /** Where each value of the arguments came from. */
  provenance?: {
    path: string
    value: string
    origin: 'owner' | 'third_party' | 'steward' | 'model'
    sentence: string
  }[]
  /** How far a yes may reach beyond this one call. */
  may_remember?: ('conversation' | 'agent')[]
  /** Where it is not about a call to come, but about one of which nobody knows whether it happened. */
  kind?: 'uncertain'
  /** The approval's id, where it is not the call's. */
  approval_id?: string
}

/** A tool call as `state` shows it; the last four fields are there once it ended. */
export type ToolCallState = {
  call_id: string
  tool_name: string
  arguments: unknown
  success?: boolean
  result_summary?: string
  confirmed?: boolean
  duration_ms?: number
}

/** Something the owner should know of; for sockets that follow `notifications`. */
export type NotificationFrame = {
  type: 'notification'
  id: string
  kind: NotificationKind
  title: string
  text: string
  run_id: string | null
  agent_id: string | null
  task_id: string | null
  approval_id: string | null
}

export const NOTIFICATION_KINDS = ['approval', 'result', 'trouble', 'missed', 'budget', 'delivery'] as const
export type NotificationKind = (typeof NOTIFICATION_KINDS)[number]

/** Frames that are kept in the event log and carry `seq`. */
export type KeptFrame =
  | { type: 'user_message'; message_id: string; content: string; attachments: string[]; by: By }
  | { type: 'run'; status: RunStatus; position?: number; reason?: string }
  /** What was told from memory without asking. */
  | { type: 'recalled'; entries: Recalled[] }
  | { type: 'tool_start'; call_id: string; tool_name: string; arguments: unknown }
  | {
      type: 'tool_done'
      call_id: string
      tool_name: string
      success: boolean
      result_summary: string
      confirmed: boolean
      duration_ms: number
      /** Of the run from here on. */
      integrity: Integrity
      /** What was read, in a few words. */
      source?: string
      /** This is what others could have written first: from here on the run counts as touched by them. */
      touched?: true
      /** What the extra layers said of it. */
      flags?: string[]
    }
  | ConfirmationFrame
  | { type: 'confirmation_closed'; call_id: string; decision: 'approved' | 'denied' | 'expired'; by: By }
  | { type: 'images'; data_urls: string[] }
  | {
      type: 'done'
      text: string
      tool_calls_made: number
      usage: { input_tokens: number; output_tokens: number; cost_usd: number | null }
      stop_reason: StopReason
      integrity: Integrity
    }
  | { type: 'error'; error: string; code: string }
  | NotificationFrame

/** Frames that pass by: a reader who was not there gets `state` instead. */
export type PassingFrame =
  | { type: 'text'; content: string }
  | {
      type: 'state'
      status: RunStatus
      text: string
      integrity: Integrity
      tool_calls: ToolCallState[]
      confirmations: Omit<ConfirmationFrame, 'type'>[]
    }

/** Frames of one socket alone. */
export type SocketFrame =
  | { type: 'models'; models: ModelInfo[]; default: string }
  | { type: 'gap'; oldest: number }
  | { type: 'event'; channel: string; agent_id?: string; data: unknown }
  | { type: 'error'; error: string; code: string; detail?: unknown }
  | { type: 'pong' }

export type ServerFrame = ((KeptFrame & { seq?: number }) | PassingFrame | SocketFrame) & { run_id?: string }

export const CHANNELS = ['agent.status', 'agent.message', 'agent.tool_call', 'approvals', 'notifications'] as const
export type Channel = (typeof CHANNELS)[number]

/** What may come with a message; base64 turns these into pictures, documents or text for the model. */
export const ATTACHMENT_TYPES = [
  'image/png',
  'image/jpeg',
  'image/gif',
  'image/webp',
  'application/pdf',
  'text/plain',
] as const

/** All attachments of one message together, decoded. */
export const MAX_ATTACHMENT_BYTES = 20 * 1024 * 1024

export const ClientFrame = lazy(() =>
  z
    .discriminatedUnion('type', [
      z.strictObject({
        type: z.literal('message'),
        content: z.string().max(200_000),
        model: z.string().min(1).max(200).optional(),
        agent_id: z.string().min(1).max(64).optional(),
        web: z.boolean().optional(),
        attachments: z
          .array(
            z.strictObject({
              name: z.string().min(1).max(255),
              media_type: z.enum(ATTACHMENT_TYPES),
              data: z.base64(),
            }),
          )
          .max(20)
          .optional(),
      }),
      z.strictObject({
        type: z.literal('confirm'),
        call_id: z.uuid(),
        approved: z.boolean().optional(),
        decision: z.enum(['done', 'again', 'give_up']).optional(),
        note: z.string().max(2_000).optional(),
        arguments: z.record(z.string(), z.unknown()).optional(),
        remember: z.enum(['conversation', 'agent']).optional(),
      }),
      z.strictObject({ type: z.literal('stop') }),
      z.strictObject({ type: z.literal('clear') }),
      z.strictObject({ type: z.literal('subscribe'), channels: z.array(z.string()).min(1).max(20) }),
      z.strictObject({ type: z.literal('unsubscribe'), channels: z.array(z.string()).min(1).max(20) }),
      z.strictObject({ type: z.literal('ping') }),
    ])
    .meta({ id: 'ClientFrame', description: 'What a client may say on /ws/{session_id}.' }),
)
export type ClientFrame = z.infer<ReturnType<typeof ClientFrame>>
