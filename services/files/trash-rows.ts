import type { Db } from '../../db/open.ts'

export type TrashCause = 'overwritten' | 'deleted'
export type TrashKind = 'file' | 'folder'

/** An old version of a file, or a folder that was deleted. `path` is where it was, `mode` its permissions there. */
export type Trashed = {
  id: string
  path: string
  kind: TrashKind
  size: number
  mode: number
  cause: TrashCause
  runId: string | null
  createdAt: string
  restoredAt: string | null
}

export type TrashDraft = Omit<Trashed, 'createdAt' | 'restoredAt'> & { userId: string }

export type TrashRows = ReturnType<typeof createTrashRows>

/** What the database knows of the trash; each row stands for `<trash>/<id>`. */
export function createTrashRows({ db, now }: { db: Db; now: () => Date }) {
  const fields =
    'id, path, kind, size, mode, cause, run_id AS runId, created_at AS createdAt, restored_at AS restoredAt'
  const insert = db.prepare(
    'INSERT INTO trash (id, user_id, run_id, path, kind, size, mode, cause, created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)',
  )
  const ofUser = db.prepare<[string, number], Trashed>(
    `SELECT ${fields} FROM trash WHERE user_id = ? ORDER BY created_at DESC, id DESC LIMIT ?`,
  )
  const one = db.prepare<[string, string], Trashed>(`SELECT ${fields} FROM trash WHERE id = ? AND user_id = ?`)
  const newest = db.prepare<[number], Trashed>(`SELECT ${fields} FROM trash ORDER BY created_at DESC, id DESC LIMIT ?`)
  const known = db.prepare<[string], { id: string }>('SELECT id FROM trash WHERE id = ?')
  const bytes = db.prepare<[string], { bytes: number }>(
    'SELECT coalesce(sum(size), 0) AS bytes FROM trash WHERE user_id = ?',
  )
  const mark = db.prepare<[string, string]>('UPDATE trash SET restored_at = ? WHERE id = ?')
  const drop = db.prepare<[string]>('DELETE FROM trash WHERE id = ?')
  const expired = db.prepare<[string], { id: string }>('DELETE FROM trash WHERE created_at < ? RETURNING id')

  return {
    add({ id, userId, runId, path, kind, size, mode, cause }: TrashDraft): void {
      insert.run(id, userId, runId, path, kind, size, mode & 0o777, cause, now().toISOString())
    },
    ofUser: (userId: string, limit: number): Trashed[] => ofUser.all(userId, limit),
    find: (userId: string, id: string): Trashed | undefined => one.get(id, userId),
    newest: (count: number): Trashed[] => newest.all(count),
    isKnown: (id: string): boolean => known.get(id) !== undefined,
    bytesOf: (userId: string): number => bytes.get(userId)!.bytes,
    markRestored: (id: string): void => void mark.run(now().toISOString(), id),
    drop: (id: string): void => void drop.run(id),
    /** Takes out what is older, and says which. */
    takeOlder: (than: Date): string[] => expired.all(than.toISOString()).map(({ id }) => id),
  }
}
