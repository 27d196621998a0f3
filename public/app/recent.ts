import { signal } from '@preact/signals'
import { api } from './api.ts'

export type ConversationRow = {
  id: string
  title: string
  model: string | null
  started_at: string
  updated_at: string
  message_count: number
}

export type ConversationList = { conversations: ConversationRow[]; total: number }

/** The conversations last spoken in, for the sidebar and the home page; null until first asked. */
export const recent = signal<ConversationRow[] | null>(null)

let again: ReturnType<typeof setTimeout> | undefined

export async function refreshRecent(): Promise<void> {
  const list = await api.get<ConversationList>('/api/conversations?page=1&per_page=20').catch(() => null)
  if (list) recent.value = list.conversations
}

/** Refreshes soon; many calls in a row ask once. */
export function refreshRecentSoon(): void {
  clearTimeout(again)
  again = setTimeout(() => void refreshRecent(), 400)
}
