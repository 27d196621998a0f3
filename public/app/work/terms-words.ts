import { counted, dollars } from '../format.ts'
import type { Terms } from './types.ts'

/** The choices of an agent or a task in words. */

export function toolsWords(tools: string[] | null): string {
  if (tools === null) return 'Every tool that may run unattended'
  return tools.length ? tools.join(', ') : 'None'
}

export function limitsWords({ max_tool_calls, max_cost_usd }: Terms): string {
  const parts = [
    max_tool_calls === null ? '' : `${counted(max_tool_calls, 'tool call')} a run`,
    max_cost_usd === null ? '' : `${dollars(max_cost_usd)} a run`,
  ]
  return parts.filter(Boolean).join(', ') || 'Those of the house'
}
