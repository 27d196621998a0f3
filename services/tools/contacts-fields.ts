import { z } from 'zod'
import type { Contact } from '../dav/book.ts'
import type { CardChange } from '../dav/ical/jobs.ts'
import { invalidField } from '../errors.ts'
import { addressesIn } from '../mail/address-list.ts'
import { visible } from '../policy/sanitize.ts'
import { lazy } from '../shapes/lazy.ts'
import { quoted } from './wording.ts'

export const ContactId = lazy(() => z.string().min(1).max(1500))

const Several = lazy(() => z.union([z.string().max(2000), z.array(z.string().max(320)).max(20)]))
/** What a contact is made of, as tools take it. */
export const ContactFields = lazy(() =>
  z.strictObject({
    name: z.string().max(200),
    email: Several(),
    phone: Several(),
    organization: z.string().max(200),
    title: z.string().max(200),
    address: z.string().max(500),
    birthday: z.string().max(10),
    url: z.string().max(500),
    note: z.string().max(5_000),
  }),
)
type Given = z.infer<ReturnType<typeof ContactFields>>
export type ContactFields = { [Field in keyof Given]?: Given[Field] | undefined }

/** What is to be written. Throws `invalid`, naming the field. */
export function cardChangeOf({ email, phone, birthday, ...texts }: ContactFields): CardChange {
  if (texts.name !== undefined && texts.name.trim() === '') throw invalidField('name', 'Give a name.')
  if (birthday !== undefined && birthday !== '' && !isDay(birthday))
    throw invalidField('birthday', 'Write the birthday as a day such as 1990-01-31.')
  const plain = Object.entries(texts).flatMap(([key, text]) => (text === undefined ? [] : [[key, visible(text)]]))
  return {
    ...(Object.fromEntries(plain) as CardChange),
    ...(email === undefined ? {} : { emails: several(email).flatMap((one) => addressesIn(one, 'email')) }),
    ...(phone === undefined ? {} : { phones: several(phone).map((one) => visible(one).trim()) }),
    ...(birthday === undefined ? {} : { birthday }),
  }
}

const isDay = (text: string): boolean => /^\d{4}-\d{2}-\d{2}$/.test(text) && !Number.isNaN(Date.parse(text))
const several = (list: string | readonly string[]): string[] => [list].flat().filter((one) => one.trim() !== '')

/** What a card calls a contact; the words of others stand in quotation marks. */
export function contactNamed(contact: Contact | undefined): string {
  if (!contact) return 'a contact'
  const by = contact.emails[0] ?? contact.phones[0]
  return `the contact ${quoted(contact.name, 100)}${by === undefined ? '' : ` (${quoted(by, 120)})`}`
}

/** What the card says of each field. */
export function saidOfContact(fields: ContactFields): string {
  const parts = Object.entries(fields).flatMap(
    ([name, value]) =>
    value === undefined ? [] : [`${name} ${[value].flat().map((one) => quoted(one, 200)).join(', ') || 'none'}`], // prettier-ignore
  )
  return parts.length === 0 ? '' : `: ${parts.join(', ')}`
}
