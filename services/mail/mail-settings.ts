import type { Db } from '../../db/open.ts'
import type { Actor, Audit } from '../audit.ts'
import type { Settings, SettingValues } from '../settings.ts'

const NAMES = ['mail_poll_s', 'mail_deadline_s', 'mail_match', 'mail_max_bytes'] as const
type Name = (typeof NAMES)[number]

export type MailSettingValues = Pick<SettingValues, Name>

export type MailSettings = ReturnType<typeof createMailSettings>

/** What the owner says about how mail is listened to. A change is in the audit log with what was before. */
export function createMailSettings({
  db,
  settings,
  audit,
}: {
  db: Db
  settings: Settings
  audit: Pick<Audit, 'record'>
}) {
  const get = (): MailSettingValues =>
    Object.fromEntries(NAMES.map((name) => [name, settings.get(name)])) as unknown as MailSettingValues

  return {
    get,

    /** Changes what is given and leaves the rest; it counts from the next look on. */
    change(values: { [K in Name]?: MailSettingValues[K] | undefined }, by: Actor): void {
      const before = get()
      const changed = NAMES.filter((name) => values[name] !== undefined && values[name] !== before[name])
      if (changed.length === 0) return
      db.transact(() => {
        settings.change(Object.fromEntries(changed.map((name) => [name, values[name]])))
        const subject = changed.map((name) => `${name}: ${before[name]} → ${values[name]}`).join(', ')
        audit.record({ kind: 'setting', action: 'mail changed', subject, by })
      })
    },
  }
}
