import type { IncomingMessage } from 'node:http'
import type { Express, Request } from 'express'
import { AppError } from '../services/errors.ts'
import type { Services } from '../services/index.ts'
import type { User } from '../services/users.ts'
import type { Who } from '../services/who.ts'
import type { Context } from './endpoint.ts'

const LONGEST_AGENT = 300

/** Where a request comes from, as TRUST_PROXY lets Express see it. */
export function clientAddress(req: Request): string {
  return req.ip ?? req.socket.remoteAddress ?? ''
}

/** The same for a request that Express does not see: the upgrade of a socket. */
export function addressReader(app: Express): (req: IncomingMessage) => string {
  // @NOTE `ip` lives on the app's own request prototype, which knows what TRUST_PROXY says.
  return (req) => clientAddress(Object.setPrototypeOf(req, app.request) as Request)
}

/** Starts a fresh session (its id is new, so that a planted one is worth nothing) and writes it into the audit log. */
export async function signIn(req: Request, services: Services, user: User, how = ''): Promise<void> {
  await new Promise<void>((resolve, reject) =>
    req.session.regenerate((error: unknown) => (error ? reject(error as Error) : resolve())),
  )
  req.session.userId = user.id
  req.session.userAgent = (req.get('User-Agent') ?? '').slice(0, LONGEST_AGENT)
  req.session.address = clientAddress(req)
  req.session.confirmedAt = services.now().getTime()
  await new Promise<void>((resolve, reject) =>
    req.session.save((error: unknown) => (error ? reject(error as Error) : resolve())),
  )
  const by = { userId: user.id, name: `web:${user.username}` }
  services.audit.record({
    kind: 'sign_in',
    action: 'signed in',
    subject: user.username,
    by,
    success: true,
    outcome: [req.session.address, how].filter(Boolean).join(' '),
  })
}

/** The password of whoever asks, with the same brake as signing in. */
export async function checkPassword(password: string, { services, req, who }: Context): Promise<void> {
  const fits = await services.signInLimits.attempt(clientAddress(req), who.user.username, async () =>
    (await services.users.passwordFits(who.user.id, password)) ? true : undefined,
  )
  const said = { kind: 'sign_in', subject: who.user.username, by: who.actor, outcome: clientAddress(req) }
  services.audit.record({ ...said, action: fits ? 'password given again' : 'password refused', success: fits === true })
  if (!fits) throw new AppError('invalid_credentials', 'That password is not right.')
}

/** The public name of the session that asks; empty where a key does. */
export const sessionOf = (who: Who): string => (who.via === 'session' ? who.sessionId : '')

/**
 * Secrets are shown, and ways to sign in changed, only after the password was given again; by API key the scope `admin`
 * takes its place.
 */
export function requirePassword(who: Who): void {
  if (who.via === 'session' && !who.confirmed)
    throw new AppError('password_required', 'Give your password again for this.')
}
