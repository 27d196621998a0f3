import { z } from 'zod'
import { Time } from '../services/shapes/common.ts'
import { lazy } from '../services/shapes/lazy.ts'

/** Shapes of runs and what is said in them, as several endpoints answer them. */

export const STATUSES = [
  'queued',
  'running',
  'waiting',
  'paused',
  'succeeded',
  'failed',
  'stopped',
  'interrupted',
] as const
export const ORIGINS = ['chat', 'manual', 'schedule', 'email', 'telegram', 'webhook', 'agent'] as const

export const Attachment = lazy(() =>
  z.object({ id: z.string(), name: z.string(), media_type: z.string(), size: z.number() }),
)

/**
 * A tool call where it happened. `integrity`: of the run from there on; `source`: what was read, in a few words; `touched`: since this
 * call the run counts as touched by others; `flags`: what the extra layers said. `child_run_id`: the run of another agent that it asked for. */
const ToolPart = lazy(() =>
  z.object({
    type: z.literal('tool'),
    call_id: z.string(),
    tool_name: z.string(),
    operation: z.string().nullable(),
    arguments: z.unknown(),
    status: z.enum(['started', 'finished', 'waiting']),
    success: z.boolean(),
    result_summary: z.string(),
    result: z.string(),
    confirmed: z.boolean(),
    duration_ms: z.number().nullable(),
    decision: z.enum(['allow', 'ask', 'deny']).nullable(),
    rule: z.string().nullable(),
    reason: z.string().nullable(),
    integrity: z.enum(['owner', 'third_party']).nullable(),
    source: z.string().nullable(),
    touched: z.boolean(),
    flags: z.array(z.string()),
    child_run_id: z.string().nullable().optional(),
  }),
)

/** `summary`: what stood before was shortened to this for the model. */
export const Part = lazy(() =>
  z
    .discriminatedUnion('type', [
      z.object({ type: z.literal('text'), text: z.string() }),
      z.object({ type: z.literal('summary'), text: z.string(), created_at: Time() }),
      ToolPart(),
    ])
    .meta({ id: 'TranscriptPart' }),
)

export const Call = lazy(() =>
  ToolPart()
    .omit({ type: true, result: true })
    .extend({ decided_by: z.string().nullable(), decided_at: Time().nullable(), note: z.string().nullable() })
    .meta({ id: 'ToolCall' }),
)

export const LastRun = lazy(() =>
  z
    .object({ id: z.string(), status: z.enum(STATUSES), created_at: Time(), ended_at: Time().nullable() })
    .meta({ id: 'LastRun' }),
)

export const RunEntry = lazy(() =>
  z
    .object({
      id: z.string(),
      origin: z.enum(ORIGINS),
      status: z.enum(STATUSES),
      agent_id: z.string().nullable(),
      task_id: z.string().nullable(),
      conversation_id: z.string(),
      parent_run_id: z.string().nullable(),
      model: z.string(),
      input: z.string(),
      stop_reason: z
        .enum(['end_turn', 'max_tool_calls', 'max_tokens', 'refusal', 'stopped', 'budget', 'interrupted'])
        .nullable(),
      error: z.string().nullable(),
      answer: z.string(),
      tool_calls: z.number(),
      input_tokens: z.number(),
      output_tokens: z.number(),
      cost_usd: z.number().nullable(),
      integrity: z.enum(['owner', 'third_party']),
      attempts: z.number(),
      created_at: Time(),
      started_at: Time().nullable(),
      ended_at: Time().nullable(),
    })
    .meta({ id: 'Run' }),
)

export const RUN_EXAMPLE = {
  id: '019a9d2e-7c1a-7000-8000-000000000021',
  origin: 'schedule' as const,
  status: 'succeeded' as const,
  agent_id: '019a9d2e-7c1a-7000-8000-000000000020',
  task_id: null,
  conversation_id: '019a9d2e-7c1a-7000-8000-000000000022',
  parent_run_id: null,
  model: 'anthropic:claude-haiku-5-5',
  input: 'Carry out your instructions now.',
  stop_reason: 'end_turn' as const,
  error: null,
  answer: 'Two meetings today, the first at nine.',
  tool_calls: 1,
  input_tokens: 1200,
  output_tokens: 80,
  cost_usd: 0.0016,
  integrity: 'owner' as const,
  attempts: 1,
  created_at: '2026-11-22T08:00:00.000Z',
  started_at: '2026-11-22T08:00:00.000Z',
  ended_at: '2026-11-22T08:00:04.000Z',
}
