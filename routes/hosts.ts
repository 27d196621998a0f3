import { isIP } from 'node:net'
import type { RequestHandler } from 'express'
import type { Config } from '../services/config.ts'
import { AppError } from '../services/errors.ts'

/** A name or address with perhaps a port: nothing else that a URL could hold. */
const HOST = /^(\[[0-9a-f:.]+\]|[^\s/\\?#@:[\]]+)(:\d+)?$/i

/**
 * Whether the page may be reached under this `Host`: any IP address, localhost, PUBLIC_URL's name, or one of
 * ALLOWED_HOSTS. Others are refused, so that no foreign name can be pointed at this server (DNS rebinding).
 */
export function isKnownHost(header: string | undefined, config: Config): boolean {
  const plain = HOST.test(header ?? '') ? header : ''
  const name = URL.parse(`http://${plain}/`)?.hostname.replace(/\.$/, '') ?? ''
  if (isIP(name.replace(/^\[|\]$/g, ''))) return true
  return name === 'localhost' || name === config.publicUrl?.hostname || config.allowedHosts.includes(name)
}

export function hostRefusal(header: string | undefined): AppError {
  return new AppError(
    'misdirected',
    `Steward does not answer under the name ${JSON.stringify(header ?? '')}. Add it to ALLOWED_HOSTS if it is yours.`,
  )
}

export function hostCheck(config: Config): RequestHandler {
  return (req, _res, next) => next(isKnownHost(req.headers.host, config) ? undefined : hostRefusal(req.headers.host))
}
