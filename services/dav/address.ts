import { isLoopback } from '../config.ts'
import { invalidField } from '../errors.ts'
import { bareHost, hostKey, normaliseUrl } from '../outgoing/addresses.ts'

/**
 * The address of a server of calendars as it is kept: a host name alone is asked by https where its calendars are (RFC 6764).
 * Throws `invalid` for what is none, and for plain http beyond this machine and ALLOWED_PRIVATE_HOSTS.
 */
export function davAddress(text: string, privateHosts: ReadonlySet<string>): string {
  const url = normaliseUrl(/^[a-z][a-z0-9+.-]*:\/\//i.test(text) ? text : `https://${text}`)
  if (url === undefined)
    throw invalidField('url', 'Give a host name or a whole address that starts with https:// and holds no password.')
  const { protocol, hostname, search, hash, href } = new URL(url)
  if (search !== '' || hash !== '') throw invalidField('url', 'Give the address without what follows ? or #.')
  if (protocol === 'http:' && !isLoopback(bareHost(hostname)) && !privateHosts.has(hostKey(url)))
    throw invalidField(
      'url',
      `Without encryption, calendars and passwords would travel in the open. Use https for ${hostname}; http is for servers on this machine and those in ALLOWED_PRIVATE_HOSTS.`,
    )
  return href
}
