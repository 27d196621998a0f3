import { normaliseUrl } from '../outgoing/addresses.ts'

/** Where a token ends (security design, rule 7): white space, quotes, backticks and brackets. */
const BETWEEN_TOKENS = /[\s"'`<>(){}[\]“”„‘’«»]+/u

/** Words of the owner that open the whole web (Tier 2) for a conversation. */
const WEB_WORDS = /\b(web|online|internet|search for|look up)\b/i

/**
 * The URLs that stand in a text as whole tokens, normalised (WHATWG). A sentence's closing punctuation behind a URL is no
 * part of what was meant, so the token is taken with and without it.
 */
export function urlsIn(text: string): string[] {
  const tokens = text.split(BETWEEN_TOKENS).filter((token) => /^https?:\/\//i.test(token))
  const variants = tokens.flatMap((token) => [token, token.replace(/[.,;:!?]+$/, '')])
  return [...new Set(variants.map(normaliseUrl).filter((url) => url !== undefined))]
}

/** Whether the owner's words ask for the web: a URL or one of the documented words. */
export function asksForWeb(text: string): boolean {
  return WEB_WORDS.test(text) || urlsIn(text).length > 0
}
