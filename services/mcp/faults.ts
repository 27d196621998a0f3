import { AppError, messageOf } from '../errors.ts'
import { quoted } from '../tools/wording.ts'
import type { Server } from './rows.ts'

/** Where the request cannot have left: the connection never stood, or nothing was written to it. */
const NEVER_LEFT = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'UND_ERR_CONNECT_TIMEOUT',
  'NOT_CONNECTED',
])

type Fault = {
  code?: unknown
  status?: unknown
  data?: { status?: unknown }
  lastWords?: string
  cause?: unknown
  name?: string
}

/** What stands behind an error of the library, of fetch, or of the system. */
function* causes(error: unknown): Generator<Fault & object> {
  for (let one = error, depth = 0; typeof one === 'object' && one !== null && depth < 6; depth++) {
    yield one
    one = (one as Fault).cause
  }
}

const codeOf = (error: unknown): string =>
  [...causes(error)].map(({ code }) => (typeof code === 'string' ? code : '')).findLast((code) => code !== '') ?? ''

/** The HTTP status with which it refused, if that is what happened. */
function statusOf(error: unknown): number | undefined {
  const found = [...causes(error)].map(({ status, data }) => status ?? data?.status)
  return found.find((status) => typeof status === 'number')
}

/** It said itself, in its protocol, that it will not. */
export const isRefusal = (error: unknown): boolean => [...causes(error)].some(({ name }) => name === 'ProtocolError')

/** Nothing of the call can have happened: it was refused, or never arrived. */
export function neverHappened(error: unknown): boolean {
  const status = statusOf(error)
  if ([...causes(error)].some((one) => one instanceof AppError && one.code !== 'too_large')) return true
  return isRefusal(error) || NEVER_LEFT.has(codeOf(error)) || (status !== undefined && status >= 300 && status < 500)
}

/** Why it did not go, in a sentence; what the server wrote stands in quotation marks. */
export function explained(server: Server, error: unknown): AppError {
  const own = [...causes(error)].find((one) => one instanceof AppError)
  if (own) return new AppError(own.code, `${server.name}: ${own.message}`)
  return new AppError('upstream_failed', `${server.name} ${reason(server, error)}`)
}

function reason(server: Server, error: unknown): string {
  const words = [...causes(error)].map(({ lastWords }) => lastWords).find(Boolean)
  const wrote = words === undefined ? '' : ` It wrote: ${quoted(words.slice(-300), 300)}.`
  const code = codeOf(error)
  const status = statusOf(error)
  if (status === 401 || status === 403)
    return `refuses the credential (${status}). ${server.credential === null ? 'Name one that it knows.' : `Look at the credential ${server.credential}.`}`
  if (status === 404) return 'has nothing at this address (404). Look at its address and transport.'
  if (status !== undefined)
    return `answers with ${status}.${status < 400 ? ' It sends on to another address; name that one.' : ''}`
  if (code === 'ENOENT') return `cannot be started: there is no command ${quoted(server.command ?? '')}.`
  if (code === 'EACCES') return `cannot be started: ${quoted(server.command ?? '')} may not be run.`
  if (code === 'ECONNREFUSED') return 'does not answer at its address: nothing listens there.'
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') return 'has an address whose name is not known.'
  if (code === 'REQUEST_TIMEOUT' || [...causes(error)].some(({ name }) => name === 'TimeoutError'))
    return `did not answer in time.${wrote}`
  if (code === 'CONNECTION_CLOSED') return `ended in the middle of it.${wrote}`
  return `could not be spoken to: ${quoted(messageOf(error), 300)}.${wrote}`
}
