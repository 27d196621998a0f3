import { isIP } from 'node:net'
import { isLoopback } from '../config.ts'
import type { AppError } from '../errors.ts'
import { invalidField } from '../errors.ts'
import type { EmailAccountChange } from '../shapes/email-account.ts'
import { USUAL_PORTS, type Secure } from '../shapes/mail-ports.ts'

export type Half = 'imap' | 'smtp'

/** One server of an account. `username` is '' where nobody signs in, which only SMTP allows. */
export type Server = { host: string; port: number; secure: Secure; username: string }

/** What a port means by registration and habit (RFC 8314); any other is TLS from the first byte unless said otherwise. */
const BY_PORT: Record<number, Secure> = { 143: 'starttls', 587: 'starttls', 25: 'starttls', 2525: 'starttls' }

/**
 * One server as it will be after a change: what is given, else what was there, else what fits the port. Undefined where
 * there is none. Throws `invalid` for plain text beyond loopback, naming the field.
 */
export function serverAfter(half: Half, change: EmailAccountChange, before: Server | undefined): Server | undefined {
  const given = change[`${half}_host`]
  if (given === null || given === '') return undefined
  const host = given === undefined ? before?.host : bare(given)
  if (host === undefined) return undefined
  const port = change[`${half}_port`] ?? before?.port
  const wanted = change[`${half}_secure`] ?? change.secure
  const secure = wanted ?? kept(change, half, before) ?? (port === undefined ? 'tls' : (BY_PORT[port] ?? 'tls'))
  if (secure === 'none' && !isLoopback(host))
    throw invalidField(
      change[`${half}_secure`] === undefined ? 'secure' : `${half}_secure`,
      `Without encryption, mail and passwords would travel in the open. Use tls or starttls for ${host}; none is for servers on this machine.`,
    )
  const username = change[`${half}_username`] ?? (change[`${half}_username`] === null ? '' : before?.username)
  return { host, port: port ?? USUAL_PORTS[half][secure], secure, username: username ?? '' }
}

/** A new port without a word about encryption means what that port means. */
function kept(change: EmailAccountChange, half: Half, before: Server | undefined): Secure | undefined {
  return change[`${half}_port`] === undefined || change[`${half}_port`] === before?.port ? before?.secure : undefined
}

/** @NOTE brackets are for URLs; sockets take the bare address. */
const bare = (host: string): string => {
  const inner = host.replace(/^\[|\]$/g, '')
  return isIP(inner) ? inner : host.toLowerCase()
}

/** The 400 for an account that could neither read nor send. */
export function needsServer(): AppError {
  return invalidField(
    'imap_host',
    'Give an IMAP server to read from (imap_host), an SMTP server to send by (smtp_host), or both.',
  )
}
