import { z } from 'zod'
import { Time } from './common.ts'
import { lazy } from './lazy.ts'

/**
 * `combined`: the house's prompt, then the agent's. `agent_only`: the agent's alone. `system_only`: the house's alone, and
 * the agent's is what the user says.
 */
export const PROMPT_MODES = ['combined', 'agent_only', 'system_only'] as const
export type PromptMode = (typeof PROMPT_MODES)[number]

export const MAX_PROMPT = 100_000

/** What may be said of an agent when it is made; what is left out gets its default. */
export const AgentDraft = lazy(() =>
  z.strictObject({
    name: z.string().trim().min(1).max(100),
    prompt: z.string().max(MAX_PROMPT).refine(isWritten, 'Write what it should do'),
    model: z.string().trim().max(200).nullish(),
    schedule: z.string().trim().max(200).nullish(),
    run_at: Time().nullish(),
    timezone: z.string().trim().max(100).nullish(),
    catch_up: z.boolean().optional(),
    enabled: z.boolean().optional(),
    prompt_mode: z.enum(PROMPT_MODES).optional(),
    allowed_tools: z.array(z.string().min(1).max(210)).max(200).nullish(),
    max_tool_calls: z.number().int().min(1).max(1000).nullish(),
    max_cost_usd: z.number().positive().max(1_000_000).nullish(),
  }),
)
export type AgentDraft = z.infer<ReturnType<typeof AgentDraft>>

/** What may be changed of it; what is left out stays. */
export const AgentChange = lazy(() => AgentDraft().partial())
export type AgentChange = z.infer<ReturnType<typeof AgentChange>>

function isWritten(text: string): boolean {
  return text.trim() !== ''
}
