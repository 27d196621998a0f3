import type { IncomingMessage } from 'node:http'
import type { NextFunction, Request, RequestHandler, Response } from 'express'
import session from 'express-session'
import type { Config } from '../services/config.ts'
import { AppError } from '../services/errors.ts'
import type { Services } from '../services/index.ts'
import { effectiveScopes, type Scope } from '../services/shapes/api-key.ts'
import { SESSION_DAYS } from '../services/sessions.ts'
import type { Who } from '../services/who.ts'
import { SessionStore } from './session-store.ts'

export type SessionHandler = RequestHandler

/** What may begin or end a session, whoever asks. To every other request that brings an API key, a cookie says nothing. */
const OWN_SESSION = /^\/api\/(auth|setup)\b/i

/** The cookie session: HttpOnly, SameSite=Lax, 30 days rolling, Secure behind HTTPS (always when PUBLIC_URL says so). */
export function sessionHandler(services: Services, config: Config): SessionHandler {
  const secure = config.publicUrl?.protocol === 'https:'
  const secrets = [signingKey(services)]
  services.vault.onRotated(() => void secrets.splice(0, 1, signingKey(services)))
  const handler = session({
    name: 'steward_session',
    secret: secrets,
    store: new SessionStore(services.sessions),
    resave: false,
    saveUninitialized: false,
    rolling: true,
    cookie: {
      httpOnly: true,
      sameSite: 'lax',
      secure: secure || 'auto',
      maxAge: SESSION_DAYS * 24 * 3600_000,
      path: '/',
    },
  })
  return (req, res, next) => {
    if (keyOf(req) !== undefined && !OWN_SESSION.test(req.originalUrl)) return next()
    if (!secure) return void handler(req, res, next)
    // @NOTE PUBLIC_URL says that the outside is https, also where the proxy in front does not.
    Object.defineProperty(req, 'secure', { value: true, configurable: true })
    handler(req, res, next)
  }
}

const signingKey = ({ vault }: Services): string => vault.derive('session').toString('base64url')

/**
 * Who is asking: an API key when one is given (a wrong one is refused even beside a good cookie), else the cookie's user.
 * Undefined for nobody. User, role and active flag are read from the database each time.
 */
export function identify(
  req: IncomingMessage & { session?: Request['session']; sessionID?: string },
  services: Services,
): Who | undefined {
  const key = keyOf(req)
  if (key !== undefined) return services.who.byKey(key) ?? refuseKey()
  const userId = req.session?.userId
  return userId === undefined || req.sessionID === undefined ? undefined : services.who.bySession(req.sessionID, userId)
}

/** The API key of a request, from either header. Two that differ are refused. */
export function keyOf(req: IncomingMessage): string | undefined {
  const header = req.headers['x-api-key']
  const bearer = /^Bearer\s+(.+)$/i.exec(req.headers.authorization ?? '')?.[1]?.trim()
  const key = Array.isArray(header) ? header[0] : header
  if (key !== undefined && bearer !== undefined && key !== bearer) refuseKey()
  return key ?? bearer
}

function refuseKey(): never {
  throw new AppError('unauthorized', 'That API key is not valid. It may have been removed or have expired.')
}

/** Throws where the asker may not do what needs `role` or, by key, one of `scopes`. */
export function permit(
  who: Who | undefined,
  need: { role: 'user' | 'admin'; scopes: readonly Scope[]; sessionOnly: boolean },
): Who {
  if (!who) throw new AppError('unauthorized', 'Sign in first.')
  if (need.role === 'admin' && who.user.role !== 'admin')
    throw new AppError('forbidden', 'Only an administrator may do this.')
  if (who.via === 'session') return who
  if (need.sessionOnly) throw new AppError('forbidden', 'This is done on the page, signed in; API keys may not.')
  const has = effectiveScopes(who.scopes)
  if (need.scopes.some((scope) => has.has(scope))) return who
  throw new AppError('forbidden', `This API key lacks the scope ${need.scopes.join(' or ')}.`)
}

/** Whether a browser's request comes from our own page. No Origin means that no browser sent it. */
export function isSameOrigin(req: IncomingMessage, config: Config): boolean {
  const { origin, host } = req.headers
  if (origin === undefined) return true
  if (config.publicUrl && origin === config.publicUrl.origin) return true
  const from = URL.parse(origin)
  return from !== null && from.host === (host ?? '').toLowerCase() && /^https?:$/.test(from.protocol)
}

/** Changing requests without an API key must come from our own page (or from no page). */
export function originCheck(config: Config): RequestHandler {
  return (req: Request, _res: Response, next: NextFunction) => {
    const safe = req.method === 'GET' || req.method === 'HEAD'
    if (safe || keyOf(req) !== undefined || isSameOrigin(req, config)) return next()
    next(new AppError('cross_origin', 'This request came from another site and was refused.'))
  }
}
