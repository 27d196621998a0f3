import type { IncomingMessage, Server, ServerOptions, ServerResponse } from 'node:http'
import { STATUS_CODES } from 'node:http'
import type { Duplex } from 'node:stream'
import type { Response } from 'express'
import type { Config } from '../services/config.ts'
import { networkOf } from '../services/sign-in-limits.ts'

/** Connections in all; what comes beyond is closed unheard. */
const MOST_CONNECTIONS = 4_000
/** Connections of one address (IPv6: of one /64) on which nobody has shown yet who they are. */
const MOST_STRANGERS = 128
/** The same for this machine itself, whose scripts may come in crowds. */
const MOST_FROM_HERE = 2_000
const HERE = new Set(['127.0.0.1', '::1', '::ffff:127.0.0.1'])

/** How long a request may take to arrive, and how much its headers may hold: nobody keeps a place by dawdling (slow loris). */
export const SERVER_OPTIONS: ServerOptions = {
  headersTimeout: 15_000,
  requestTimeout: 60_000,
  connectionsCheckingInterval: 5_000,
  maxHeaderSize: 16 * 1024,
}

/** Connections on which a request of somebody known goes on that may take longer to arrive. */
const patient = new WeakSet<Duplex>()

/** A request that may take longer than others to arrive, as uploads do; its own handler sees that it does not stand still. */
export function mayTakeLong(req: IncomingMessage): void {
  patient.add(req.socket)
  req.once('close', () => patient.delete(req.socket))
}

const REFUSALS: Record<string, number> = { ERR_HTTP_REQUEST_TIMEOUT: 408, HPE_HEADER_OVERFLOW: 431 }

/** Answers what is no request, or did not arrive in time, as Node does by itself; but not where time was given. */
export function refuseBroken(server: Server): void {
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    const status = REFUSALS[error.code ?? ''] ?? 400
    if (status === 408 && patient.has(socket)) return
    if (!socket.writable || (socket as { _httpMessage?: ServerResponse })._httpMessage?.headersSent)
      return void socket.destroy(error)
    socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nConnection: close\r\n\r\n`)
  })
}

/**
 * Bounds what strangers can hold open. Returns `vouch`: a connection it was called for counts no longer, because somebody
 * was recognised on it; answers to people who are known vouch for theirs. Behind a proxy (TRUST_PROXY) every connection
 * is the proxy's, so there only the total is bounded.
 */
export function boundStrangers(server: Server, { trustProxy }: Pick<Config, 'trustProxy'>): (stream: Duplex) => void {
  const strangers = new Map<Duplex, string>()
  const counts = new Map<string, number>()
  server.maxConnections = MOST_CONNECTIONS

  function vouch(stream: Duplex): void {
    const network = strangers.get(stream)
    if (network === undefined) return
    strangers.delete(stream)
    const left = counts.get(network)! - 1
    if (left === 0) counts.delete(network)
    else counts.set(network, left)
  }

  if (trustProxy !== false) return vouch
  server.on('connection', (socket) => {
    const address = socket.remoteAddress ?? ''
    const network = networkOf(address)
    const count = counts.get(network) ?? 0
    if (count >= (HERE.has(address) ? MOST_FROM_HERE : MOST_STRANGERS)) return void socket.destroy()
    counts.set(network, count + 1)
    strangers.set(socket, network)
    socket.once('close', () => vouch(socket))
  })
  server.on('request', (req: IncomingMessage, res: ServerResponse) =>
    res.once('finish', () => isKnown(res) && vouch(req.socket)),
  )
  return vouch
}

function isKnown(res: ServerResponse): boolean {
  return (res as Response).locals?.who !== undefined
}
