import type { Actor, Audit } from '../audit.ts'
import type { Deps } from '../deps.ts'

/** `memory_recall`: what fits is told without being asked for. `brain_auto_approve`: it is kept in mind without asking. */
export type MemorySettingValues = { memory_recall: boolean; brain_auto_approve: boolean }

type Row = { recall: number; autoApprove: number }

const DEFAULTS: MemorySettingValues = { memory_recall: true, brain_auto_approve: false }
const NAMES = ['memory_recall', 'brain_auto_approve'] as const

export type MemorySettings = ReturnType<typeof createMemorySettings>

/** What each user says of their memory; read from memory. */
export function createMemorySettings({ db, now, audit }: Deps & { audit: Pick<Audit, 'record'> }) {
  const byUser = db.prepare<[string], Row>(
    'SELECT recall, auto_approve AS autoApprove FROM memory_settings WHERE user_id = ?',
  )
  const put = db.prepare(
    `INSERT INTO memory_settings (user_id, recall, auto_approve, updated_at) VALUES (@userId, @recall, @autoApprove, @at)
     ON CONFLICT (user_id) DO UPDATE SET recall = excluded.recall, auto_approve = excluded.auto_approve, updated_at = excluded.updated_at`,
  )
  const known = new Map<string, MemorySettingValues>()

  function get(userId: string): MemorySettingValues {
    const before = known.get(userId)
    if (before) return before
    const row = byUser.get(userId)
    const values = row ? { memory_recall: row.recall === 1, brain_auto_approve: row.autoApprove === 1 } : DEFAULTS
    known.set(userId, values)
    return values
  }

  return {
    get,

    /** Changes what is given and leaves the rest. */
    change(userId: string, values: { [K in keyof MemorySettingValues]?: boolean | undefined }, by: Actor): void {
      const before = get(userId)
      const changed = NAMES.filter((name) => values[name] !== undefined && values[name] !== before[name])
      if (changed.length === 0) return
      const after = { ...before, ...Object.fromEntries(changed.map((name) => [name, values[name]])) }
      db.transact(() => {
        const { memory_recall: recall, brain_auto_approve: auto } = after
        put.run({ userId, recall: Number(recall), autoApprove: Number(auto), at: now().toISOString() })
        const subject = changed.map((name) => `${name}: ${after[name] ? 'on' : 'off'}`).join(', ')
        audit.record({ kind: 'setting', action: 'memory changed', subject, by })
        db.afterCommit(() => known.set(userId, after))
      })
    },
  }
}
