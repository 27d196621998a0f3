import { setImmediate as turn } from 'node:timers/promises'
import { SYSTEM } from '../audit/entry.ts'
import type { Deps } from '../deps.ts'
import type { Grants } from '../grants.ts'

type Row = { number: number; id: string; conversationId: string; messages: number; removable: number }
export type GoneTranscripts = { runs: number; conversations: number; events: number }

/** Runs are large: steps and attachments go with them. */
const RUNS_AT_ONCE = 25
const CONVERSATIONS_AT_ONCE = 200

const nothingGoesOnIn = (conversation: string): string =>
  `NOT EXISTS (SELECT 1 FROM runs AS going WHERE going.conversation_id = ${conversation}
     AND going.status IN ('queued', 'running', 'waiting', 'paused'))`

export type Transcripts = ReturnType<typeof createTranscripts>

/**
 * Lets go of what was said and done: runs that ended before a time, with their steps, attachments, answered questions and
 * events, and conversations in which nothing is left. A conversation in which something goes on or waits is left alone, as is
 * a run that an unfinished one asked for, or that has a question open.
 */
export function createTranscripts({ db, grants }: Pick<Deps, 'db'> & { grants: Pick<Grants, 'drop'> }) {
  const page = db.prepare<[{ after: number; before: string; limit: number }], Row>(
    `SELECT number, id, conversation_id AS conversationId, 1 + (answer <> '') AS messages,
       ended_at < @before AND ${nothingGoesOnIn('runs.conversation_id')}
         AND NOT EXISTS (SELECT 1 FROM approvals WHERE run_id = runs.id AND state = 'pending')
         AND NOT EXISTS (SELECT 1 FROM runs AS asker WHERE asker.id = runs.parent_run_id AND asker.ended_at IS NULL) AS removable
     FROM runs WHERE number > @after AND created_at < @before ORDER BY number LIMIT @limit`,
  )
  const dropRun = db.prepare<[number]>('DELETE FROM runs WHERE number = ?')
  const uncount = db.prepare<[number, string]>(
    'UPDATE conversations SET message_count = max(0, message_count - ?) WHERE id = ?',
  )
  const newestEvent = db.prepare<[string, string], { seq: number | null }>(
    'SELECT max(seq) AS seq FROM events WHERE conversation_id = ? AND created_at < ?',
  )
  const dropEvents = db.prepare<[string, number]>('DELETE FROM events WHERE conversation_id = ? AND seq <= ?')
  const mark = db.prepare<[number, string]>('UPDATE conversations SET trimmed_to = max(trimmed_to, ?) WHERE id = ?')
  const talks = db.prepare<[string, string, number], { id: string; removable: number }>(
    `SELECT id, updated_at < ? AND NOT EXISTS (SELECT 1 FROM runs WHERE conversation_id = conversations.id) AS removable
     FROM conversations WHERE id > ? ORDER BY id LIMIT ?`,
  )
  const dropAllEvents = db.prepare<[string]>('DELETE FROM events WHERE conversation_id = ?')
  const dropConversation = db.prepare<[string]>('DELETE FROM conversations WHERE id = ?')

  function removeRuns(rows: readonly Row[], before: string): number {
    return db.transact(() => {
      for (const { number, conversationId, messages } of rows) {
        dropRun.run(number)
        uncount.run(messages, conversationId)
      }
      let events = 0
      for (const id of new Set(rows.map(({ conversationId }) => conversationId))) {
        const upTo = newestEvent.get(id, before)?.seq
        if (upTo == null) continue
        events += dropEvents.run(id, upTo).changes
        mark.run(upTo, id)
      }
      return events
    })
  }

  /** By the order of work: what comes later was not made before. */
  async function sweepRuns(before: string, isOver: () => boolean): Promise<{ runs: number; events: number }> {
    const gone = { runs: 0, events: 0 }
    for (let after = 0; !isOver(); await turn()) {
      const rows = page.all({ after, before, limit: RUNS_AT_ONCE })
      const removable = rows.filter(({ removable }) => removable === 1)
      if (removable.length > 0) gone.events += removeRuns(removable, before)
      gone.runs += removable.length
      if (rows.length < RUNS_AT_ONCE) break
      after = rows.at(-1)!.number
    }
    return gone
  }

  function removeConversations(ids: readonly string[]): void {
    db.transact(() => {
      for (const id of ids) {
        dropAllEvents.run(id)
        dropConversation.run(id)
        grants.drop({ conversationId: id }, SYSTEM)
      }
    })
  }

  async function sweepConversations(before: string, isOver: () => boolean): Promise<number> {
    let gone = 0
    for (let after = ''; !isOver(); await turn()) {
      const rows = talks.all(before, after, CONVERSATIONS_AT_ONCE)
      const empty = rows.filter(({ removable }) => removable === 1).map(({ id }) => id)
      if (empty.length > 0) removeConversations(empty)
      gone += empty.length
      if (rows.length < CONVERSATIONS_AT_ONCE) break
      after = rows.at(-1)!.id
    }
    return gone
  }

  return {
    async sweep(before: string, isOver: () => boolean): Promise<GoneTranscripts> {
      const gone = await sweepRuns(before, isOver)
      return { ...gone, conversations: await sweepConversations(before, isOver) }
    },
  }
}
