import type { Actor, Audit } from '../audit.ts'
import type { Deps } from '../deps.ts'
import { AppError } from '../errors.ts'
import type { Vault } from '../vault.ts'
import { cookiesFrom, type StoredCookie } from './cookies.ts'
import { covers } from './hosts.ts'

export type SignedInDeps = Deps & { vault: Vault; audit: Pick<Audit, 'record'>; newId: () => string }

export type SignedIn = ReturnType<typeof createSignedIn>

/** The owner's sessions at sites they trust: their cookies, sealed, of each site apart. */
export function createSignedIn({ db, now, vault, audit, newId }: SignedInDeps) {
  const trusted = db.prepare<[string], { domain: string }>('SELECT domain FROM browser_trusted WHERE user_id = ?')
  const of = db.prepare<[string, string], { id: string; sealed: string }>(
    'SELECT id, sealed FROM browser_sessions WHERE user_id = ? AND domain = ?',
  )
  const list = db.prepare<[string], { domain: string; at: string }>(
    'SELECT domain, updated_at AS at FROM browser_sessions WHERE user_id = ?',
  )
  const put = db.prepare(
    `INSERT INTO browser_sessions (id, user_id, domain, sealed, updated_at) VALUES (@id, @userId, @domain, @sealed, @at)
     ON CONFLICT (user_id, domain) DO UPDATE SET sealed = excluded.sealed, updated_at = excluded.updated_at`,
  )
  const drop = db.prepare('DELETE FROM browser_sessions WHERE user_id = ? AND domain = ?')

  const isTrusted = (userId: string, domain: string): boolean =>
    trusted.all(userId).some((entry) => entry.domain === domain)

  function write(userId: string, domain: string, cookies: readonly StoredCookie[]): void {
    const id = of.get(userId, domain)?.id ?? newId()
    const sealed = vault.seal(JSON.stringify(cookies), { table: 'browser_sessions', row: id, field: 'cookies' })
    put.run({ id, userId, domain, sealed, at: now().toISOString() })
  }

  function cookies(userId: string, domain: string): StoredCookie[] | undefined {
    const row = of.get(userId, domain)
    if (!row) return undefined
    const place = { table: 'browser_sessions', row: row.id, field: 'cookies' }
    return JSON.parse(vault.open(row.sealed, place)) as StoredCookie[]
  }

  return {
    cookies,

    /** The trusted site that a host belongs to, the narrowest where several do. */
    siteFor: (userId: string, host: string): string | undefined =>
      trusted
        .all(userId)
        .map(({ domain }) => domain)
        .filter((domain) => covers(domain, host))
        .sort((a, b) => b.length - a.length)[0],

    /** When the session of each site was last kept. */
    list: (userId: string): Map<string, string> => new Map(list.all(userId).map(({ domain, at }) => [domain, at])),

    /** Takes over the session of the owner's own browser. Throws `not_found` for a site that is not trusted. */
    bring(userId: string, domain: string, text: string, by: Actor): void {
      if (!isTrusted(userId, domain)) throw new AppError('not_found', 'That site is not on your list.')
      const taken = cookiesFrom(text, domain)
      db.transact(() => {
        write(userId, domain, taken)
        const outcome = `${taken.length} cookies`
        audit.record({ kind: 'whitelist', action: 'browser session kept', subject: domain, by, outcome })
      })
    },

    /** What a site renewed while it was used. A site without a session, or no longer trusted, gets none by that. */
    renew(userId: string, domain: string, cookies: readonly StoredCookie[]): void {
      if (of.get(userId, domain) && isTrusted(userId, domain)) write(userId, domain, cookies)
    },

    end(userId: string, domain: string, by: Actor): void {
      db.transact(() => {
        if (drop.run(userId, domain).changes === 0) throw new AppError('not_found', 'There is no session of that site.')
        audit.record({ kind: 'whitelist', action: 'browser session ended', subject: domain, by })
      })
    },
  }
}
