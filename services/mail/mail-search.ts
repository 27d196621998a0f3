import { invalidField } from '../errors.ts'
import { visible } from '../policy/sanitize.ts'
import type { SearchObject } from './imap.ts'

const MOST_TERMS = 8
const GMAIL = 'X-GM-EXT-1'

/**
 * A query in words as IMAP SEARCH (RFC 3501, 6.4.4): every word, or several in quotation marks, occurs in the subject, the sender
 * or anywhere else in the mail. Gmail takes the query as its own search box does.
 */
export function searchOf(query: string, capabilities: { has: (name: string) => boolean }): SearchObject {
  const line = visible(query).replace(/\s+/g, ' ').trim()
  if (capabilities.has(GMAIL) && line !== '') return { gmraw: line }
  const terms = [...line.matchAll(/"([^"]+)"|([^\s"]+)/g)]
    .map(([, phrase, word]) => phrase ?? word!)
    .slice(0, MOST_TERMS)
  if (terms.length === 0) throw invalidField('query', 'Say what to look for.')
  const [first, ...others] = terms.map((term): SearchObject => ({
    or: [{ subject: term }, { from: term }, { text: term }],
  }))
  return others.length === 0 ? first! : { not: { or: [first!, ...others].map((not) => ({ not })) } }
}
