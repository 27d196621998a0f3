import { AppError } from '../errors.ts'
import { normaliseUrl } from '../outgoing/addresses.ts'
import type { Outgoing } from '../outgoing/client.ts'
import { isRecord } from '../shapes/record.ts'
import type { Find } from '../web/duckduckgo.ts'
import type { PageReader } from '../web/reader.ts'

/** Which engine answers searches. Brave and SearXNG are set up by an admin, so they are reached as they are. */
export type SearchEngine =
  { kind: 'duckduckgo' } | { kind: 'brave'; apiKey: string } | { kind: 'searxng'; baseUrl: string }

/** Where the public engines are. */
export const ENDPOINTS = {
  duckduckgo: 'https://html.duckduckgo.com/html/',
  brave: 'https://api.search.brave.com/res/v1/web/search',
}

export type SearchDeps = {
  outgoing: Pick<Outgoing, 'get'>
  reader: Pick<PageReader, 'results'>
  endpoints: typeof ENDPOINTS
}

const TIMEOUT_MS = 20_000
const ANOTHER_ENGINE =
  'Store a Brave Search key as the credential system:brave_api_key, or the address of a SearXNG server as ' +
  'system:searxng_url, to search with that instead.'

export type Query = { text: string; count: number; signal: AbortSignal }

/** The engine as people know it. */
export const ENGINE_NAMES = { duckduckgo: 'DuckDuckGo', brave: 'Brave', searxng: 'SearXNG' }

/** The engine that the owner's credentials set up; DuckDuckGo where none does. */
export function configuredEngine(find: (key: string) => string | undefined): SearchEngine {
  const baseUrl = find('system:searxng_url')
  const apiKey = find('system:brave_api_key')
  if (baseUrl !== undefined) return { kind: 'searxng', baseUrl }
  return apiKey === undefined ? { kind: 'duckduckgo' } : { kind: 'brave', apiKey }
}

/** The host that will be told the query. */
export function engineHost(engine: SearchEngine, endpoints: typeof ENDPOINTS): string {
  return new URL(engine.kind === 'searxng' ? searxngUrl(engine.baseUrl) : endpoints[engine.kind]).host
}

/**
 * Asks the engine and gives what it found, web addresses only, each once and normalised. Throws AppError
 * `upstream_refused`, `rate_limited` or `upstream_failed` with what to do.
 */
export async function searchWith(engine: SearchEngine, query: Query, deps: SearchDeps): Promise<Find[]> {
  const finds = new Map<string, Find>()
  for (const find of await ask(engine, query, deps)) {
    const url = normaliseUrl(find.url)
    if (url !== undefined && !finds.has(url)) finds.set(url, { ...find, url })
  }
  return [...finds.values()].slice(0, query.count)
}

function ask(engine: SearchEngine, query: Query, deps: SearchDeps): Promise<Find[]> {
  if (engine.kind === 'brave') return askBrave(engine, query, deps)
  return engine.kind === 'searxng' ? askSearxng(engine, query) : askDuckDuckGo(query, deps)
}

async function askDuckDuckGo({ text, signal }: Query, deps: SearchDeps): Promise<Find[]> {
  const url = new URL(deps.endpoints.duckduckgo)
  url.searchParams.set('q', text)
  const { host } = url
  const answer = await deps.outgoing.get(url.href, {
    signal,
    accept: 'text/html',
    decideHop: (hop) => ({ decision: new URL(hop).host === host ? 'allow' : 'deny', rule: '7', reason: '' }),
  })
  if (answer.status === 429 || answer.status === 403) throw refusedByDuckDuckGo()
  const page = await deps.reader.results(answer.body.toString('utf8'), signal)
  if (page.kind === 'refused') throw refusedByDuckDuckGo()
  if (page.kind === 'found' && answer.status === 200) return page.finds
  throw new AppError('upstream_failed', `DuckDuckGo did not answer as expected (${answer.status}). ${ANOTHER_ENGINE}`)
}

