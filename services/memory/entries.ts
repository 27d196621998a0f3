import type { Db } from '../../db/open.ts'
import type { Integrity, Labels, Privacy } from '../shapes/labels.ts'
import type { MemoryKind } from '../shapes/memory.ts'

/** Where an entry came from: a run's own call, the page, a script, or a file that was read in. */
export type MemorySource = 'run' | 'page' | 'api' | 'import'

/** One thing kept in mind. */
export type Memory = {
  number: number
  id: string
  userId: string
  kind: MemoryKind
  text: string
  tags: string[]
  pinned: boolean
  expiresAt: string | null
  integrity: Integrity
  privacy: Privacy
  source: MemorySource
  runId: string | null
  callId: string | null
  createdAt: string
  updatedAt: string
}

export type MemoryFilter = {
  kind?: MemoryKind | undefined
  tag?: string | undefined
  pinned?: boolean | undefined
  /** Only what could not have been written by others. */
  integrity?: Integrity | undefined
  /** Leaves out what has expired by then. */
  aliveAt?: string | undefined
}

export type MemoryCount = { kind: MemoryKind; integrity: Integrity; pinned: number; n: number }

type Row = Omit<Memory, 'tags' | 'pinned'> & { tags: string; pinned: number }
type Filtered = {
  userId: string
  kind: string | null
  tag: string | null
  pinned: number | null
  integrity: string | null
  aliveAt: string | null
}

const COLUMNS = `m.number, m.id, m.user_id AS userId, m.kind, m.text, m.tags, m.pinned, m.expires_at AS expiresAt, m.integrity, m.privacy,
  m.source, m.run_id AS runId, m.call_id AS callId, m.created_at AS createdAt, m.updated_at AS updatedAt`

/** Tags are folded when they are written, so that equal ones are equal here. */
const FITS = `m.user_id = @userId AND (@kind IS NULL OR m.kind = @kind) AND (@pinned IS NULL OR m.pinned = @pinned)
  AND (@integrity IS NULL OR m.integrity = @integrity) AND (@aliveAt IS NULL OR m.expires_at IS NULL OR m.expires_at > @aliveAt)
  AND (@tag IS NULL OR EXISTS (SELECT 1 FROM json_each(m.tags) WHERE value = @tag))`

export type MemoryRows = ReturnType<typeof createMemoryRows>

