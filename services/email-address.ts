import { domainToASCII } from 'node:url'
import { invalidField } from './errors.ts'

/** A dot-atom of RFC 5322, with the letters of RFC 6531 but no invisible ones. */
const LOCAL = /^[\p{L}\p{M}\p{N}!#$%&'+/=?^_`{|}~-]+(\.[\p{L}\p{M}\p{N}!#$%&'+/=?^_`{|}~-]+)*$/u
const DOMAIN = /^(?=.{1,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9-]*[a-z][a-z0-9-]*$/
const LONGEST_LOCAL = 64
/** What would end a host name where it stands in a URL, so that only its beginning counted. */
const NO_HOST = /[/?#:@\\%\s\p{C}]/u

/**
 * An address as the lists keep it: no white space around it, the domain in lower case and ASCII (IDN as punycode), the part
 * before the @ as it was written. Throws `invalid` for what is no single address, such as `*@example.org` or one with a name.
 */
export function normaliseAddress(text: string, path = 'email'): string {
  if (partsOf(text).local.includes('*'))
    throw invalidField(path, 'Give each address by itself; * stands for nothing here.')
  const address = addressIn(text)
  if (address === undefined)
    throw invalidField(path, 'That is not an address; expected something like alice@example.org.')
  return address
}

/** The same, or undefined for what is no single address. */
export function addressIn(text: string): string | undefined {
  const { local, domain } = partsOf(text)
  const fits = LOCAL.test(local) && Buffer.byteLength(local) <= LONGEST_LOCAL
  return fits && (DOMAIN.test(domain) || domain === 'localhost') ? `${local}@${domain}` : undefined
}

/** The same for looking one up: what is no address is left as it is, and is found nowhere. */
export function addressAsKept(text: string): string {
  const { local, domain } = partsOf(text)
  return domain === '' ? text : `${local}@${domain}`
}

function partsOf(text: string): { local: string; domain: string } {
  const trimmed = text.trim().normalize('NFC')
  const at = trimmed.lastIndexOf('@')
  const domain = trimmed.slice(at + 1).replace(/\.$/, '')
  return {
    local: trimmed.slice(0, Math.max(at, 0)),
    domain: at < 0 || NO_HOST.test(domain) ? '' : domainToASCII(domain),
  }
}
