import { lookup as systemLookup } from 'node:dns/promises'
import type { LookupAddress, SrvRecord } from 'node:dns'
import { once } from 'node:events'
import { connect as connectSocket, isIP, type LookupFunction, type Socket } from 'node:net'
import type { Agent, buildConnector } from 'undici'
import { AppError } from '../errors.ts'
import { isInside, isPublicAddress, ownNetworks } from './ranges.ts'
import { bareHost, isLocalName } from './addresses.ts'

/** Resolves a name to all its addresses; rejects as `dns.lookup` does. */
export type Lookup = (name: string) => Promise<LookupAddress[]>

/** Where a service of a domain is (RFC 2782); rejects as `dns.resolveSrv` does. */
export type LookupService = (name: string) => Promise<SrvRecord[]>

/** What stands between the house and the network: who resolves names (the system), and how long a request may take (20 s). */
export type NetworkEdge = { lookup?: Lookup; lookupService?: LookupService; deadlineMs?: number }

export const lookupAll: Lookup = (name) => systemLookup(name, { all: true })

/** The answer to an address that only this house, machine or data centre can reach. */
export function privateAddress(host: string): AppError {
  return new AppError(
    'forbidden',
    `${host} is a private address; only addresses on the open internet are opened here. Use a public address instead.`,
  )
}

/**
 * An undici agent that resolves each name itself, drops every address that is not public, and connects to exactly what
 * is left. Hosts in `allowed` (spelled as `hostKey` does) are connected to wherever they are. Every request has its
 * own connection, so no answer of yesterday's name server is ever used again. `onConnected` is told once a connection
 * stands (with TLS, after its handshake): until then not a byte of a request has left. `ca`: PEM of an authority that is
 * trusted in place of the system's.
 */
export async function openAgent(
  allowed: Pick<ReadonlySet<string>, 'has'>,
  lookup: Lookup,
  timeoutMs: number,
  onConnected: () => void = () => {},
  ca?: string | undefined,
): Promise<Agent> {
  const { default: undici } = await import('undici')
  const base = {
    timeout: timeoutMs,
    allowH2: false,
    autoSelectFamily: true,
    autoSelectFamilyAttemptTimeout: 1_000,
    ...(ca === undefined ? {} : { ca }),
  }
  const open = undici.buildConnector({ ...base, lookup: asSocketLookup(lookup) })
  const guarded = undici.buildConnector({ ...base, lookup: asSocketLookup(onlyPublic(lookup)) })
  const connect: buildConnector.connector = (options, done) => {
    const callback: buildConnector.Callback = (...result) => {
      if (result[0] === null) onConnected()
      done(...result)
    }
    const host = bareHost(options.hostname)
    if (allowed.has(keyOf(options))) open(options, callback)
    else if (isClosed(host)) callback(privateAddress(host), null)
    else guarded(options, callback)
  }
  return new undici.Agent({ connect, pipelining: 0, maxHeaderSize: 64 * 1024, headersTimeout: 0, bodyTimeout: 0 })
}

function keyOf({ hostname, protocol, port }: buildConnector.Options): string {
  const host = isIP(hostname) === 6 ? `[${hostname}]` : hostname
  return `${host}:${port || (protocol === 'https:' ? '443' : '80')}`
}

/** Known without asking a name server; sockets never ask one for an address. */
function isClosed(host: string): boolean {
  return isIP(host) === 0 ? isLocalName(host) : !isReachable(host)
}

function onlyPublic(lookup: Lookup): Lookup {
  return async (name) => {
    const found = (await nonEmpty(lookup, name)).filter(({ address }) => isReachable(address))
    if (found.length === 0) throw privateAddress(bareHost(name))
    return found
  }
}

/**
 * One public address of a host, to be connected to as it is, so that no second look-up can answer otherwise. Throws
 * `forbidden` for a host inside the house, and what the name server says.
 */
export async function publicAddressOf(host: string, lookup: Lookup = lookupAll): Promise<string> {
  if (isClosed(host)) throw privateAddress(host)
  if (isIP(host) !== 0) return host
  return (await onlyPublic(lookup)(host))[0]!.address
}

/**
 * A plain connection to a host and port, under the same checks as every other: for what speaks its own protocol over it.
 * Throws `forbidden` for a host inside the house, and what the network says.
 */
export async function openSocket(
  { host, port }: { host: string; port: number },
  allowed: Pick<ReadonlySet<string>, 'has'>,
  lookup: Lookup,
  timeoutMs: number,
): Promise<Socket> {
  const bare = bareHost(host)
  const isAllowed = allowed.has(`${isIP(bare) === 6 ? `[${bare}]` : bare}:${port}`)
  if (!isAllowed && isClosed(bare)) throw privateAddress(bare)
  const found = asSocketLookup(isAllowed ? lookup : onlyPublic(lookup))
  const family = { autoSelectFamily: true, autoSelectFamilyAttemptTimeout: 1_000 }
  const socket = connectSocket({ host: bare, port, lookup: found, ...family })
  const late = setTimeout(() => socket.destroy(Object.assign(new Error('too slow'), { code: 'ETIMEDOUT' })), timeoutMs)
  try {
    await once(socket, 'connect')
    return socket
  } finally {
    clearTimeout(late)
  }
}

function isReachable(address: string): boolean {
  return isPublicAddress(address) && !isInside(address, ownNetworks())
}

function asSocketLookup(lookup: Lookup): LookupFunction {
  return (name, options, callback) => {
    nonEmpty(lookup, name).then(
      (found) => (options.all ? callback(null, found) : callback(null, found[0]!.address, found[0]!.family)),
      (error: NodeJS.ErrnoException) => callback(error, []),
    )
  }
}

async function nonEmpty(lookup: Lookup, name: string): Promise<LookupAddress[]> {
  const found = await lookup(name)
  if (found.length === 0) throw Object.assign(new Error(`${name} has no address`), { code: 'ENOTFOUND' })
  return found
}
