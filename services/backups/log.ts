import type { Deps } from '../deps.ts'
import { newId } from '../ids.ts'

export type WorkKind = 'backup' | 'drill'
export type WorkCause = 'manual' | 'daily' | 'weekly'

/** What became of a backup or a restore drill. */
export type WorkEntry = {
  id: string
  kind: WorkKind
  cause: WorkCause
  state: 'going' | 'done' | 'failed'
  backup: string | null
  problem: string | null
  started_at: string
  ended_at: string | null
}

const COLUMNS = 'id, kind, cause, state, backup, problem, started_at, ended_at'
const CUT_OFF = 'Steward was stopped before it was done.'
const KEPT_MS = 400 * 24 * 3600_000

export type WorkLog = ReturnType<typeof createWorkLog>

/** Every backup and drill that this house has made, with how it ended. */
export function createWorkLog({ db, now }: Deps) {
  const insert = db.prepare(
    `INSERT INTO backup_runs (id, kind, cause, state, started_at) VALUES (@id, @kind, @cause, 'going', @at)`,
  )
  const end = db.prepare(
    'UPDATE backup_runs SET state = @state, backup = @backup, problem = @problem, ended_at = @at WHERE id = @id',
  )
  const cutOff = db.prepare(`UPDATE backup_runs SET state = 'failed', problem = ?, ended_at = ? WHERE state = 'going'`)
  const latest = db.prepare<[number], WorkEntry>(`SELECT ${COLUMNS} FROM backup_runs ORDER BY id DESC LIMIT ?`)
  const newest = db.prepare<[{ kind: WorkKind; cause: WorkCause | null; state: string | null }], WorkEntry>(
    `SELECT ${COLUMNS} FROM backup_runs WHERE kind = @kind AND (@cause IS NULL OR cause = @cause)
       AND (@state IS NULL OR state = @state) ORDER BY id DESC LIMIT 1`,
  )
  const going = db.prepare<[], WorkEntry>(`SELECT ${COLUMNS} FROM backup_runs WHERE state = 'going' ORDER BY id`)
  const drop = db.prepare('DELETE FROM backup_runs WHERE started_at < ?')

  return {
    begin(kind: WorkKind, cause: WorkCause): string {
      const id = newId()
      insert.run({ id, kind, cause, at: now().toISOString() })
      return id
    },

    end(id: string, ended: { state: 'done' | 'failed'; backup: string | null; problem: string | null }): void {
      end.run({ id, ...ended, at: now().toISOString() })
      drop.run(new Date(now().getTime() - KEPT_MS).toISOString())
    },

    /** After a start: nothing of before goes on. */
    cutOff: (): void => void cutOff.run(CUT_OFF, now().toISOString()),

    going: (): WorkEntry[] => going.all(),
    latest: (limit: number): WorkEntry[] => latest.all(limit),
    newest: (kind: WorkKind, { cause, state }: { cause?: WorkCause; state?: string } = {}): WorkEntry | undefined =>
      newest.get({ kind, cause: cause ?? null, state: state ?? null }),
  }
}
