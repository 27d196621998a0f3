import type { Dispatcher } from 'undici'
import { AppError } from '../errors.ts'
import { hostKey, hostKeys, normaliseUrl } from './addresses.ts'
import { ACCEPTED_ENCODINGS, readBody } from './body.ts'
import { lookupAll, openAgent, type Lookup } from './connect.ts'
import { reasonOf } from './faults.ts'
import { decodeText } from './text.ts'

const MAX_ANSWER_BYTES = 16 * 1024

export type SendOptions = {
  headers: Record<string, string>
  body: string
  /** The address may be a private one: somebody who may say so wrote it down. */
  privateToo: boolean
  signal: AbortSignal
  /** Asked right before the request goes out; false keeps it here. */
  begin: () => boolean
}

/**
 * What became of a request. `not_sent`: not a byte of it left, so it may be sent again (`forGood`: in vain).
 * `unknown`: it may or may not have arrived. `held`: `begin` said no.
 */
export type Sent =
  | { fate: 'answered'; status: number; retryAfter: string | undefined; text: string }
  | { fate: 'not_sent'; reason: string; forGood: boolean }
  | { fate: 'unknown'; reason: string }
  | { fate: 'held' }

export type Sender = ReturnType<typeof createSender>

/**
 * Posts to addresses that somebody configured, through the same checks as the guarded client. Never throws for what the
 * network does, follows no redirect, sends nothing twice, and gives up after 20 seconds.
 */
export function createSender({
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
  const always = hostKeys(allowedPrivateHosts)

  async function post(address: string, options: SendOptions): Promise<Sent> {
    const url = normaliseUrl(address)
    if (url === undefined) return { fate: 'not_sent', reason: 'That is no web address.', forGood: true }
    let connected = false
    const allowed = options.privateToo ? new Set([...always, hostKey(url)]) : always
    const agent = await openAgent(allowed, lookup, deadlineMs, () => (connected = true))
    const deadline = AbortSignal.timeout(deadlineMs)
    const signal = AbortSignal.any([options.signal, deadline])
    if (!options.begin()) return { fate: 'held' }
    try {
      return await answered(await agent.request(requestOf(url, version, options, signal)))
    } catch (error) {
      const reason = deadline.aborted ? tooSlow(url, deadlineMs) : reasonOf(error, url)
      return connected ? { fate: 'unknown', reason } : { fate: 'not_sent', reason, forGood: isForbidden(error) }
    } finally {
      // @NOTE an aborted request may still be connecting; nothing of it must live on.
      void agent.destroy()
    }
  }

  return { post }
}

function requestOf(url: string, version: string, options: SendOptions, signal: AbortSignal): Dispatcher.RequestOptions {
  const { origin, pathname, search } = new URL(url)
  const headers = {
    'user-agent': `Steward/${version} (+self-hosted personal agent)`,
    'accept-encoding': ACCEPTED_ENCODINGS,
    ...options.headers,
  }
  return { origin, path: pathname + search, method: 'POST', headers, body: options.body, signal }
}

/** Once there is a status, it arrived; an answer whose rest is missing or odd is an answer all the same. */
async function answered({ statusCode, headers, body }: Dispatcher.ResponseData): Promise<Sent> {
  const answer = { fate: 'answered' as const, status: statusCode, retryAfter: first(headers['retry-after']) }
  try {
    const read = await readBody(body, [headers['content-encoding'] ?? []].flat().join(','), MAX_ANSWER_BYTES)
    return { ...answer, text: decodeText({ ...read, contentType: first(headers['content-type']) ?? '' }) }
  } catch {
    return { ...answer, text: '' }
  }
}

function first(header: string | string[] | undefined): string | undefined {
  return Array.isArray(header) ? header[0] : header
}

/** The address is one that may not be reached, today or tomorrow. */
function isForbidden(error: unknown): boolean {
  return error instanceof AppError && error.code === 'forbidden'
}

function tooSlow(url: string, deadlineMs: number): string {
  return `${new URL(url).host} did not answer within ${deadlineMs / 1000} seconds.`
}
