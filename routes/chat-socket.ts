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
import type { Who } from '../services/who.ts'
import { identify, isSameOrigin, keyOf, type SessionHandler } from './auth.ts'
import { converse } from './chat-conversation.ts'
import { asAppError, STATUS } from './errors.ts'
import { hostRefusal, isKnownHost } from './hosts.ts'

/** Room for 20 MiB of attachments in base64, and for saying in a frame that it was too much. */
const LARGEST_FRAME = 48 * 1024 * 1024
const LONGEST_PATH = 4096
const LOOK_MS = 1_000

/** How long a socket may take to answer a close before it is cut. */
const FAREWELL_MS = 500

export type ChatSocketDeps = { services: Services; config: Config; log: Log; session: SessionHandler }

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

  services.endings.listen((ending) => {
    for (const [socket, who] of open) if (concerns(ending, who)) farewell(socket, 1008, 'Signed out')
  })

  server.on('upgrade', (req, stream, head) => {
    stream.on('error', (error) => log.debug({ err: error }, 'upgrade broke'))
    admit(req, deps)
      .then(({ who, conversationId, after }) => {
        sockets.handleUpgrade(req, stream, head, (socket) => {
          open.set(socket, who)
          socket.on('close', () => open.delete(socket))
          converse(socket, { who, conversationId, after, stream }, deps)
        })
      })
      .catch((error: unknown) =>
        refuse(
          stream,
          asAppError(error, (bug) => log.error({ err: bug }, 'upgrade failed')),
        ),
      )
  })

  // @NOTE nobody says when a key runs out, so it is looked at; whatever else ends is told at once.
  const timer = setInterval(() => {
    for (const [socket, who] of open)
      if (who.via === 'key' && !who.fresh()) farewell(socket, 1008, 'This key has ended')
  }, LOOK_MS).unref()

  return () => {
    clearInterval(timer)
    for (const socket of open.keys()) farewell(socket, 1001, 'The server is stopping')
  }
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

function refuse(stream: Duplex, error: AppError): void {
  const body = JSON.stringify({ error: error.message, code: error.code })
  stream.end(
    `HTTP/1.1 ${STATUS[error.code]} Refused\r\nContent-Type: application/json; charset=utf-8\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
  )
}
