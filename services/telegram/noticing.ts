import type { Events, Told } from '../events.ts'
import type { Outbox } from '../outbox/outbox.ts'
import { NOTICE_KINDS } from '../shapes/telegram.ts'
import type { Bots } from './bots.ts'
import type { Chats } from './chats.ts'
import { addressOfChat, type Body } from './door.ts'
import { inert } from './markdown.ts'

export type NoticingDeps = {
  newId: () => string
  events: Pick<Events, 'followUser'>
  outbox: Pick<Outbox, 'enqueue'>
  db: { transact: <T>(work: () => T) => T }
  bots: Bots
  chats: Chats
  /** The chat that the mail account of a run names. */
  mailChatOf: (runId: string) => string | undefined
}

const MOST_CHARS = 3_500

/**
 * Tells what the owner should know in their own chats, as far as they chose it; of a run that a mail started, in the chat that its
 * mail account names. Questions come with buttons instead.
 */
export function createNoticing({ newId, events, outbox, db, bots, chats, mailChatOf }: NoticingDeps) {
  const following = new Map<string, () => void>()

  function told({ userId, frame }: Told): void {
    if (frame.type !== 'notification' || frame.kind === 'approval') return
    const kind = NOTICE_KINDS.find((one) => one === frame.kind)
    if (kind === undefined) return
    const own = chats.list(userId).filter(({ owner }) => owner)
    const named = frame.run_id === null ? undefined : mailChatOf(frame.run_id)
    const ofMail = own.filter(({ chatId }) => chatId === named)
    const wanted = bots.find(userId).notices.includes(kind) ? own : []
    const to = ofMail.length > 0 ? ofMail : wanted
    if (to.length === 0) return
    const words = inert([frame.title, frame.text].filter(Boolean).join('\n\n').slice(0, MOST_CHARS).toWellFormed())
    const body = JSON.stringify({ kind: 'text', ...words } satisfies Body)
    db.transact(() => {
      for (const { chatId } of to) {
        const about = { id: newId(), userId, runId: frame.run_id, callId: null, door: 'telegram' } as const
        outbox.enqueue({ ...about, address: addressOfChat(userId, chatId), body })
      }
    })
  }

  return {
    follow(userId: string): void {
      if (!following.has(userId)) following.set(userId, events.followUser(userId, told))
    },
    close(): void {
      for (const leave of following.values()) leave()
      following.clear()
    },
  }
}
