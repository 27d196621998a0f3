/** What the command line reads of what the server says (contract: its OpenAPI document and the frames of its socket). */

export type Told = Readonly<Record<string, unknown>>

/** A question, as a frame or as an approval of the API. */
export type ToldQuestion = {
  id?: string
  approval_id?: string
  call_id: string
  kind?: 'call' | 'uncertain'
  tool_name: string
  arguments: Record<string, unknown>
  description: string
  reason: string
  expires_at: string
  provenance?: { path: string; sentence: string }[]
}

export type ToldApproval = ToldQuestion & { id: string; state: string }
export type ToldApprovals = { items: ToldApproval[]; next_cursor: string | null; total: number }

export type Usage = { input_tokens: number; output_tokens: number; cost_usd: number | null }

/** Frames that are shown; of others only the type matters. */
export type Frame = { seq?: number; run_id?: string } & (
  | { type: 'user_message'; content: string }
  | { type: 'run'; status: string; reason?: string }
  | { type: 'state'; status: string; text: string; confirmations?: ToldQuestion[] }
  | { type: 'text'; content: string }
  | { type: 'tool_start'; tool_name: string; arguments: unknown }
  | { type: 'tool_done'; success: boolean; result_summary: string }
  | ({ type: 'confirmation_required' } & ToldQuestion)
  | { type: 'confirmation_closed'; call_id: string; decision: string; by: string }
  | { type: 'images'; data_urls: string[] }
  | { type: 'done'; text: string; tool_calls_made: number; usage: Usage; stop_reason: string }
  | { type: 'error'; error: string; code: string }
)

export type ToldReport = { status: string; warnings: string[]; issues: string[] }

export type ToldQueue = {
  running: number
  queued: number
  waiting: number
  paused: number
  items: { run_id: string; status: string; reason: string }[]
}
