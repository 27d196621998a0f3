import type { Db } from '../../db/open.ts'
import type { Actor, Audit } from '../audit.ts'
import type { Settings } from '../settings.ts'

export const RETENTION_NAMES = [
  'transcripts_days',
  'events_days',
  'trash_days',
  'notifications_days',
  'deliveries_days',
  'occurrences_days',
] as const
export type RetentionName = (typeof RETENTION_NAMES)[number]

/** For how many days things are kept; null is for good. */
export type RetentionValues = Record<RetentionName, number | null>

export type Retention = ReturnType<typeof createRetentionSettings>

/** What the owner says about how long things are kept. A change is in the audit log with what was before. */
export function createRetentionSettings({
  db,
  settings,
  audit,
}: {
  db: Db
  settings: Settings
  audit: Pick<Audit, 'record'>
}) {
  const get = (): RetentionValues =>
    Object.fromEntries(RETENTION_NAMES.map((name) => [name, settings.get(name)])) as RetentionValues

  return {
    get,

    /** Changes what is given and leaves the rest. */
    change(values: { [K in RetentionName]?: number | null | undefined }, by: Actor): void {
      const before = get()
      const changed = RETENTION_NAMES.filter((name) => values[name] !== undefined && values[name] !== before[name])
      if (changed.length === 0) return
      db.transact(() => {
        settings.change(Object.fromEntries(changed.map((name) => [name, values[name]])))
        const subject = changed.map((name) => `${name}: ${word(before[name])} → ${word(values[name]!)}`).join(', ')
        audit.record({ kind: 'setting', action: 'retention changed', subject, by })
      })
    },
  }
}

const word = (days: number | null): string => (days === null ? 'for good' : String(days))
