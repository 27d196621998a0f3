import type { Db } from '../db/open.ts'
import type { RunStatus } from './shapes/frames.ts'

/** A kept frame as the log tells it again. */
export type LogEntry = { seq: number; type: string; run_id: string | null; data: unknown; timestamp: string }

/**
 * A part of a log. `next` is the cursor to go on from, `oldest` the first frame that is still kept; `gap`: frames after the
 * asker's cursor are gone.
 */
export type LogPage = { events: LogEntry[]; next: number; oldest: number | null; gap: boolean }

/** One log to read and follow: a run's, or that of all runs of an agent. */
export type FrameLog = {
  /** Frames with `seq > after`, oldest first, `limit` at most. */
  page: (after: number, limit: number) => LogPage
  /** Whether nothing will follow any more. */
  isOver: () => boolean
}

type LoggedRun = { id: string; number: number; conversationId: string }
type Row = { seq: number; type: string; run_id: string | null; data: string; timestamp: string }
type Bounds = { firstSeq: number | null; endedAt: string | null; trimmedTo: number }

const ENTRY = 'seq, type, run_id, data, created_at AS timestamp'
const WAITS: readonly RunStatus[] = ['queued', 'waiting', 'paused']
/** So many runs before the oldest kept frame are asked whether frames of theirs are gone. */
const LOOKED_BACK = 100

export type EventLog = ReturnType<typeof createEventLog>

/** Reads the one durable log again, for those who ask by run or by agent instead of by conversation. */
export function createEventLog({ db }: { db: Db }) {
  const boundsOf = db.prepare<[string], Bounds>(
    `SELECT first_seq AS firstSeq, ended_at AS endedAt, c.trimmed_to AS trimmedTo
     FROM runs JOIN conversations AS c ON c.id = runs.conversation_id WHERE runs.id = ?`,
  )
  const following = db.prepare<[string, number, string], { firstSeq: number }>(
    `SELECT first_seq AS firstSeq FROM runs WHERE conversation_id = (SELECT ?) AND number > (SELECT ?) AND created_at > ?
       AND first_seq IS NOT NULL ORDER BY number LIMIT 1`,
  )
  const ofRun = db.prepare<[string, number, number, string, number], Row>(
    `SELECT ${ENTRY} FROM events WHERE conversation_id = (SELECT ?) AND seq > (SELECT ?) AND seq < (SELECT ?)
       AND run_id = (SELECT ?) ORDER BY seq LIMIT ?`,
  )
  const lastStatus = db.prepare<[string, number, string], { data: string }>(
    `SELECT data FROM events WHERE conversation_id = (SELECT ?) AND seq >= (SELECT ?) AND run_id = (SELECT ?) AND type = 'run'
     ORDER BY seq DESC LIMIT 1`,
  )
  const ofAgent = db.prepare<[string, number, number], Row>(
    `SELECT ${ENTRY} FROM events WHERE agent_id = (SELECT ?) AND seq > (SELECT ?) ORDER BY seq LIMIT ?`,
  )
  const oldestOfAgent = db.prepare<[string], { seq: number; runId: string | null }>(
    'SELECT seq, run_id AS runId FROM events WHERE agent_id = (SELECT ?) ORDER BY seq LIMIT 1',
  )
  const trimmedOfAgent = db.prepare<[string, string | null, number], { seq: number | null }>(
    `SELECT max(c.trimmed_to) AS seq FROM (
       SELECT DISTINCT conversation_id FROM (
         SELECT conversation_id FROM runs WHERE agent_id = (SELECT ?)
           AND number <= coalesce((SELECT number FROM runs WHERE id = ?), 9223372036854775807) ORDER BY number DESC LIMIT ?)) AS r
     JOIN conversations AS c ON c.id = r.conversation_id`,
  )

  /**
   * Between its first frame and the first of a run that came after its end: a conversation works in order, so however long
   * it goes on, a run's log is no longer to read.
   */
  function rangeOf({ id, number, conversationId }: LoggedRun): { from: number; to: number; trimmedTo: number } {
    const { firstSeq, endedAt, trimmedTo } = boundsOf.get(id) ?? { firstSeq: null, endedAt: null, trimmedTo: 0 }
    const next = endedAt === null ? undefined : following.get(conversationId, number, endedAt)
    return { from: firstSeq ?? 0, to: next?.firstSeq ?? Number.MAX_SAFE_INTEGER, trimmedTo }
  }

  function pageOfRun(run: LoggedRun, after: number, limit: number): LogPage {
    const { from, to, trimmedTo } = rangeOf(run)
    const read = (cursor: number, most: number) =>
      ofRun.all(run.conversationId, Math.max(cursor, from - 1), to, run.id, most)
    const oldest = read(0, 1)[0]?.seq ?? null
    const isKept = oldest !== null && (oldest <= after || oldest === from)
    const gap = !isKept && trimmedTo > after && trimmedTo >= from
    return toPage(read(after, limit), { after, oldest, gap })
  }

  function pageOfAgent(agentId: string, after: number, limit: number): LogPage {
    const oldest = oldestOfAgent.get(agentId)
    const isKept = oldest !== undefined && oldest.seq <= after
    const gap = !isKept && (trimmedOfAgent.get(agentId, oldest?.runId ?? null, LOOKED_BACK)?.seq ?? 0) > after
    return toPage(ofAgent.all(agentId, after, limit), { after, oldest: oldest?.seq ?? null, gap })
  }

  return {
    /** Why a run waits, in the words that were told last; null for one that goes or has ended. */
    reasonOf(run: LoggedRun & { status: RunStatus }): string | null {
      if (!WAITS.includes(run.status)) return null
      const last = lastStatus.get(run.conversationId, rangeOf(run).from, run.id)
      const { status, reason } = JSON.parse(last?.data ?? '{}') as { status?: RunStatus; reason?: string }
      return (status === run.status && reason) || null
    },

    ofRun: (run: LoggedRun): FrameLog => ({
      page: (after, limit) => pageOfRun(run, after, limit),
      isOver: () => (boundsOf.get(run.id)?.endedAt ?? '') !== '',
    }),
    ofAgent: (agentId: string): FrameLog => ({
      page: (after, limit) => pageOfAgent(agentId, after, limit),
      isOver: () => false,
    }),
  }
}

function toPage(rows: Row[], about: { after: number; oldest: number | null; gap: boolean }): LogPage {
  const { after, oldest, gap } = about
  return { events: rows.map(toEntry), next: rows.at(-1)?.seq ?? after, oldest, gap }
}

function toEntry({ data, ...row }: Row): LogEntry {
  const { type: _type, ...rest } = JSON.parse(data) as { type: string } & Record<string, unknown>
  return { ...row, data: rest }
}
