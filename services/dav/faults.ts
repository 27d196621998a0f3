import { AppError } from '../errors.ts'
import { BrokenOff } from '../outgoing/own-servers.ts'

const CERTIFICATE = /has no certificate that can be trusted/

/** Thrown where an address is none of a server of calendars; another address of the same service may be. */
export class NotHere extends AppError {}

/** Thrown where name and password are wrong: wherever one asks. */
export class SignInRefused extends AppError {}

/** What a server of calendars answered, in words that say what to do. `doing`: what was asked of it. */
export function refusedBy(url: string, status: number, doing: string): AppError {
  const { host } = new URL(url)
  if (status === 401)
    return new SignInRefused(
      'upstream_refused',
      `${host} refused the sign-in while ${doing}. Check name and password; many services want an app password here.`,
    )
  if (status === 403) return new NotHere('upstream_refused', `${host} does not allow ${doing} with this account.`)
  if (status === 404 || status === 410) return new NotHere('not_found', `${host} knows nothing there (${doing}).`)
  if (status === 412)
    return new AppError('conflict', 'It was changed in the meantime. Look at it again, then try again.')
  if (status === 423) return new AppError('conflict', `It is locked at ${host} now. Try again later.`)
  if (status === 429) return new AppError('upstream_failed', `${host} was asked too often. Try again later.`)
  if (status === 507) return new AppError('upstream_refused', `There is no room left at ${host}.`)
  if (status >= 500)
    return new AppError(
      'upstream_failed',
      `${host} has a fault of its own (${status}) while ${doing}. Try again later.`,
    )
  if (status >= 300 && status < 400)
    return new AppError(
      'upstream_failed',
      `${host} has moved it elsewhere. Test the account again, so that Steward finds it.`,
    )
  return new NotHere('upstream_refused', `${host} refused ${doing} (${status}).`)
}

/** The same fault with advice that only whoever set up the account can follow. */
export function withAdvice(error: unknown): unknown {
  if (!(error instanceof AppError) || !CERTIFICATE.test(error.message)) return error
  const advice = 'If that is meant so, paste the certificate of its authority into tls_ca.'
  return new AppError(error.code, error.message.replace(/ Check the address, or try again later\.$/, ` ${advice}`), {
    cause: error,
  })
}

/** Whether it may have arrived. */
export const isUnknown = (error: unknown): error is BrokenOff => error instanceof BrokenOff
