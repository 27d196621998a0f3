import { HERE, instantOf, localOf } from './zone.ts'
import type { PromptMode, Terms, When } from './types.ts'

export type Starts = 'hand' | 'schedule' | 'once'

/** An agent or a task as its form holds it: everything is text until it is sent. */
export type Draft = {
  name: string
  prompt: string
  model: string
  starts: Starts
  schedule: string
  run_at: string
  timezone: string
  catch_up: boolean
  enabled: boolean
  allowed_tools: string[] | null
  max_tool_calls: string
  max_cost_usd: string
  prompt_mode: PromptMode
  agent_id: string
}

export type ChangeDraft = (part: Partial<Draft>) => void

const BLANK: Draft = {
  name: '',
  prompt: '',
  model: '',
  starts: 'hand',
  schedule: '0 8 * * *',
  run_at: '',
  timezone: '',
  catch_up: true,
  enabled: true,
  allowed_tools: null,
  max_tool_calls: '',
  max_cost_usd: '',
  prompt_mode: 'combined',
  agent_id: '',
}

type Source = Terms & When & { prompt_mode?: PromptMode; agent_id?: string | null }

export function draftOf(source: Source | null): Draft {
  if (!source) return BLANK
  const { name, prompt, timezone, catch_up, enabled, allowed_tools } = source
  const once = source.run_at !== null
  return {
    ...BLANK,
    ...{ name, prompt, timezone, catch_up, enabled, allowed_tools },
    model: source.model ?? '',
    starts: once ? 'once' : source.schedule ? 'schedule' : 'hand',
    schedule: source.schedule ?? BLANK.schedule,
    run_at: source.run_at ? localOf(source.run_at, timezone) : '',
    max_tool_calls: source.max_tool_calls?.toString() ?? '',
    max_cost_usd: source.max_cost_usd?.toString() ?? '',
    prompt_mode: source.prompt_mode ?? 'combined',
    agent_id: source.agent_id ?? '',
  }
}

/** What is sent of it. */
export function bodyOf(draft: Draft, kind: 'agent' | 'task'): Record<string, unknown> {
  return {
    name: draft.name.trim(),
    prompt: draft.prompt,
    model: draft.model || null,
    schedule: draft.starts === 'schedule' ? draft.schedule.trim() : null,
    run_at: draft.starts === 'once' ? (instantOf(draft.run_at, draft.timezone.trim() || HERE) ?? draft.run_at) : null,
    ...(draft.timezone.trim() ? { timezone: draft.timezone.trim() } : {}),
    catch_up: draft.catch_up,
    enabled: draft.enabled,
    allowed_tools: draft.allowed_tools,
    max_tool_calls: numberOf(draft.max_tool_calls),
    max_cost_usd: numberOf(draft.max_cost_usd),
    ...(kind === 'agent' ? { prompt_mode: draft.prompt_mode } : { agent_id: draft.agent_id || null }),
  }
}

/** Who writes the prompt anew stands for the name and the tools beside it too. */
const VOUCHED_FOR = ['name', 'allowed_tools']

/** What differs from what was there: all else stays as it is, with whoever wrote it. */
export function changesOf(before: Draft, after: Draft, kind: 'agent' | 'task'): Record<string, unknown> {
  const was = bodyOf(before, kind)
  const differs = (name: string, value: unknown) => JSON.stringify(value) !== JSON.stringify(was[name])
  const now = bodyOf(after, kind)
  const rewritten = differs('prompt', now['prompt'])
  return Object.fromEntries(
    Object.entries(now).filter(([name, value]) => differs(name, value) || (rewritten && VOUCHED_FOR.includes(name))),
  )
}

export const numberOf = (text: string): number | null => (text.trim() === '' ? null : Number(text))

/** The fields that show the server's remarks themselves. */
export const FIELDS = [
  'name',
  'prompt',
  'model',
  'schedule',
  'run_at',
  'timezone',
  'allowed_tools',
  'max_tool_calls',
  'max_cost_usd',
  'agent_id',
]
