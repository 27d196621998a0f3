import type { Deps } from './deps.ts'
import type { KeptFrame, PassingFrame } from './shapes/frames.ts'

/** Whom a frame concerns. What belongs to no run has neither conversation nor run. */
export type Address = {
  userId: string
  conversationId: string | null
  runId: string | null
  agentId?: string | null
}

/** A frame on its way. `wire` is the JSON as it goes to a socket; `seq` is null for frames that pass by. */
export type Told = Address & { seq: number | null; frame: KeptFrame | PassingFrame; wire: string }

export type Listener = (told: Told) => unknown

type Row = { seq: number; type: string; runId: string | null; data: string }

export type Events = ReturnType<typeof createEvents>

/**
 * The one log of everything clients are told. `keep` writes a frame, known secrets masked, in the transaction it is called in and tells the
 * listeners after the commit; `pass` only tells. Readers resume with `after`.
 */
export function createEvents({
  db,
  now,
  maskValue,
  onFault,
}: Deps & { maskValue: (value: unknown) => unknown; onFault: (error: unknown) => void }) {
  const insert = db.prepare(
    `INSERT INTO events (user_id, conversation_id, run_id, agent_id, type, data, created_at) VALUES (?, ?, ?, ?, ?, ?, ?)`,
  )
  const page = db.prepare<[string, number, number, number], Row>(
    `SELECT seq, type, run_id AS runId, data FROM events
     WHERE conversation_id = ? AND seq > ? AND seq <= ? ORDER BY seq LIMIT ?`,
  )
  const newest = db.prepare<[], { seq: number }>(`SELECT seq FROM sqlite_sequence WHERE name = 'events'`)
  const oldestOf = db.prepare<[string], { seq: number | null }>(
    'SELECT min(seq) AS seq FROM events WHERE conversation_id = ?',
  )
  const from = db.prepare<[number], { seq: number; at: string }>(
    'SELECT seq, created_at AS at FROM events WHERE seq >= ? ORDER BY seq LIMIT 1',
  )
  const OLD = `SELECT seq, conversation_id FROM events WHERE seq <= @upTo AND created_at < @before AND (run_id IS NULL OR run_id NOT IN (
       SELECT id FROM runs WHERE status IN ('queued', 'running', 'waiting', 'paused'))) ORDER BY seq LIMIT @limit`
  const trimMarks = db.prepare(
    `UPDATE conversations SET trimmed_to = max(trimmed_to, old.seq) FROM (
       SELECT conversation_id, max(seq) AS seq FROM (${OLD}) GROUP BY conversation_id
     ) AS old WHERE conversations.id = old.conversation_id`,
  )
  const trim = db.prepare(`DELETE FROM events WHERE seq IN (SELECT seq FROM (${OLD}))`)

  /** The last seq from before a time. Frames are written in the order of time, so no index by age has to be kept. */
  function lastBefore(before: string): number {
    let [old, young] = [0, (newest.get()?.seq ?? 0) + 1]
    while (young - old > 1) {
      const middle = Math.floor((old + young) / 2)
      const found = from.get(middle)
      if (found && found.seq < young && found.at < before) old = found.seq
      else young = middle
    }
    return old
  }

  const byConversation = new Map<string, Set<Listener>>()
  const byUser = new Map<string, Set<Listener>>()

  function tell(told: Told): void {
    for (const listener of byConversation.get(told.conversationId ?? '') ?? []) guarded(listener, told)
    for (const listener of byUser.get(told.userId) ?? []) guarded(listener, told)
  }

  function guarded(listener: Listener, told: Told): void {
    try {
      listener(told)
    } catch (error) {
      onFault(error)
    }
  }

  return {
    /** Returns its seq. */
    keep(to: Address, frame: KeptFrame): number {
      const data = JSON.stringify(maskValue(frame))
      const { lastInsertRowid } = insert.run(
        to.userId,
        to.conversationId,
        to.runId,
        to.agentId ?? null,
        frame.type,
        data,
        now().toISOString(),
      )
      const seq = Number(lastInsertRowid)
      db.afterCommit(() => tell({ ...to, seq, frame, wire: wireOf(data, to.runId, seq) }))
      return seq
    },

    pass(to: Address, frame: PassingFrame): void {
      if (!byConversation.has(to.conversationId ?? '') && !byUser.has(to.userId)) return
      tell({ ...to, seq: null, frame, wire: wireOf(JSON.stringify(frame), to.runId, null) })
    },

    /** An error that could not be kept (a full disk) is at least said. */
    passError(to: Address, error: { code: string; message: string }): void {
      const frame = maskValue({ type: 'error', error: error.message, code: error.code }) as KeptFrame
      tell({ ...to, seq: null, frame, wire: wireOf(JSON.stringify(frame), to.runId, null) })
    },

    /** The wires of the kept frames of a conversation with `after < seq <= upTo`, oldest first, `limit` at most. */
    after(conversationId: string, after: number, upTo: number, limit: number): { seq: number; wire: string }[] {
      return page
        .all(conversationId, after, upTo, limit)
        .map((row) => ({ seq: row.seq, wire: wireOf(row.data, row.runId, row.seq) }))
    },

    /** The newest seq there is; 0 before the first. */
    head: (): number => newest.get()?.seq ?? 0,

    oldest: (conversationId: string): number | null => oldestOf.get(conversationId)?.seq ?? null,

    /** Listens to one conversation; returns how to stop. */
    follow: (conversationId: string, listener: Listener): (() => void) =>
      join(byConversation, conversationId, listener),

    /** Listens to everything of one user; returns how to stop. */
    followUser: (userId: string, listener: Listener): (() => void) => join(byUser, userId, listener),

    /** Lets go of frames from before a time, so many at most, and notes in each conversation how far. Those of unfinished runs stay. */
    trim(before: Date, limit = -1): number {
      return db.transact(() => {
        const old = { before: before.toISOString(), upTo: lastBefore(before.toISOString()), limit }
        trimMarks.run(old)
        return trim.run(old).changes
      })
    },
  }
}

function wireOf(data: string, runId: string | null, seq: number | null): string {
  const run = runId === null ? '' : `,"run_id":"${runId}"`
  const number = seq === null ? '' : `,"seq":${seq}`
  return `${data.slice(0, -1)}${run}${number}}`
}

function join(map: Map<string, Set<Listener>>, key: string, listener: Listener): () => void {
  const set = map.get(key) ?? new Set()
  map.set(key, set.add(listener))
  return () => {
    set.delete(listener)
    if (set.size === 0 && map.get(key) === set) map.delete(key)
  }
}
