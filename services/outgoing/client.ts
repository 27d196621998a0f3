import type { Dispatcher } from 'undici'
import type { Verdict } from '../agent/tool.ts'
import { AppError } from '../errors.ts'
import { lazy } from '../shapes/lazy.ts'
import { ACCEPTED_ENCODINGS, discard, readBody } from './body.ts'
import { lookupAll, openAgent, type Lookup } from './connect.ts'
import { explained } from './faults.ts'
import { hostKeys, normaliseUrl } from './addresses.ts'

const MAX_REDIRECTS = 5
const MAX_BYTES = 5 * 1024 * 1024
const REDIRECTS = new Set([301, 302, 303, 307, 308])

export type GetOptions = {
  signal: AbortSignal
  /** Decides every redirect before it is followed. */
  decideHop: (url: string) => Verdict
  accept?: string
  /** How much of the unpacked body is read; 5 MiB when absent. */
  maxBytes?: number
}

/** An answer, whatever its status. `url` is the one that gave it, after all redirects that were followed. */
export type Answer = {
  url: string
  status: number
  contentType: string
  body: Buffer
  /** There was more than `maxBytes`. */
  truncated: boolean
  /** Where the server sends on to, when that was not allowed; the body is empty then. */
  redirect?: { to: string; verdict: Verdict }
}

export type Outgoing = ReturnType<typeof createOutgoing>

/**
 * The guarded HTTP client: for every URL that a model chose or that stood in text of others (SECURITY.md, "Outgoing
 * requests"). It never reaches a private address unless `allowedPrivateHosts` names its `host:port`, never sends
 * cookies or credentials, and gives up after 20 seconds, 5 redirects or 5 MiB. undici is loaded with the first request.
 */
export function createOutgoing({
  allowedPrivateHosts,
  version,
  lookup = lookupAll,
  deadlineMs = 20_000,
}: {
  allowedPrivateHosts: ReadonlySet<string>
  version: string
  lookup?: Lookup
  deadlineMs?: number
}) {
  let opened = false
  const agent = lazy(() => {
    opened = true
    return openAgent(hostKeys(allowedPrivateHosts), lookup, deadlineMs)
  })

  async function request(url: string, { signal, accept = '*/*' }: GetOptions): Promise<Dispatcher.ResponseData> {
    const { origin, pathname, search } = new URL(url)
    const headers = {
      'user-agent': `Steward/${version} (+self-hosted personal agent)`,
      accept,
      'accept-encoding': ACCEPTED_ENCODINGS,
    }
    return (await agent()).request({ origin, path: pathname + search, method: 'GET', headers, signal })
  }

  async function follow(start: string, options: GetOptions): Promise<Answer> {
    let url = start
    for (let hop = 0; hop <= MAX_REDIRECTS; hop++) {
      const response = await request(url, options)
      const location = REDIRECTS.has(response.statusCode) && first(response.headers.location)
      if (!location) return await finished(url, response, options)
      discard(response.body)
      const to = target(location, url)
      const verdict = hop < MAX_REDIRECTS ? options.decideHop(to) : undefined
      if (verdict && verdict.decision !== 'allow') return sentOn(url, response.statusCode, { to, verdict })
      url = to
    }
    throw new AppError('upstream_failed', `${new URL(start).host} redirects more than ${MAX_REDIRECTS} times.`)
  }

  /**
   * Gets one address that was already decided on. Throws AppError: `invalid` for what is no web address, `forbidden`
   * for private ones, `too_large` and `upstream_failed` with what went wrong; or the reason of the caller's signal.
   */
  async function get(url: string, options: GetOptions): Promise<Answer> {
    const start = normaliseUrl(url)
    if (start === undefined)
      throw new AppError('invalid', 'Only http and https addresses without a password are opened.')
    const deadline = AbortSignal.timeout(deadlineMs)
    try {
      return await follow(start, { ...options, signal: AbortSignal.any([options.signal, deadline]) })
    } catch (error) {
      options.signal.throwIfAborted()
      throw deadline.aborted ? tooSlow(start, deadlineMs) : explained(error, start)
    }
  }

  /** Cuts off whatever is still going. */
  async function close(): Promise<void> {
    if (opened) await (await agent()).destroy()
  }

  return { get, close }
}

async function finished(url: string, response: Dispatcher.ResponseData, options: GetOptions): Promise<Answer> {
  const { statusCode: status, headers } = response
  const encoding = [headers['content-encoding'] ?? []].flat().join(',')
  const read = await readBody(response.body, encoding, options.maxBytes ?? MAX_BYTES)
  return { url, status, contentType: first(headers['content-type']) ?? '', ...read }
}

function sentOn(url: string, status: number, redirect: { to: string; verdict: Verdict }): Answer {
  return { url, status, contentType: '', body: Buffer.alloc(0), truncated: false, redirect }
}

/** @NOTE header bytes arrive as latin1; servers write UTF-8 into Location, and browsers read it so. */
function target(location: string, from: string): string {
  const text = Buffer.from(location, 'latin1').toString('utf8')
  const to = URL.canParse(text, from) ? normaliseUrl(new URL(text, from).href) : undefined
  if (to !== undefined) return to
  throw new AppError('upstream_failed', `${new URL(from).host} redirects to something that is no web address.`)
}

function first(header: string | string[] | undefined): string | undefined {
  return Array.isArray(header) ? header[0] : header
}

function tooSlow(url: string, deadlineMs: number): AppError {
  const { host } = new URL(url)
  return new AppError('upstream_failed', `${host} did not finish its answer within ${deadlineMs / 1000} seconds.`)
}
