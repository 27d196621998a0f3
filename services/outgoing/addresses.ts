import { isIP } from 'node:net'
import { isPublicAddress } from './ranges.ts'

const MAX_LENGTH = 4096
/** Endings that by rule or habit are answered inside a house only. */
const LOCAL_ENDINGS = ['localhost', 'local', 'localdomain', 'internal', 'intranet', 'lan', 'home', 'corp', 'home.arpa']

/**
 * The one spelling of a web address (WHATWG), or undefined when it is none that may be opened: http and https only, no
 * user name or password inside, at most 4,096 characters.
 */
export function normaliseUrl(text: string): string | undefined {
  if (text.length > MAX_LENGTH || !URL.canParse(text)) return undefined
  const url = new URL(text)
  if (url.protocol !== 'http:' && url.protocol !== 'https:') return undefined
  if (url.username !== '' || url.password !== '') return undefined
  return url.href.length > MAX_LENGTH ? undefined : url.href
}

/**
 * Whether the host of a normalised URL shows by its spelling alone that it is not public: an address of a private
 * range in any spelling, `localhost`, a name without a dot, or one that ends like a name of a local network. Asks no
 * name server; what a public-looking name resolves to is checked when it is connected to.
 */
export function isPrivateLiteral(url: string): boolean {
  const host = bareHost(new URL(url).hostname)
  return isIP(host) === 0 ? isLocalName(host) : !isPublicAddress(host)
}

/** Whether a bare name is one that only a local network answers. */
export function isLocalName(host: string): boolean {
  return !host.includes('.') || LOCAL_ENDINGS.some((ending) => host.endsWith(`.${ending}`))
}

/** `host:port` with the port that is really used; how single private hosts are opened. */
export function hostKey(url: string): string {
  const { hostname, port, protocol } = new URL(url)
  return `${hostname}:${port || (protocol === 'https:' ? '443' : '80')}`
}

/** The entries of ALLOWED_PRIVATE_HOSTS in the spelling of `hostKey`. */
export function hostKeys(entries: Iterable<string>): Set<string> {
  return new Set(Array.from(entries, (entry) => hostKey(`http://${entry}`)))
}

/** A host as name servers and sockets write it: no brackets, no closing dot. */
export function bareHost(hostname: string): string {
  return hostname.replace(/^\[|\]$/g, '').replace(/\.$/, '')
}
