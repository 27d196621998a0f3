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
}

const MOST_CHARS = 3_500

/** Tells what the owner should know in their own chats, as far as they chose it. Questions come with buttons instead. */
export function createNoticing({ newId, events, outbox, db, bots, chats }: NoticingDeps) {
  const following = new Map<string, () => void>()

  function told({ userId, frame }: Told): void {
    if (frame.type !== 'notification' || frame.kind === 'approval') return
    const kind = NOTICE_KINDS.find((one) => one === frame.kind)
    if (kind === undefined || !bots.find(userId).notices.includes(kind)) return
    const words = inert([frame.title, frame.text].filter(Boolean).join('\n\n').slice(0, MOST_CHARS).toWellFormed())
    const body = JSON.stringify({ kind: 'text', ...words } satisfies Body)
    db.transact(() => {
      for (const { chatId, owner } of chats.list(userId)) {
        const about = { id: newId(), userId, runId: frame.run_id, callId: null, door: 'telegram' } as const
        if (owner) outbox.enqueue({ ...about, address: addressOfChat(userId, chatId), body })
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
