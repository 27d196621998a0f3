import { z } from 'zod'
import type { Agent } from '../services/agents.ts'
import type { Services } from '../services/index.ts'
import { PROMPT_MODES } from '../services/shapes/agent.ts'
import { Time } from '../services/shapes/common.ts'
import { lazy } from '../services/shapes/lazy.ts'
import { NO_USE, type UsageTotals } from '../services/usage.ts'
import { LastRun, RUN_EXAMPLE } from './run-shapes.ts'

export const AgentShape = lazy(() =>
  z
    .object({
      id: z.string(),
      name: z.string(),
      prompt: z.string(),
      integrity: z.enum(['owner', 'third_party']),
      model: z.string().nullable(),
      schedule: z.string().nullable(),
      run_at: Time().nullable(),
      timezone: z.string(),
      catch_up: z.boolean(),
      next_run_at: Time().nullable(),
      enabled: z.boolean(),
      paused: z.boolean(),
      prompt_mode: z.enum(PROMPT_MODES),
      allowed_tools: z.array(z.string()).nullable(),
      max_tool_calls: z.number().nullable(),
      max_cost_usd: z.number().nullable(),
      created_at: Time(),
      updated_at: Time(),
      user_id: z.string(),
      last_run: LastRun().nullable(),
      input_tokens: z.number(),
      output_tokens: z.number(),
      cost_usd: z.number().nullable(),
    })
    .meta({ id: 'Agent' }),
)
const { id: last, status, created_at, ended_at } = RUN_EXAMPLE
export const AGENT_EXAMPLE = {
  id: RUN_EXAMPLE.agent_id,
  name: 'Daily Summary',
  prompt: 'Summarise what today holds.',
  integrity: 'owner' as const,
  model: 'anthropic:claude-haiku-5-5',
  schedule: '0 8 * * *',
  run_at: null,
  timezone: 'Europe/Berlin',
  catch_up: true,
  next_run_at: '2026-11-23T07:00:00.000Z',
  enabled: true,
  paused: false,
  prompt_mode: 'combined' as const,
  allowed_tools: ['web', 'filesystem.read_file'],
  max_tool_calls: null,
  max_cost_usd: 0.5,
  created_at: '2026-11-21T08:00:00.000Z',
  updated_at: '2026-11-21T08:00:00.000Z',
  user_id: '019a9d2e-7c1a-7000-8000-000000000001',
  last_run: { id: last, status, created_at, ended_at },
  input_tokens: 1200,
  output_tokens: 80,
  cost_usd: 0.0016,
}

/** Agents as they are answered: with what they are, when they are due, what they did last and what they used. */
export function shownAgents(list: readonly Agent[], { agents, history, usage }: Services) {
  const ids = list.map(({ id }) => id)
  const timings = agents.timings(ids)
  const runs = history.lastOfAgents(ids)
  const totals = usage.totalsOfAgents(ids)
  return list.map((agent) => ({
    id: agent.id,
    name: agent.name,
    prompt: agent.prompt,
    integrity: agent.integrity,
    model: agent.model,
    ...timings(agent.id),
    enabled: agent.enabled,
    paused: agent.paused,
    prompt_mode: agent.promptMode,
    allowed_tools: agent.allowedTools,
    max_tool_calls: agent.maxToolCalls,
    max_cost_usd: agent.maxCostUsd,
    created_at: agent.createdAt,
    updated_at: agent.updatedAt,
    user_id: agent.userId,
    last_run: runs.get(agent.id) ?? null,
    ...usedBy(totals.get(agent.id)),
  }))
}

export const shownAgent = (agent: Agent, services: Services) => shownAgents([agent], services)[0]!

const usedBy = ({ input_tokens, output_tokens, cost_usd }: UsageTotals = NO_USE) => ({
  input_tokens,
  output_tokens,
  cost_usd,
})
