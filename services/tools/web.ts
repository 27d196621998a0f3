import { z } from 'zod'
import { operation, type Reach, type Tool } from '../agent/tool.ts'
import { AppError } from '../errors.ts'
import { normaliseUrl } from '../outgoing/addresses.ts'
import type { Answer, Outgoing } from '../outgoing/client.ts'
import type { Labels } from '../shapes/labels.ts'
import { lazy } from '../shapes/lazy.ts'
import type { PageText } from '../web/article.ts'
import type { Find } from '../web/duckduckgo.ts'
import { textOf } from '../web/page.ts'
import type { PageReader } from '../web/reader.ts'
import { ENDPOINTS, ENGINE_NAMES, engineHost, searchWith, type SearchEngine } from './search-engines.ts'
import { grouped, pageLine, pageOf, quoted } from './wording.ts'

const ACCEPT = 'text/html, application/xhtml+xml, text/*;q=0.9, application/json;q=0.9, */*;q=0.5'
const STRANGERS: Labels = { integrity: 'third_party', privacy: 'public' }
const READING = {
  effect: 'read',
  destructive: false,
  attendedOnly: false,
  yields: STRANGERS,
  recovery: 'redo',
} as const

type Deps = {
  outgoing: Pick<Outgoing, 'get'>
  reader: PageReader
  /** The engine of the moment. */
  searchEngine: () => SearchEngine
  endpoints?: typeof ENDPOINTS
}

/** The web: finding pages and reading them. Everything goes out through the guarded client. */
export function createWebTool({ outgoing, reader, searchEngine, endpoints = ENDPOINTS }: Deps): Tool {
  const search = operation<{ query: string; count: number }>({
    ...READING,
    description: 'Find pages',
    input: lazy(() =>
      z.strictObject({ query: z.string().trim().min(1).max(200), count: z.int().min(1).max(20).default(8) }),
    ),
    inspect: () => ({ egress: { kind: 'engine', host: engineHost(searchEngine(), endpoints) } }),
    describe: ({ query }) => `Search the web with ${ENGINE_NAMES[searchEngine().kind]} for ${quoted(query)}.`,
    run: async ({ query, count }, { signal }, reach) => {
      const engine = searchEngine()
      assertDecided(reach, engineHost(engine, endpoints))
      const finds = await searchWith(engine, { text: query, count, signal }, { outgoing, reader, endpoints })
      const summary = `${finds.length} results for ${quoted(query)}`
      const source = `the search results for ${quoted(query, 100)}`
      return { content: resultList(finds), summary, source, resultUrls: finds.map(({ url }) => url) }
    },
  })

  const fetchPage = operation<{ url: string; offset: number; max_chars: number }>({
    ...READING,
    description: 'Read a page as Markdown',
    input: lazy(() =>
      z.strictObject({
        url: z.string(),
        offset: z.int().min(0).max(1e9).default(0),
        max_chars: z.int().min(100).max(40_000).default(8000),
      }),
    ),
    inspect: ({ url }) => ({ egress: { kind: 'url', url: webAddress(url) } }),
    describe: ({ url }) => `Open the page ${quoted(normaliseUrl(url) ?? url, 300)}.`,
    run: async ({ offset, max_chars }, { signal, decideHop }, reach) => {
      const answer = await outgoing.get(decidedUrl(reach), { signal, decideHop, accept: ACCEPT })
      if (answer.redirect) return { content: redirectText(answer.redirect.to), summary: 'Redirects elsewhere' }
      const page = await textOf(answer, reader, signal)
      const summary = `${grouped(page.text.length)} characters from ${new URL(answer.url).host}`
      const source = `the page ${oneLine(answer.url, 200)}`
      return { content: pageContent(answer, page, offset, max_chars), summary, source }
    },
  })

  return { name: 'web', description: 'The web.', operations: { search, fetch_page: fetchPage } }
}

function webAddress(text: string): string {
  const url = normaliseUrl(text)
  if (url !== undefined) return url
  throw new AppError('invalid', 'Give a whole address that starts with http:// or https:// and holds no password.')
}

function decidedUrl({ egress }: Reach): string {
  if (egress?.kind !== 'url') throw new Error('A page was asked for without a decided URL.')
  return egress.url
}

/** The owner may have changed the engine while the call waited. */
function assertDecided({ egress }: Reach, host: string): void {
  if (egress?.kind === 'engine' && egress.host === host) return
  throw new AppError('conflict', 'The search engine was changed in the meantime. Search again.')
}

function redirectText(to: string): string {
  return `This page redirects to ${to}, which was not opened. Call fetch_page with that URL to ask for it.`
}

function pageContent({ url }: Answer, { title, text, cut }: PageText, offset: number, most: number): string {
  const page = pageOf(text.slice(offset, offset + most), offset, text.length)
  const head = offset === 0 && title !== '' ? `# ${oneLine(title, 300)}\n` : ''
  const warning = cut && page.next === undefined ? '\n\n[The page is too long; its end was not read.]' : ''
  return `${head}${url}\n\n${page.text}${pageLine(page, offset, text.length, 'fetch_page')}${warning}`
}

function resultList(finds: Find[]): string {
  if (finds.length === 0) return 'Nothing was found. Try other words.'
  return finds.map(resultText).join('\n\n')
}

function resultText({ title, url, snippet }: Find, index: number): string {
  const lines = [`${index + 1}. ${oneLine(title, 200) || 'Untitled'}`, url, oneLine(snippet, 400)]
  return lines.filter((line) => line !== '').join('\n')
}

function oneLine(text: string, max: number): string {
  const line = text.replace(/\s+/g, ' ').trim()
  return (line.length > max ? `${line.slice(0, max)}…` : line).toWellFormed()
}
