import type { Dispatcher } from 'undici'
import { AppError } from '../errors.ts'
import { ACCEPTED_ENCODINGS, readBody } from './body.ts'
import { lookupAll, openAgent, type NetworkEdge } from './connect.ts'
import { explained } from './faults.ts'
import { hostKeys } from './addresses.ts'

export type OwnRequest = {
  method: string
  headers: Record<string, string>
  body?: string | undefined
  signal: AbortSignal
  /** How much of the unpacked answer is read. More of it is `too_large`. */
  maxBytes: number
  /** It may be inside the house: an administrator named it. */
  anywhere: boolean
  /** PEM of the authority that signed its certificate; the system's where absent. */
  ca?: string | undefined
}

export type OwnAnswer = { status: number; headers: Headers; body: Buffer }

/** Thrown where a request may or may not have arrived. */
export class BrokenOff extends AppError {}

export type OwnServers = ReturnType<typeof createOwnServers>

/**
 * Requests with a user's own password to a server that this user configured. Follows no redirect, gives up after 20 seconds, and
 * reaches addresses inside the house only for an administrator or where ALLOWED_PRIVATE_HOSTS names them.
 */
export function createOwnServers({
  allowedPrivateHosts,
  version,
  lookup = lookupAll,
  deadlineMs = 20_000,
}: NetworkEdge & { allowedPrivateHosts: ReadonlySet<string>; version: string }) {
  const always = hostKeys(allowedPrivateHosts)
  const everything = { has: () => true }

  /** Throws AppError with a sentence, BrokenOff once the request had begun to leave, or the reason of the signal. */
  async function request(url: string, options: OwnRequest): Promise<OwnAnswer> {
    let connected = false
    const allowed = options.anywhere ? everything : always
    const agent = await openAgent(allowed, lookup, deadlineMs, () => (connected = true), options.ca)
    const deadline = AbortSignal.timeout(deadlineMs)
    const signal = AbortSignal.any([options.signal, deadline])
    try {
      return await answered(url, await agent.request(requestOf(url, version, options, signal)), options.maxBytes)
    } catch (error) {
      options.signal.throwIfAborted()
      const fault = deadline.aborted ? tooSlow(url, deadlineMs) : explained(error, url)
      throw connected && fault.code === 'upstream_failed'
        ? new BrokenOff(fault.code, fault.message, { cause: error })
        : fault
    } finally {
      void agent.destroy()
    }
  }

  return { request }
}

function requestOf(url: string, version: string, options: OwnRequest, signal: AbortSignal): Dispatcher.RequestOptions {
  const { origin, pathname, search } = new URL(url)
  const headers = {
    'user-agent': `Steward/${version} (+self-hosted personal agent)`,
    'accept-encoding': ACCEPTED_ENCODINGS,
    ...options.headers,
  }
  const method = options.method as Dispatcher.HttpMethod
  return { origin, path: pathname + search, method, headers, body: options.body ?? null, signal }
}

async function answered(url: string, response: Dispatcher.ResponseData, maxBytes: number): Promise<OwnAnswer> {
  const headers = new Headers()
  for (const [name, value] of Object.entries(response.headers))
    if (value !== undefined) headers.set(name, [value].flat().join(', '))
  const { body, truncated } = await readBody(response.body, headers.get('content-encoding') ?? '', maxBytes)
  if (truncated)
    throw new AppError(
      'too_large',
      `${new URL(url).host} answered with more than ${Math.round(maxBytes / 1024 / 1024)} MiB.`,
    )
  return { status: response.statusCode, headers, body }
}

function tooSlow(url: string, deadlineMs: number): AppError {
  const { host } = new URL(url)
  return new AppError('upstream_failed', `${host} did not finish its answer within ${deadlineMs / 1000} seconds.`)
}
