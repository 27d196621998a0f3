import { z } from 'zod'
import { invalidField } from '../errors.ts'
import { lazy } from '../shapes/lazy.ts'
import { covers } from './hosts.ts'

/** A cookie as the browser takes it. */
export type StoredCookie = {
  name: string
  value: string
  domain: string
  path: string
  /** Seconds since 1970; -1 for the rest of the session. */
  expires: number
  httpOnly: boolean
  secure: boolean
  sameSite: 'Strict' | 'Lax' | 'None'
}

const MOST = 200

/** What browsers' add-ons write: one object a cookie. */
const Exported = lazy(() =>
  z.array(
    z.object({
      name: z.string().min(1).max(500),
      value: z.string().max(8_000),
      domain: z.string().min(1).max(255),
      path: z.string().max(2_000).default('/'),
      expires: z.number().optional(),
      expirationDate: z.number().optional(),
      httpOnly: z.boolean().default(false),
      secure: z.boolean().default(true),
      sameSite: z.string().nullish(),
    }),
  ),
)

/**
 * The cookies of one site out of what a browser exported: JSON as add-ons write it, or a cookies.txt (Netscape's form). Those of
 * other sites are left out. Throws `invalid` where none is left.
 */
export function cookiesFrom(text: string, domain: string): StoredCookie[] {
  const all = text.trim().startsWith('[') ? fromJson(text) : fromLines(text)
  const own = all.filter((cookie) => covers(domain, cookie.domain.replace(/^\./, '')))
  if (own.length === 0)
    throw invalidField('cookies', `There is no cookie of ${domain} in it. Paste a cookies.txt or JSON export.`)
  if (own.length > MOST) throw invalidField('cookies', `At most ${MOST} cookies are kept of a site.`)
  return own
}

function fromJson(text: string): StoredCookie[] {
  const parsed = Exported().safeParse(jsonOf(text))
  if (!parsed.success) throw invalidField('cookies', 'This is no list of cookies with name, value and domain.')
  return parsed.data.map(({ expires, expirationDate, sameSite, ...cookie }) => ({
    ...cookie,
    expires: Math.floor(expires ?? expirationDate ?? -1),
    sameSite: siteRule(sameSite ?? ''),
  }))
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function fromLines(text: string): StoredCookie[] {
  return text.split(/\r?\n/).flatMap((line): StoredCookie[] => {
    const httpOnly = line.startsWith('#HttpOnly_')
    const [domain, , path, secure, expires, name, value = ''] = line.replace(/^#HttpOnly_/, '').split('\t')
    if (!domain || domain.startsWith('#') || !name) return []
    const until = Number(expires) > 0 ? Number(expires) : -1
    return [
      { name, value, domain, path: path || '/', expires: until, httpOnly, secure: secure === 'TRUE', sameSite: 'Lax' },
    ]
  })
}

function siteRule(text: string): StoredCookie['sameSite'] {
  if (/^strict$/i.test(text)) return 'Strict'
  return /^(none|no_restriction)$/i.test(text) ? 'None' : 'Lax'
}
