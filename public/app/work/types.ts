import type { RunStatus, StopReason } from '../../../services/shapes/frames.ts'
import type { Integrity, Part } from '../chat/types.ts'
import type { EmailMessage } from './email-types.ts'

/** What the server says of agents, tasks and runs. */

export type PromptMode = 'combined' | 'agent_only' | 'system_only'
export type LastRun = { id: string; status: RunStatus; created_at: string; ended_at: string | null }
export type OccurrenceState = 'ran' | 'skipped' | 'missed' | 'merged'

/** When something starts by itself. */
export type When = {
  schedule: string | null
  run_at: string | null
  timezone: string
  catch_up: boolean
  next_run_at: string | null
}

/** What one may choose for an agent and for a task alike. */
export type Terms = {
  name: string
  prompt: string
  model: string | null
  enabled: boolean
  allowed_tools: string[] | null
  max_tool_calls: number | null
  max_cost_usd: number | null
}

type Kept = { id: string; user_id: string; created_at: string; updated_at: string; last_run: LastRun | null }
type Spent = { input_tokens: number; output_tokens: number; cost_usd: number | null }

export type Agent = Kept & Terms & When & Spent & { paused: boolean; integrity: Integrity; prompt_mode: PromptMode }
export type Task = Kept & Terms & When & Spent & { agent_id: string | null; last_occurrence: Occurrence | null }

export type AgentDetail = {
  agent: Agent
  runs: RunEntry[]
  total_input_tokens: number
  total_output_tokens: number
  total_cost_usd: number | null
  unknown_cost_turns: number
}

export type TaskDetail = Task & { runs: RunEntry[] }

export type Occurrence = {
  due_at: string
  until_at?: string | null
  count?: number
  state: OccurrenceState
  reason: string | null
  run_id: string | null
}

export type RunEntry = Spent & {
  id: string
  origin: string
  status: RunStatus
  agent_id: string | null
  task_id: string | null
  conversation_id: string
  parent_run_id: string | null
  model: string | null
  input: string
  stop_reason: StopReason | null
  error: string | null
  answer: string
  tool_calls: number
  integrity: Integrity
  attempts: number
  created_at: string
  started_at: string | null
  ended_at: string | null
}

export type CallEntry = {
  call_id: string
  tool_name: string
  arguments: unknown
  status?: string
  decision?: string | null
  rule?: string | number | null
  reason?: string | null
  success?: boolean | null
  confirmed?: boolean | null
  duration_ms?: number | null
}

export type RunDetail = RunEntry & {
  agent_name: string | null
  task_name: string | null
  error_code: string | null
  reason: string | null
  transcript: Part[]
  calls: CallEntry[]
  children: RunEntry[]
  attachments: { id?: string; name: string }[]
  email: EmailMessage | null
}

export type List<T> = { items: T[]; next_cursor: string | null; total: number; total_is_min?: boolean }

export type QueueItem = {
  run_id: string
  origin: string
  agent_id: string | null
  task_id: string | null
  conversation_id: string | null
  status: RunStatus
  lane: string
  position: number | null
  reason: string | null
  created_at: string
}

type Lane = { running: number; queued: number; max_concurrent: number }

export type Queue = {
  running: number
  queued: number
  waiting: number
  paused: number
  is_paused: boolean
  chats: Lane
  runs: Lane
  items: QueueItem[]
}

const UNSETTLED: readonly RunStatus[] = ['queued', 'running', 'waiting', 'paused']

export const isGoing = ({ status }: { status: RunStatus }): boolean => UNSETTLED.includes(status)
