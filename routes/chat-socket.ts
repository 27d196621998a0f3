import { ServerResponse, type IncomingMessage, type Server } from 'node:http'
import type { Duplex } from 'node:stream'
import type { Request, Response } from 'express'
import { WebSocketServer, type WebSocket } from 'ws'
import type { Config } from '../services/config.ts'
import { concerns } from '../services/endings.ts'
import { AppError } from '../services/errors.ts'
import { isUuid } from '../services/ids.ts'
import type { Services } from '../services/index.ts'
import type { Log } from '../services/log.ts'
import { effectiveScopes } from '../services/shapes/api-key.ts'
import { inRequest, type RequestPlace } from '../services/request-context.ts'
import type { Who } from '../services/who.ts'
import { requestIdOf } from './attendance.ts'
import { identify, isSameOrigin, keyOf, type SessionHandler } from './auth.ts'
import { converse } from './chat-conversation.ts'
import { asAppError, STATUS } from './errors.ts'
import { hostRefusal, isKnownHost } from './hosts.ts'

/** Room for 20 MiB of attachments in base64, and for saying in a frame that it was too much. */
const LARGEST_FRAME = 48 * 1024 * 1024
const LONGEST_PATH = 4096
const LOOK_MS = 900

/** Refusals that count against an address. */
const STRIKES: ReadonlySet<string> = new Set(['unauthorized', 'cross_origin', 'misdirected', 'not_found'])

/** How long a socket may take to answer a close before it is cut. */
const FAREWELL_MS = 500

/** `vouch` says of a connection that somebody is known on it; `addressOf` is where a request comes from. */
export type ChatSocketDeps = {
  services: Services
  config: Config
  log: Log
  session: SessionHandler
  vouch: (stream: Duplex) => void
  addressOf: (req: IncomingMessage) => string
}

/**
 * `/ws/{session_id}`: conversations over a socket. Whoever may not have one is refused at the upgrade, with the status and
 * sentence that HTTP would give, and no socket exists. Returns how to close them all.
 */
export function serveChat(server: Server, deps: ChatSocketDeps): () => void {
  const { services, log } = deps
  const sockets = new WebSocketServer({
    noServer: true,
    maxPayload: LARGEST_FRAME,
    perMessageDeflate: false,
    clientTracking: false,
  })
  const open = new Map<WebSocket, Who>()
  const requests = new WeakMap<IncomingMessage, RequestPlace>()

  services.endings.listen((ending) => {
    for (const [socket, who] of open) if (concerns(ending, who)) farewell(socket, 1008, 'Signed out')
  })

  server.on('upgrade', (req, stream, head) => {
    const request = { id: requestIdOf(req), over: false }
    requests.set(req, request)
    stream.on('error', (error) => log.debug({ err: error, request_id: request.id }, 'upgrade broke'))
    inRequest(request, () => admit(req, deps))
      .then(({ who, conversationId, after }) => {
        sockets.handleUpgrade(req, stream, head, (socket) => {
          deps.vouch(stream)
          open.set(socket, who)
          const closed = services.tallies.socket()
          socket.on('close', () => (open.delete(socket), closed()))
          converse(
            socket,
            { who, conversationId, after, stream },
            { ...deps, log: log.child({ request_id: request.id }) },
          )
        })
      })
      .catch(async (error: unknown) => {
        const refusal = asAppError(error, (bug) => log.error({ err: bug, request_id: request.id }, 'upgrade failed'))
        refuse(stream, await struck(refusal, req, deps), request.id)
      })
      .catch((error: unknown) => stream.destroy(error as Error))
      .finally(() => void (request.over = true))
  })
  sockets.on('headers', (headers, req) => void headers.push(`X-Request-Id: ${requests.get(req)?.id ?? ''}`))
  sockets.on('wsClientError', (_error, stream, req) =>
    refuse(
      stream,
      new AppError('invalid', 'That is no request for a WebSocket of version 13.'),
      requests.get(req)?.id ?? '',
    ),
  )

  // @NOTE nobody says when a key runs out or a row is changed by hand, so it is looked at; other endings are told at once.
  const timer = setInterval(() => {
    for (const socket of ended(open)) farewell(socket, 1008, 'This key or session has ended')
  }, LOOK_MS).unref()

  return () => {
    clearInterval(timer)
    for (const socket of open.keys()) farewell(socket, 1001, 'The server is stopping')
  }
}

