import { signal } from '@preact/signals'
import { api } from '../api.ts'
import type { Agent } from './types.ts'

/** The agents there are, for pickers; null until first asked. */
export const agents = signal<Agent[] | null>(null)

export async function loadAgents(): Promise<void> {
  const list = await api.get<Agent[]>('/api/agents').catch(() => null)
  if (list) agents.value = list
}
