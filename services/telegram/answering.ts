import type { Db } from '../../db/open.ts'
import type { Events, Told } from '../events.ts'
import type { Grants } from '../grants.ts'
import type { Outbox } from '../outbox/outbox.ts'
import type { Run, RunStore } from '../runs/store.ts'
import type { Answer, Answers } from './answers.ts'
import type { Chats } from './chats.ts'
import { finalWords } from './composing.ts'
import { addressOfChat, type Body } from './door.ts'
import type { Replies } from './replies.ts'
import type { Streaming } from './streaming.ts'

export type AnsweringDeps = {
  db: Db
  events: Pick<Events, 'followUser'>
  store: Pick<RunStore, 'find'>
  grants: Pick<Grants, 'use'>
  outbox: Pick<Outbox, 'enqueue'>
  answers: Answers
  chats: Chats
  replies: Replies
  streaming: Streaming
  notify: (note: { userId: string; kind: 'delivery'; title: string; text: string; runId: string }) => void
}

export type Answering = ReturnType<typeof createAnswering>

/** Brings what runs say to the chats that asked: as it grows, and whole once they have ended. */
export function createAnswering(deps: AnsweringDeps) {
  const { db, answers, chats, streaming } = deps
  const following = new Map<string, () => void>()

  function told(frame: Told): void {
    streaming.told(frame)
    const { type } = frame.frame
    if (frame.runId !== null && (type === 'done' || type === 'error')) ended(frame.runId)
  }

  function ended(runId: string): void {
    const answer = answers.find(runId)
    const run = answer?.open ? deps.store.find(runId) : undefined
    if (answer && run && run.endedAt !== null) close(answer, run)
  }

  /** The answer is handed to the outbox in the transaction in which it is no longer open; so it goes out once, also after a crash. */
  function close(answer: Answer, run: Run): void {
    streaming.end(run.id)
    db.transact(() => {
      if (!answers.close(run.id)) return
      const { userId, chatId } = answer
      const verdict = deps.replies.verdict(run, chatId, chats.find(userId, chatId), finalWords(run))
      if (verdict.decision !== 'allow') return withheld(answer, run, verdict.reason)
      if (verdict.grant !== undefined) deps.grants.use(userId, verdict.grant, run)
      const body = JSON.stringify({ kind: 'answer' } satisfies Body)
      const about = { id: run.id, userId, runId: run.id, callId: null, door: 'telegram' } as const
      deps.outbox.enqueue({ ...about, address: addressOfChat(userId, chatId), body })
    })
  }

  function withheld({ userId, chatId }: Answer, run: Run, reason: string): void {
    const label = chats.find(userId, chatId)?.label ?? chatId
    const title = `An answer did not go to “${label}”`
    deps.notify({ userId, kind: 'delivery', title, text: `${reason} It stands in the run.`, runId: run.id })
  }

  return {
    /** Takes up what a user's runs say, and what they said while nobody was here. */
    follow(userId: string): void {
      if (!following.has(userId)) following.set(userId, deps.events.followUser(userId, told))
      for (const { runId } of answers.openOf(userId)) ended(runId)
    },

    close(): void {
      for (const leave of following.values()) leave()
      following.clear()
      streaming.close()
    },
  }
}
