import { signal } from '@preact/signals'
import { api } from './api.ts'
import { whileSeen } from './while-seen.ts'

/** Whether everything is paused; null until first asked. */
export const paused = signal<boolean | null>(null)

/** Whether the flow guard was turned off. */
export const unguarded = signal(false)

/** What the agent of the house is called. */
export const agentName = signal('Steward')

export async function refreshStatus(): Promise<void> {
  const now = await api
    .get<{ paused: boolean; flow_guard: boolean; agent_name: string }>('/api/status')
    .catch(() => null)
  if (!now) return
  paused.value = now.paused
  unguarded.value = !now.flow_guard
  agentName.value = now.agent_name || 'Steward'
}

/** Stops everything that would start, or lets it go on. */
export async function setPaused(on: boolean): Promise<void> {
  await api.post(on ? '/api/pause' : '/api/resume', {})
  paused.value = on
}

/** Keeps `paused` fresh while the page is looked at; the returned function ends it. */
export const watchStatus = (): (() => void) => whileSeen(() => void refreshStatus(), 30_000)
