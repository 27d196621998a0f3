import { createHash } from 'node:crypto'
import type { Deps } from './deps.ts'
import type { Endings } from './endings.ts'
import { AppError } from './errors.ts'
import { newId } from './ids.ts'

/** What a browser session remembers. `confirmedAt` is when the password was last given (ms since 1970). */
export type SessionData = {
  userId?: string
  confirmedAt?: number
  userAgent?: string
  address?: string
  cookie?: { expires?: string | Date | null }
}

export type SessionEntry = {
  id: string
  user_agent: string
  address: string
  created_at: string
  last_seen_at: string
  expires_at: string
}

export const SESSION_DAYS = 30
const SESSION_MS = SESSION_DAYS * 24 * 3600_000

/** Being seen is written down at most this often. */
const SEEN_EVERY_MS = 5 * 60_000

/** How long after giving the password secrets may be shown. */
const CONFIRMED_MS = 5 * 60_000

export type Sessions = ReturnType<typeof createSessions>

/** Browser sessions in the database. `sid` is the cookie's secret and is kept only as a hash; `id` is its public name. */
export function createSessions({ db, now, endings }: Deps & { endings: Endings }) {
  const one = db.prepare<[string, string], { id: string; data: string }>(
    'SELECT public_id AS id, data FROM http_sessions WHERE id = ? AND expires_at > ?',
  )
  const put = db.prepare(
    `INSERT INTO http_sessions (id, public_id, user_id, data, user_agent, address, created_at, last_seen_at, expires_at)
     VALUES (@key, @id, @userId, @data, @userAgent, @address, @at, @at, @expires)
     ON CONFLICT (id) DO UPDATE SET user_id = excluded.user_id, data = excluded.data, expires_at = excluded.expires_at, last_seen_at = excluded.last_seen_at`,
  )
  const seen = db.prepare('UPDATE http_sessions SET last_seen_at = ?, expires_at = ? WHERE id = ? AND last_seen_at < ?')
  const drop = db.prepare<[string], { id: string }>('DELETE FROM http_sessions WHERE id = ? RETURNING public_id AS id')
  const dropPublic = db.prepare('DELETE FROM http_sessions WHERE public_id = ? AND user_id = ?')
  const dropOthers = db.prepare<[string, string], { id: string }>(
    'DELETE FROM http_sessions WHERE user_id = ? AND public_id <> ? RETURNING public_id AS id',
  )
  const dropAll = db.prepare<[string], { id: string }>(
    'DELETE FROM http_sessions WHERE public_id <> ? RETURNING public_id AS id',
  )
  const sweep = db.prepare('DELETE FROM http_sessions WHERE expires_at <= ?')
  const ofUser = db.prepare<[string, string], SessionEntry>(
    `SELECT public_id AS id, user_agent, address, created_at, last_seen_at, expires_at
     FROM http_sessions WHERE user_id = ? AND expires_at > ? ORDER BY last_seen_at DESC, public_id DESC`,
  )

  const ended = (id: string) => db.afterCommit(() => endings.tell({ sessionId: id }))
  const fromNow = (ms: number) => new Date(now().getTime() + ms).toISOString()

  return {
    read(sid: string): { id: string; data: SessionData } | undefined {
      const row = one.get(keyOf(sid), now().toISOString())
      return row && { id: row.id, data: JSON.parse(row.data) as SessionData }
    },

    write(sid: string, data: SessionData): void {
      put.run({
        key: keyOf(sid),
        id: newId(),
        userId: data.userId ?? null,
        data: JSON.stringify(data),
        userAgent: data.userAgent ?? '',
        address: data.address ?? '',
        at: now().toISOString(),
        expires: fromNow(SESSION_MS),
      })
    },

    touch(sid: string): void {
      seen.run(now().toISOString(), fromNow(SESSION_MS), keyOf(sid), fromNow(-SEEN_EVERY_MS))
    },

    destroy(sid: string): void {
      const row = drop.get(keyOf(sid))
      if (row) ended(row.id)
    },

    list: (userId: string): SessionEntry[] => ofUser.all(userId, now().toISOString()),

    end(userId: string, id: string): void {
      if (dropPublic.run(id, userId).changes === 0) throw new AppError('not_found', 'There is no such session.')
      ended(id)
    },

    endOthers(userId: string, keepId: string): void {
      for (const row of dropOthers.all(userId, keepId)) ended(row.id)
    },

    /** Everybody's, but one. */
    endAll(keepId = ''): void {
      for (const row of dropAll.all(keepId)) ended(row.id)
    },

    /** Whether the password was given in the last five minutes. */
    isConfirmed: (data: SessionData): boolean => now().getTime() - (data.confirmedAt ?? -Infinity) < CONFIRMED_MS,

    sweep: (): number => sweep.run(now().toISOString()).changes,
  }
}

function keyOf(sid: string): string {
  return createHash('sha256').update(sid).digest('hex')
}
