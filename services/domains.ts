import { isIP } from 'node:net'
import { domainToASCII } from 'node:url'
import { invalidField } from './errors.ts'

const LABELS = /^[a-z0-9_:]([a-z0-9_:-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*$/

/**
 * A domain as the web whitelist keeps it: lower case, ASCII (IDN as punycode), without a leading `*.` or a closing dot.
 * Throws `invalid` for what is no host name, and for public suffixes (github.io, co.uk): whoever rents a name under one
 * could write there. (Public Suffix List with its private section.)
 */
export async function normaliseDomain(text: string): Promise<string> {
  const trimmed = text.trim().replace(/^\*\./, '').replace(/\.$/, '')
  const url = URL.parse(`http://${trimmed}/`)
  const host = url?.hostname.toLowerCase() ?? ''
  const plain =
    url && url.pathname === '/' && !url.port && !url.username && !/[/:?#@\s]/.test(trimmed.replace(/^\[.*\]$/, ''))
  if (!plain || !LABELS.test(host.replace(/^\[|\]$/g, '')))
    throw invalidField('domain', 'That is not a domain; expected something like example.org.')
  if (isIP(host.replace(/^\[|\]$/g, ''))) return host
  // @NOTE bundled, a CommonJS package has nothing but its default export.
  const { getPublicSuffix, parse } = (await import('tldts')).default
  const options = { allowPrivateDomains: true }
  const { isIcann, isPrivate } = parse(host, options)
  if ((isIcann || isPrivate) && getPublicSuffix(host, options) === host) {
    throw invalidField('domain', `${host} is shared by many owners; list the site itself, like name.${host}.`)
  }
  return host
}

/** A domain however it is written, as the lists have it. */
export const asKept = (domain: string): string => domainToASCII(domain) || domain.toLowerCase()

/** What one owner has rented of the name space: `example.org` for `dav.example.org`; addresses and local names as they are. */
export async function siteOf(host: string): Promise<string> {
  const { getDomain } = (await import('tldts')).default
  return getDomain(host, { allowPrivateDomains: true }) ?? host
}
