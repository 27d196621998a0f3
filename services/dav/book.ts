import type { CalendarReader } from './calendars.ts'
import type { Card } from './ical/jobs.ts'
import { nameBelow, objectIdOf } from './object-id.ts'
import { fromEach, nameOf, type DavObjects, type Opened } from './objects.ts'

const MOST_KNOWN = 500

export type Contact = Omit<Card, 'object'> & { id: string; book: string }
export type OpenedContact = Opened & { contact: Contact }

export type Book = ReturnType<typeof createBook>

/** The contacts of a user's address books. They are searched here, since servers differ in what they search by. */
export function createBook({ objects, reader }: { objects: DavObjects; reader: CalendarReader }) {
  const known = new Map<string, Contact>()

  function remember(contact: Contact): Contact {
    known.delete(contact.id)
    known.set(contact.id, contact)
    if (known.size > MOST_KNOWN) known.delete(known.keys().next().value!)
    return contact
  }

  /** By name. `notes`: what is missing, and why. */
  async function list(userId: string, signal: AbortSignal): Promise<{ contacts: Contact[]; notes: string[] }> {
    const places = await objects.places(userId, 'address_book', undefined, signal)
    const { answers, problems } = await fromEach(places, ({ collection, wire }) =>
      wire.report(collection.url, { addressBook: EVERYBODY }, 'reading the address book'),
    )
    const contacts: Contact[] = []
    let unreadable = 0
    for (const { place, answer } of answers) {
      const found = await reader.cards(
        answer.map(({ data }) => data),
        signal,
      )
      unreadable += found.unreadable
      for (const { object, ...card } of found.cards) {
        const name = nameBelow(place.collection.url, answer[object]!.url)
        if (name === undefined) continue
        const id = objectIdOf({ collectionId: place.collection.id, name, recurrenceId: '' })
        contacts.push({ ...card, id, book: nameOf(place) })
      }
    }
    contacts.sort((a, b) => a.name.localeCompare(b.name))
    const damaged = unreadable === 0 ? [] : [`${unreadable} cards are damaged and were left out.`]
    return { contacts, notes: [...problems, ...damaged] }
  }

  return {
    list,

    /** Those in which every word stands somewhere; of a telephone number the digits are enough. */
    async search(
      userId: string,
      query: string,
      signal: AbortSignal,
    ): Promise<{ contacts: Contact[]; notes: string[] }> {
      const { contacts, notes } = await list(userId, signal)
      const words = plain(query).split(/\s+/).filter(Boolean)
      return {
        contacts: contacts.filter((one) => words.every((word) => holds(one, word)) || dialled(one, query)),
        notes,
      }
    },

    async open(userId: string, id: string, signal: AbortSignal): Promise<OpenedContact> {
      const opened = await objects.open(userId, id, 'address_book', signal)
      const [card] = (await reader.cards([opened.data], signal)).cards
      const { object: _object, ...rest } = card ?? EMPTY
      return { ...opened, contact: remember({ ...rest, id, book: nameOf(opened.place) }) }
    },

    /** A contact that was looked at lately, for the sentence of a card. */
    known: (id: string) => known.get(id),
  }
}

/** RFC 6352, 10.5: every card has a name. */
const EVERYBODY = { 'card:prop-filter': { _attributes: { name: 'FN' } } }
const EMPTY: Card = { object: 0, uid: '', name: '', emails: [], phones: [], organization: '', title: '', address: '', birthday: '', url: '', note: '', rest: '' } // prettier-ignore

const plain = (text: string): string => text.normalize('NFKD').replace(/\p{M}/gu, '').toLowerCase()

function holds({ id: _id, book: _book, uid: _uid, ...fields }: Contact, word: string): boolean {
  return plain(Object.values(fields).flat().join('\n')).includes(word)
}

function dialled({ phones }: Contact, query: string): boolean {
  const digits = query
    .replace(/[\s()/.-]/g, '')
    .replace(/^(\+|00)/, '')
    .replace(/^0/, '')
  return /^\d{4,}$/.test(digits) && phones.some((phone) => phone.replace(/\D/g, '').includes(digits))
}
