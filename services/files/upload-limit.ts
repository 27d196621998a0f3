import type { Db } from '../../db/open.ts'
import type { Actor, Audit } from '../audit.ts'
import type { Settings } from '../settings.ts'

type Deps = { db: Db; settings: Settings; audit: Pick<Audit, 'record'> }

/** How much one upload may bring. A change holds at once and is in the audit log. */
export function createUploadLimit({ db, settings, audit }: Deps) {
  return {
    get: (): number => settings.get('max_upload_bytes'),

    change(bytes: number | undefined, by: Actor): void {
      const before = settings.get('max_upload_bytes')
      if (bytes === undefined || bytes === before) return
      db.transact(() => {
        settings.change({ max_upload_bytes: bytes })
        audit.record({
          kind: 'setting',
          action: 'files changed',
          subject: `max_upload_bytes: ${before} → ${bytes}`,
          by,
        })
      })
    },
  }
}
