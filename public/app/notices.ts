import { signal } from '@preact/signals'
import type { NotificationKind } from '../../services/shapes/frames.ts'
import { api } from './api.ts'
import { whileSeen } from './while-seen.ts'

export type Notice = {
  id: string
  kind: NotificationKind
  title: string
  text: string
  run_id: string | null
  agent_id: string | null
  task_id: string | null
  approval_id: string | null
  created_at: string
  read_at: string | null
}

export type NoticeList = { items: Notice[]; next_cursor: string | null; total: number; unread_count: number }

/** How many notifications nobody has read yet. */
export const unread = signal(0)

export async function refreshUnread(): Promise<void> {
  const list = await api.get<NoticeList>('/api/notifications?unread=true&limit=1').catch(() => null)
  if (list) unread.value = list.unread_count
}

/** Keeps `unread` fresh while the page is looked at; the returned function ends it. */
export const watchUnread = (): (() => void) => whileSeen(() => void refreshUnread(), 30_000)

export async function markRead(id: string): Promise<void> {
  await api.post(`/api/notifications/${id}/read`, {})
  await refreshUnread()
}

export async function markAllRead(): Promise<void> {
  await api.post('/api/notifications/read-all', {})
  await refreshUnread()
}

/** Where a notification leads; null where it says everything itself. */
export function linkOf(notice: Notice): string | null {
  if (notice.kind === 'approval' && notice.approval_id) return '/approvals'
  if (notice.kind === 'budget') return '/usage'
  if (notice.run_id) return `/runs/${notice.run_id}`
  if (notice.task_id) return `/tasks/${notice.task_id}`
  return notice.agent_id ? `/agents/${notice.agent_id}` : null
}
