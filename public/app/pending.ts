import { signal } from '@preact/signals'
import { api } from './api.ts'
import { whileSeen } from './while-seen.ts'

export type Approval = {
  id: string
  kind: 'call' | 'uncertain'
  state: string
  run_id: string
  conversation_id: string | null
  call_id: string
  tool_name: string
  arguments: unknown
  description: string
  reason: string
  created_at: string
  expires_at: string | null
  provenance?: Provenance[]
  may_remember?: Remember[]
}

/** Where one value of a call came from, in a sentence. */
export type Provenance = {
  path: string
  value: string
  origin: 'owner' | 'third_party' | 'steward' | 'model'
  sentence: string
}

/** How far a yes may reach beyond its one call. */
export type Remember = 'conversation' | 'agent'

const EVERY = 20_000

/** What waits for the owner's yes or no; null until first asked. */
export const pending = signal<Approval[] | null>(null)

export async function refreshPending(): Promise<void> {
  const list = await api.get<{ items: Approval[] }>('/api/approvals?state=pending&limit=100').catch(() => null)
  if (list) pending.value = list.items
}

/** Keeps `pending` fresh while the page is looked at; the returned function ends it. */
export const watchPending = (): (() => void) => whileSeen(() => void refreshPending(), EVERY)

export type Decision = { approved: boolean; note?: string; arguments?: Record<string, unknown>; remember?: Remember }

/** Decides outside the chat; inside it the socket does. */
export async function decide(id: string, decision: Decision): Promise<void> {
  await api.post(`/api/approvals/${id}`, decision)
  await refreshPending()
}

/** Settles a call of which nobody knows whether it happened. */
export async function settle(id: string, decision: 'done' | 'again' | 'give_up'): Promise<void> {
  await api.post(`/api/approvals/${id}`, { decision })
  await refreshPending()
}
