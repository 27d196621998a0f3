import { setImmediate as turn } from 'node:timers/promises'
import type { Deps } from '../deps.ts'
import { AppError } from '../errors.ts'
import type { Settings } from '../settings.ts'
import { asKeys, chainReader, createWalk, type Checkpoint } from './chain.ts'
import { SYSTEM, type Actor, type AuditDraft } from './entry.ts'
import { startOf } from './verify.ts'

export type RetentionDeps = Deps & {
  settings: Settings
  record: (draft: AuditDraft) => void
  keys: () => Buffer[]
  /** Only one at a time walks or shortens the chain. */
  alone: <T>(work: () => Promise<T>) => Promise<T>
}

const DAY_MS = 24 * 3600_000
/** So many entries go in one transaction, which takes some tens of milliseconds. */
const PART = 1000

/**
 * How long entries are kept, and the removal of older ones. Each part that goes leaves, in the same transaction, a checkpoint
 * entry that says how many went and where the chain goes on. What does not verify is never removed: it is evidence.
 */
export function createRetention({ db, now, settings, record, keys, alone }: RetentionDeps) {
  const reader = chainReader(db)
  const drop = db.prepare('DELETE FROM audit WHERE id <= ?')

  /** The oldest entries that are older than `before`, as far as they stand. Throws where the very first does not. */
  function oldest(before: string): { count: number; id: number; mac: string } | undefined {
    const secrets = asKeys(keys())
    const start = startOf(reader, secrets)
    if ('problem' in start) throw refusal(start.first_broken, start.problem)
    const walk = createWalk(secrets, start)
    for (const row of reader.after(start.id, PART)) {
      if ((row[1] as string) >= before) break
      if (walk.take(row)) continue
      if (walk.at().id === start.id) throw refusal(start.id + 1, `Entry ${start.id + 1} is not as it was written.`)
      break
    }
    const count = walk.at().id - start.id
    return count === 0 ? undefined : { count, ...walk.at() }
  }

  function removePart(before: string, by: Actor): number {
    return db.transact(() => {
      const part = oldest(before)
      if (!part) return 0
      const { count, id, mac } = part
      const said: Checkpoint = { removed: count, up_to: id, mac, older_than: before }
      drop.run(id)
      const subject = `${count} ${count === 1 ? 'entry' : 'entries'}, up to ${id}`
      record({ kind: 'checkpoint', action: 'removed', subject, arguments: JSON.stringify(said), by })
      return count
    })
  }

  const removeBefore = (before: string, by: Actor): Promise<number> =>
    alone(async () => {
      let removed = 0
      for (let part = removePart(before, by); part > 0; part = removePart(before, by)) {
        removed += part
        await turn()
      }
      return removed
    })

  return {
    /** Null: everything is kept. */
    days: (): number | null => settings.get('audit_retention_days'),

    /** 0 counts as null. */
    setDays(days: number | null, by: Actor): void {
      const [before, after] = [settings.get('audit_retention_days'), days || null]
      if (before === after) return
      db.transact(() => {
        settings.change({ audit_retention_days: after })
        const subject = `audit_retention_days: ${before ?? 'none'} → ${after ?? 'none'}`
        record({ kind: 'setting', action: 'audit retention changed', subject, by })
      })
    },

    /**
     * Removes what is older, from the oldest on, up to the first entry that is not. Answers how many went. Throws `conflict`
     * where the log does not verify at its beginning.
     */
    removeOlder: (days: number, by: Actor): Promise<number> =>
      removeBefore(new Date(now().getTime() - days * DAY_MS).toISOString(), by),

    /** What the setting says, once a day: a day of UTC goes as a whole. Answers how many went. */
    async sweep(): Promise<number> {
      const days = settings.get('audit_retention_days')
      if (days === null) return 0
      const today = now().toISOString().slice(0, 10)
      return removeBefore(new Date(Date.parse(today) - days * DAY_MS).toISOString(), SYSTEM)
    },
  }
}

const refusal = (id: number, problem: string): AppError =>
  new AppError('conflict', `${problem} Nothing is removed from there on, because it is evidence.`, {
    detail: { first_broken: id },
  })
