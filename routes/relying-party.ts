import { isIP } from 'node:net'
import type { Request } from 'express'
import type { Config } from '../services/config.ts'
import { AppError } from '../services/errors.ts'
import type { RelyingParty } from '../services/passkeys.ts'

/**
 * The site that passkeys belong to: that of PUBLIC_URL, or without it localhost, on the port where we listen; never what a
 * request says of itself. Throws `conflict` where there is none, and says what to set.
 */
export function relyingParty({ publicUrl }: Config, req: Request): RelyingParty {
  if (publicUrl) return ofPublicUrl(publicUrl)
  const own = new URL(`http://localhost:${req.socket.localPort}`)
  if (req.headers.host?.toLowerCase() === own.host) return { id: own.hostname, origin: own.origin }
  throw new AppError(
    'conflict',
    `Passkeys belong to the address of a page. Set PUBLIC_URL to the https address under which you open Steward, or open it on its own machine as ${own.origin}.`,
  )
}

function ofPublicUrl(url: URL): RelyingParty {
  const named = isIP(url.hostname.replace(/^\[|\]$/g, '')) === 0
  const safe = url.protocol === 'https:' || url.hostname === 'localhost'
  if (named && safe) return { id: url.hostname, origin: url.origin }
  throw new AppError(
    'conflict',
    `Passkeys need an https address with a name, which PUBLIC_URL=${url.origin} is not. Set it to something like https://steward.example.org.`,
  )
}