async function askBrave({ apiKey }: { apiKey: string }, query: Query, deps: SearchDeps): Promise<Find[]> {
  const url = new URL(deps.endpoints.brave)
  url.searchParams.set('q', query.text)
  url.searchParams.set('count', String(query.count))
  const brave = { name: 'Brave', hint: 'Check the credential system:brave_api_key.' }
  if (!/^[\x21-\x7e]+$/.test(apiKey)) throw new AppError('upstream_refused', `This is no key of Brave. ${brave.hint}`)
  const init = { headers: { 'x-subscription-token': apiKey }, redirect: 'error', signal: query.signal } as const
  const answer = await getJson(url, init, brave)
  return listIn(answer, 'web', 'results').map((entry) => findOf(entry, 'description'))
}

async function askSearxng({ baseUrl }: { baseUrl: string }, { text, signal }: Query): Promise<Find[]> {
  const url = new URL(searxngUrl(baseUrl))
  url.searchParams.set('q', withoutBangs(text))
  url.searchParams.set('format', 'json')
  const hint = 'Its settings.yml must list json under search.formats, and system:searxng_url must be its address.'
  const answer = await getJson(url, { signal, redirect: 'error' }, { name: 'SearXNG', hint })
  return listIn(answer, 'results').map((entry) => findOf(entry, 'content'))
}

/** `!` and `!!` words make SearXNG ask, or send on to, an engine that nobody here configured. */
function withoutBangs(text: string): string {
  return text.replace(/(^|\s)!+/g, '$1')
}

function searxngUrl(baseUrl: string): string {
  if (URL.canParse(baseUrl)) return new URL('search', baseUrl.endsWith('/') ? baseUrl : `${baseUrl}/`).href
  throw new AppError('upstream_refused', 'The credential system:searxng_url holds no web address.')
}

type Init = { headers?: Record<string, string>; redirect?: 'error'; signal: AbortSignal }

async function getJson(url: URL, init: Init, { name, hint }: { name: string; hint: string }): Promise<unknown> {
  const signal = AbortSignal.any([init.signal, AbortSignal.timeout(TIMEOUT_MS)])
  try {
    const response = await fetch(url, { ...init, signal })
    if (!response.ok) throw refusal(response, name, hint)
    return await response.json()
  } catch (error) {
    init.signal.throwIfAborted()
    if (error instanceof AppError) throw error
    if (error instanceof SyntaxError) throw new AppError('upstream_failed', `${name} did not answer with JSON. ${hint}`)
    throw new AppError('upstream_failed', `${name} could not be reached at ${url.host}. ${hint}`, { cause: error })
  }
}

function refusal(response: Response, name: string, hint: string): AppError {
  const { status, headers } = response
  if (status !== 429) return new AppError('upstream_refused', `${name} refused the search (${status}). ${hint}`)
  const seconds = Number(headers.get('retry-after')) || 60
  return new AppError('rate_limited', `${name} takes no more searches for the moment.`, { retryAfter: seconds })
}

function refusedByDuckDuckGo(): AppError {
  return new AppError('upstream_refused', `DuckDuckGo wants a proof that a person is searching. ${ANOTHER_ENGINE}`)
}

function listIn(answer: unknown, ...keys: string[]): Record<string, unknown>[] {
  const value = keys.reduce<unknown>((inner, key) => (isRecord(inner) ? inner[key] : undefined), answer)
  return Array.isArray(value) ? value.filter(isRecord) : []
}

function findOf(entry: Record<string, unknown>, snippet: string): Find {
  return { title: plain(entry.title), url: String(entry.url), snippet: plain(entry[snippet]) }
}

const ENTITIES: Record<string, string> = { amp: '&', lt: '<', gt: '>', quot: '"', '#39': "'", '#x27': "'", nbsp: ' ' }

/** Engines mark the words that were found with tags. */
function plain(value: unknown): string {
  const text = typeof value === 'string' ? value.replace(/<\/?[a-z]+>/gi, '') : ''
  return text.replace(/&(amp|lt|gt|quot|#39|#x27|nbsp);/g, (_, name: string) => ENTITIES[name]!)
}
