import type { Actor } from './audit.ts'
import { asKept } from './domains.ts'
import { AppError } from './errors.ts'
import { changeOf, type ListDeps } from './whitelists/entries.ts'

/** `session_at`: when the session there was last kept; null without one. */
export type TrustedSite = { domain: string; note: string; created_at: string; session_at: string | null }

export type BrowserTrusted = ReturnType<typeof createBrowserTrusted>

/** Each user's own list of sites on which the browser tool may act in their name. */
export function createBrowserTrusted(deps: ListDeps) {
  const { db, now } = deps
  const rows = db.prepare<[string], TrustedSite>(
    `SELECT domain, note, created_at, browser_sessions.updated_at AS session_at
     FROM browser_trusted LEFT JOIN browser_sessions USING (user_id, domain) WHERE user_id = ? ORDER BY domain`,
  )
  const add = db.prepare(
    'INSERT INTO browser_trusted (user_id, domain, note, created_at) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING',
  )
  const remove = db.prepare('DELETE FROM browser_trusted WHERE user_id = ? AND domain = ?')
  const changed = changeOf(deps)

  return {
    list: (userId: string): TrustedSite[] => rows.all(userId),

    /** `domain` as `normaliseDomain` gives it. */
    add(userId: string, { domain, note = '' }: { domain: string; note?: string | undefined }, by: Actor): void {
      const twice = new AppError('conflict', `${domain} is already on your list.`)
      const work = () => add.run(userId, domain, note, now().toISOString())
      changed(work, twice, { action: 'browser site added', subject: domain, by })
    },

    remove(userId: string, domain: string, by: Actor): void {
      const missing = new AppError('not_found', 'That site is not on your list.')
      changed(() => remove.run(userId, asKept(domain)), missing, {
        action: 'browser site removed',
        subject: domain,
        by,
      })
    },
  }
}
