import type { Destination } from '../agent/tool.ts'
import { invalidField } from '../errors.ts'
import type { AddressEntry } from '../whitelists/addresses.ts'
import { addressesIn } from './address-list.ts'

/** Bare addresses, each once, those of the whitelist as it spells them. */
export type Recipients = { to: string[]; cc: string[]; bcc: string[] }

type Field = keyof Recipients
type Written = { [field in Field]?: string | readonly string[] | undefined }

const FIELDS: readonly Field[] = ['to', 'cc', 'bcc']
const MOST = 50

/** To whom a mail would go, as it was written. Throws `invalid` as `addressesIn` does, and for more than can be looked at. */
export function recipientsIn(written: Written, entryOf: (address: string) => AddressEntry | undefined): Recipients {
  const seen = new Set<string>()
  const fresh = (address: string): boolean => {
    const key = keyOf(address)
    if (seen.has(key)) return false
    seen.add(key)
    if (seen.size > MOST) throw invalidField('to', `A mail goes to ${MOST} addresses at most.`)
    return true
  }
  const of = (field: Field): string[] =>
    written[field] === undefined
      ? []
      : [written[field]]
          .flat()
          .flatMap((one) => named(one, field))
          .map((address) => entryOf(address)?.email ?? address)
          .filter(fresh)
  const [to, cc, bcc] = FIELDS.map(of)
  return { to: to!, cc: cc!, bcc: bcc! }
}

function named(list: string, field: Field): string[] {
  const found = addressesIn(list, field)
  if (found.length === 0) throw invalidField(field, 'There is no address in it.')
  return found
}

export function everybody({ to, cc, bcc }: Recipients): string[] {
  return [...to, ...cc, ...bcc]
}

/** What the policy sees of a recipient. `written`: how many mails went there today. */
export function destinationOf(address: string, entry: AddressEntry | undefined, written: number): Destination {
  if (!entry) return { address, class: 'other' }
  const full = entry.daily_limit > 0 && written >= entry.daily_limit
  return { address: entry.email, class: entry.owner ? 'owner' : 'listed', ...(full ? { full } : {}) }
}

/** @NOTE as SQLite's NOCASE, by which the list is searched: a letter that merely looks like one of ASCII is another address. */
function keyOf(address: string): string {
  return address.replace(/[A-Z]/g, (letter) => letter.toLowerCase())
}
