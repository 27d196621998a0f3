import type { Actor } from '../audit.ts'
import { asKept } from '../domains.ts'
import { changeOf, flag, missing, said, twice, type ListDeps } from './entries.ts'

export type WebEntry = { domain: string; note: string; private_ok: boolean; created_at: string }
type Row = Omit<WebEntry, 'private_ok'> & { private_ok: number }
type Change = { note?: string | undefined; private_ok?: boolean | undefined }

/** Sites that a clean run may read without asking (Tier 1). */
export function createWebList(deps: ListDeps) {
  const { db, now } = deps
  const rows = db.prepare<[], Row>('SELECT domain, note, private_ok, created_at FROM web_whitelist ORDER BY domain')
  const add = db.prepare(
    'INSERT INTO web_whitelist (domain, note, private_ok, created_at) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING',
  )
  const change = db.prepare(
    'UPDATE web_whitelist SET note = coalesce(?, note), private_ok = coalesce(?, private_ok) WHERE domain = ?',
  )
  const remove = db.prepare('DELETE FROM web_whitelist WHERE domain = ?')
  const changed = changeOf(deps)
  const outcomeOf = ({ private_ok }: Change) => said({ private_ok })

  return {
    web: (): WebEntry[] => rows.all().map((row) => ({ ...row, private_ok: row.private_ok === 1 })),

    /** `domain` as `normaliseDomain` gives it. */
    addWeb(draft: Change & { domain: string }, by: Actor): void {
      const { domain, note = '', private_ok = false } = draft
      const work = () => add.run(domain, note, Number(private_ok), now().toISOString())
      changed(work, twice(domain), { action: 'web added', subject: domain, by, outcome: outcomeOf(draft) })
    },

    changeWeb(domain: string, draft: Change, by: Actor): void {
      const work = () => change.run(draft.note ?? null, flag(draft.private_ok), asKept(domain))
      changed(work, missing(domain), { action: 'web changed', subject: domain, by, outcome: outcomeOf(draft) })
    },

    removeWeb(domain: string, by: Actor): void {
      changed(() => remove.run(asKept(domain)), missing(domain), { action: 'web removed', subject: domain, by })
    },
  }
}