/** The sockets of keys, sessions and users that are there no longer; each is looked up once. */
function ended(open: ReadonlyMap<WebSocket, Who>): WebSocket[] {
  const seen = new Map<string, boolean>()
  return [...open].flatMap(([socket, who]) => {
    const right = who.via === 'key' ? who.keyId : who.sessionId
    if (!seen.has(right)) seen.set(right, who.fresh() !== undefined)
    return seen.get(right) ? [] : [socket]
  })
}

/** Closes a socket, also one whose other side does not answer. */
function farewell(socket: WebSocket, code: number, reason: string): void {
  socket.close(code, reason)
  setTimeout(() => socket.terminate(), FAREWELL_MS).unref()
}

type Admitted = { who: Who; conversationId: string; after: number | undefined }

async function admit(req: IncomingMessage, deps: ChatSocketDeps): Promise<Admitted> {
  const { services, config } = deps
  if (!isKnownHost(req.headers.host, config)) throw hostRefusal(req.headers.host)
  const url = URL.parse(`http://host${(req.url ?? '').slice(0, LONGEST_PATH)}`)
  const conversationId = /^\/ws\/([^/]+)$/.exec(url?.pathname ?? '')?.[1]?.toLowerCase()
  if (!url || conversationId === undefined) throw new AppError('not_found', 'There is no socket at this path.')
  const who = await recognise(req, url.searchParams.get('ticket'), deps)
  if (who.via === 'key' && !effectiveScopes(who.scopes).has('read'))
    throw new AppError('forbidden', 'This API key lacks the scope read.')
  services.who.noteUse(who, ['run', 'read'])
  if (!isUuid(conversationId)) throw new AppError('invalid', 'The session id must be a UUID.')
  const known = services.conversations.find(conversationId)
  if (known && known.userId !== who.user.id) throw new AppError('not_found', 'There is no such conversation.')
  return { who, conversationId, after: cursor(url.searchParams.get('after')) }
}

async function recognise(req: IncomingMessage, ticket: string | null, deps: ChatSocketDeps): Promise<Who> {
  const { services, config } = deps
  if (services.setup.needed()) throw new AppError('setup_required', 'Steward is not set up yet.')
  if (keyOf(req) === undefined && !isSameOrigin(req, config))
    throw new AppError('cross_origin', 'This socket was asked for by another site and was refused.')
  if (ticket === null && keyOf(req) === undefined) await loadSession(req, deps.session)
  const who = ticket === null ? identify(req as Request, services) : services.tickets.redeem(ticket)
  if (!who)
    throw new AppError(
      'unauthorized',
      ticket === null ? 'Sign in first.' : 'That ticket is used up or too old. Ask for a new one.',
    )
  return who
}

/** Runs the cookie session over an upgrade, which has no response of its own. */
function loadSession(req: IncomingMessage, session: SessionHandler): Promise<void> {
  return new Promise((resolve, reject) => {
    Object.assign(req, { originalUrl: req.url })
    session(req as Request, new ServerResponse(req) as Response, (error?: unknown) =>
      error ? reject(error as Error) : resolve(),
    )
  })
}

function cursor(text: string | null): number | undefined {
  if (text === null) return undefined
  if (/^\d{1,15}$/.test(text)) return Number(text)
  throw new AppError('invalid', '"after" must be the seq of a frame.')
}

/** What strangers are told, who after too many refusals are told to wait. */
async function struck(refusal: AppError, req: IncomingMessage, deps: ChatSocketDeps): Promise<AppError> {
  if (!STRIKES.has(refusal.code)) return refusal
  return deps.services.socketLimits.strike(deps.addressOf(req)).then(
    () => refusal,
    (tooMany: AppError) => tooMany,
  )
}

function refuse(stream: Duplex, error: AppError, requestId: string): void {
  const body = JSON.stringify({ error: error.message, code: error.code })
  const headers = {
    'Content-Type': 'application/json; charset=utf-8',
    'Content-Length': Buffer.byteLength(body),
    'Cache-Control': 'no-store',
    'X-Content-Type-Options': 'nosniff',
    'X-Request-Id': requestId,
    ...(error.retryAfter === undefined ? {} : { 'Retry-After': error.retryAfter }),
    Connection: 'close',
  }
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`)
  stream.end([`HTTP/1.1 ${STATUS[error.code]} Refused`, ...lines, '', body].join('\r\n'))
}
