import { signal, type Signal } from '@preact/signals'
import type { By, ServerFrame } from '../../../services/shapes/frames.ts'
import { newId } from '../ids.ts'
import { storedRun } from './run-state.ts'
import type { Fault, OutgoingMessage, Run, StoredAttachment, StoredConversation } from './types.ts'

/** The lines of a transcript. An answer is a signal, so that its growth redraws nothing but itself. */

export type UserItem = {
  kind: 'user'
  key: string
  content: string
  attachments: StoredAttachment[]
  by: By
  at: string
  state: 'sent' | 'unsent' | 'sending' | 'failed'
  problem?: string
  outgoing?: OutgoingMessage
}
export type RunItem = { kind: 'run'; key: string; run: Signal<Run> }
export type ClearedItem = { kind: 'cleared'; key: string }
export type NoticeItem = { kind: 'notice'; key: string; fault: Fault }
export type Item = UserItem | RunItem | ClearedItem | NoticeItem

export const runItem = (run: Run): RunItem => ({ kind: 'run', key: run.id, run: signal(run) })
export const clearedItem = (): ClearedItem => ({ kind: 'cleared', key: newId() })
export const noticeItem = (fault: Fault): NoticeItem => ({ kind: 'notice', key: newId(), fault })

/** What was just typed, before the server has said that it has it. */
export function sentItem(outgoing: OutgoingMessage): UserItem {
  return {
    kind: 'user',
    key: newId(),
    content: outgoing.content,
    attachments: outgoing.attachments,
    by: 'web',
    at: new Date().toISOString(),
    state: 'unsent',
    outgoing,
  }
}

/** What the server has taken in; what we sent ourselves keeps its previews. */
export function userItem(
  frame: Extract<ServerFrame, { type: 'user_message' }>,
  attachments: StoredAttachment[] = frame.attachments.map((name) => ({ name })),
): UserItem {
  const { message_id: id, content, by } = frame
  return { kind: 'user', key: `user-${id}`, content, attachments, by, at: new Date().toISOString(), state: 'sent' }
}

/** The record as lines, with a divider where the context was cleared. */
export function itemsOf({ messages }: StoredConversation): Item[] {
  const lastCleared = messages.findLastIndex(({ cleared }) => cleared)
  return messages.flatMap((message, at): Item[] => {
    const item = itemOf(message)
    return at === lastCleared ? [item, { kind: 'cleared', key: `cleared-${message.id}` }] : [item]
  })
}

function itemOf(message: StoredConversation['messages'][number]): Item {
  if (message.role === 'assistant') return runItem(storedRun(message))
  const { id, content, attachments, by, created_at: at } = message
  return { kind: 'user', key: `user-${id}`, content, attachments, by, at, state: 'sent' }
}