/** The rows of memories, and full-text search over them. Callers hold the transaction. */
export function createMemoryRows({ db }: { db: Db }) {
  const byId = db.prepare<[string], Row>(`SELECT ${COLUMNS} FROM memories m WHERE m.id = ?`)
  const byNumber = db.prepare<[number], Row>(`SELECT ${COLUMNS} FROM memories m WHERE m.number = ?`)
  const byCall = db.prepare<[string], Row>(`SELECT ${COLUMNS} FROM memories m WHERE m.call_id = ?`)
  const same = db.prepare<[string, string], Row>(
    `SELECT ${COLUMNS} FROM memories m WHERE m.user_id = ? AND m.text = ? LIMIT 1`,
  )
  const page = db.prepare<[Filtered & { before: number; limit: number }], Row>(
    `SELECT ${COLUMNS} FROM memories m WHERE ${FITS} AND m.number < @before ORDER BY m.number DESC LIMIT @limit`,
  )
  const count = db.prepare<[Filtered], { n: number }>(`SELECT count(*) AS n FROM memories m WHERE ${FITS}`)
  const counts = db.prepare<[string], MemoryCount>(
    'SELECT kind, integrity, pinned, count(*) AS n FROM memories WHERE user_id = ? GROUP BY kind, integrity, pinned',
  )
  const pinned = db.prepare<[string, string], Row>(
    `SELECT ${COLUMNS} FROM memories m WHERE m.user_id = ? AND m.pinned = 1 AND m.integrity = 'owner'
       AND (m.expires_at IS NULL OR m.expires_at > ?) ORDER BY m.number DESC LIMIT 50`,
  )
  const matches = db.prepare<[Filtered & { match: string; limit: number }], Row & { score: number }>(
    `SELECT ${COLUMNS}, bm25(memories_text, 1.0, 0.6) AS score FROM memories_text JOIN memories m ON m.number = memories_text.rowid
     WHERE memories_text MATCH @match AND ${FITS} ORDER BY score, m.number DESC LIMIT @limit`,
  )
  const terms = db.prepare<[string, string], { docs: number }>(
    'SELECT coalesce(max(doc), 0) AS docs FROM memories_terms WHERE term >= ? AND term < ?',
  )
  const total = db.prepare<[], { n: number }>('SELECT count(*) AS n FROM memories')
  const insert = db.prepare(
    `INSERT INTO memories (id, user_id, kind, text, tags, pinned, expires_at, integrity, privacy, source, run_id, call_id, created_at, updated_at)
     VALUES (@id, @userId, @kind, @text, @tags, @pinned, @expiresAt, @integrity, @privacy, @source, @runId, @callId, @createdAt, @updatedAt)`,
  )
  const update = db.prepare(
    `UPDATE memories SET kind = @kind, text = @text, tags = @tags, pinned = @pinned, expires_at = @expiresAt,
       integrity = @integrity, privacy = @privacy, updated_at = @updatedAt WHERE id = @id`,
  )
  const drop = db.prepare('DELETE FROM memories WHERE id = ?')
  const dropExpired = db.prepare('DELETE FROM memories WHERE expires_at IS NOT NULL AND expires_at < ?')

  const filtered = (userId: string, filter: MemoryFilter): Filtered => ({
    userId,
    kind: filter.kind ?? null,
    tag: filter.tag ?? null,
    pinned: filter.pinned === undefined ? null : Number(filter.pinned),
    integrity: filter.integrity ?? null,
    aliveAt: filter.aliveAt ?? null,
  })

  return {
    find: (id: string): Memory | undefined => maybe(byId.get(id)),
    atNumber: (number: number): Memory | undefined => maybe(byNumber.get(number)),
    ofCall: (callId: string): Memory | undefined => maybe(byCall.get(callId)),
    /** One that says the very same. */
    sameAs: (userId: string, text: string): Memory | undefined => maybe(same.get(userId, text)),

    /** The newest first, from below `before` on. */
    page: (userId: string, filter: MemoryFilter, limit: number, before = Number.MAX_SAFE_INTEGER): Memory[] =>
      page.all({ ...filtered(userId, filter), before, limit }).map(toMemory),
    count: (userId: string, filter: MemoryFilter = {}): number => count.get(filtered(userId, filter))!.n,
    counts: (userId: string): MemoryCount[] => counts.all(userId),

    /** What is always told: pinned, the owner's own, not expired. */
    pinned: (userId: string, now: string): Memory[] => pinned.all(userId, now).map(toMemory),

    /** The best fitting first; `score` is the lower the better. `match` is in FTS5's language. */
    matches: (userId: string, match: string, filter: MemoryFilter, limit: number): (Memory & { score: number })[] =>
      matches.all({ ...filtered(userId, filter), match, limit }).map((row) => ({ ...toMemory(row), score: row.score })),

    /** In how many entries of the house the commonest word stands that begins like this. */
    common: (start: string): number => terms.get(start, `${start}\u{10ffff}`)!.docs,
    total: (): number => total.get()!.n,

    insert: (memory: Omit<Memory, 'number'>): void => void insert.run(flat(memory)),
    update: (memory: Omit<Memory, 'number'>): void => void update.run(flat(memory)),
    drop: (id: string): void => void drop.run(id),
    dropExpired: (before: string): number => dropExpired.run(before).changes,
  }
}

export const labelsOf = ({ integrity, privacy }: Labels): Labels => ({ integrity, privacy })

const maybe = (row: Row | undefined): Memory | undefined => row && toMemory(row)

function toMemory(row: Row): Memory {
  const { score: _score, ...rest } = row as Row & { score?: number }
  return { ...rest, tags: JSON.parse(row.tags) as string[], pinned: row.pinned === 1 }
}

const flat = ({ tags, pinned, ...rest }: Omit<Memory, 'number'>) => ({
  ...rest,
  tags: JSON.stringify(tags),
  pinned: Number(pinned),
})
