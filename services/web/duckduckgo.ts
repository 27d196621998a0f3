import { parseHtml, type PageElement } from './html.ts'

/** One find of a search engine, as the engine wrote it. */
export type Find = { title: string; url: string; snippet: string }

/**
 * What DuckDuckGo's page without scripts says: what it found (perhaps nothing), that it wants a proof that a person is
 * searching, or something we do not know.
 */
export type ResultPage = { kind: 'found'; finds: Find[] } | { kind: 'refused' } | { kind: 'unknown' }

/** Reads the results of https://html.duckduckgo.com/html/ without its advertisements. */
export async function resultsOf(html: string): Promise<ResultPage> {
  const document = await parseHtml(html)
  const results = Array.from(document.querySelectorAll('.result:not(.result--ad)'), findOf)
  const finds = results.filter((find) => find !== undefined)
  if (finds.length > 0) return { kind: 'found', finds }
  if (document.querySelector('.anomaly-modal__title, #challenge-form, form[action*="anomaly"]'))
    return { kind: 'refused' }
  return /no-?\s*results?/i.test(html) ? { kind: 'found', finds } : { kind: 'unknown' }
}

function findOf(result: PageElement): Find | undefined {
  const link = result.querySelector('a.result__a')
  const url = targetOf(link?.getAttribute('href') ?? '')
  if (!link || url === undefined) return undefined
  return { title: link.textContent, url, snippet: result.querySelector('.result__snippet')?.textContent ?? '' }
}

/** Links go through DuckDuckGo's counter (`/l/?uddg=…`), advertisements through `/y.js`. */
function targetOf(href: string): string | undefined {
  const here = 'https://duckduckgo.com/'
  if (!URL.canParse(href, here)) return undefined
  const url = new URL(href, here)
  if (!/(^|\.)duckduckgo\.com$/.test(url.hostname)) return url.href
  return url.pathname === '/l/' ? (url.searchParams.get('uddg') ?? undefined) : undefined
}
