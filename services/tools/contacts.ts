import { z } from 'zod'
import { operation, type Tool } from '../agent/tool.ts'
import { usable } from '../dav/account-rows.ts'
import type { DavAccounts } from '../dav/accounts.ts'
import type { Book, Contact } from '../dav/book.ts'
import { capped, visible } from '../policy/sanitize.ts'
import { lazy } from '../shapes/lazy.ts'
import { createContact, updateContact, type ContactsWritingDeps } from './contacts-writing.ts'
import { contactNamed, ContactId } from './contacts-fields.ts'
import { LOOKS } from './email-looking.ts'
import { named, quoted } from './wording.ts'

export type ContactsToolDeps = ContactsWritingDeps & { accounts: Pick<DavAccounts, 'list' | 'collections'>; book: Book }

const MOST_LISTED = 100
const MOST_FOUND = 20

/** The contacts of a user's address books: searched, and written. */
export function createContactsTool(deps: ContactsToolDeps): Tool {
  const { book, accounts } = deps

  const list = operation<{ limit: number; offset: number }>({
    ...LOOKS,
    description: 'The contacts by name, as lines; search_contacts is better for one of them',
    input: lazy(() =>
      z.strictObject({ limit: z.int().min(1).max(MOST_LISTED).default(50), offset: z.int().min(0).default(0) }),
    ),
    inspect: () => ({}),
    describe: () => 'List the contacts.',
    run: async ({ limit, offset }, { userId, signal }) => {
      const { contacts, notes } = await book.list(userId, signal)
      const page = contacts.slice(offset, offset + limit)
      const rest =
        contacts.length > offset + limit ? [`${contacts.length} in all; go on with offset ${offset + limit}.`] : []
      return { content: lines(page.map(contactLine), [...rest, ...notes]), summary: `${page.length} of ${contacts.length} contacts`, source: 'the address book' } // prettier-ignore
    },
  })

  const search = operation<{ query: string }>({
    ...LOOKS,
    description: 'Contacts in which every word stands, in any field; digits of a telephone number are enough',
    input: lazy(() => z.strictObject({ query: z.string().min(1).max(200) })),
    inspect: () => ({}),
    describe: ({ query }) => `Search the contacts for ${quoted(query)}.`,
    run: async ({ query }, { userId, signal }) => {
      const { contacts, notes } = await book.search(userId, query, signal)
      const rest =
        contacts.length > MOST_FOUND ? [`${contacts.length} were found; the first ${MOST_FOUND} are shown.`] : []
      const found = contacts.slice(0, MOST_FOUND).map(contactText)
      return { content: lines(found, [...rest, ...notes]), summary: `${contacts.length} contacts found`, source: 'the address book' } // prettier-ignore
    },
  })

  const get = operation<{ id: string }>({
    ...LOOKS,
    description: 'A whole contact, by the id from a list or search',
    input: lazy(() => z.strictObject({ id: ContactId() })),
    inspect: () => ({}),
    describe: ({ id }) => `Look at ${contactNamed(book.known(id))}.`,
    run: async ({ id }, { userId, signal }) => {
      const { contact } = await book.open(userId, id, signal)
      return { content: contactText(contact), summary: quoted(contact.name, 100), source: `the contact ${quoted(contact.name, 100)}` } // prettier-ignore
    },
  })

  return {
    name: 'contacts',
    description: "The owner's address books.",
    known: (userId) => {
      const all = accounts.list(userId).filter(({ enabled }) => enabled)
      const books = all.flatMap(({ id, label, checkedAt }) =>
        checkedAt === null
          ? [label]
          : usable(accounts.collections(id), 'address_book').map(({ name }) => `${label}/${name}`),
      )
      return named('Address books', books)
    },
    operations: {
      list_contacts: list,
      search_contacts: search,
      get_contact: get,
      create_contact: createContact(deps),
      update_contact: updateContact(deps),
    },
  }
}

function lines(found: readonly string[], notes: readonly string[]): string {
  return [...(found.length === 0 ? ['No contacts.'] : found), ...notes.map((note) => `[${visible(note)}]`)].join('\n')
}

function contactLine({ id, name, emails, phones, organization }: Contact): string {
  const facts = [...emails.slice(0, 1), ...phones.slice(0, 1), ...(organization === '' ? [] : [organization])]
  return `- ${quoted(name, 120)}${facts.map((fact) => `, ${quoted(fact, 120)}`).join('')}\n  id: ${id}`
}

function contactText({
  id,
  book,
  name,
  emails,
  phones,
  organization,
  title,
  address,
  birthday,
  url,
  note,
  rest,
}: Contact): string {
  const all = (what: string, values: readonly string[]) =>
    values.length === 0 ? [] : [`${what}: ${values.map((value) => quoted(value, 300)).join(', ')}`]
  const one = (what: string, value: string) => all(what, value === '' ? [] : [value])
  return [
    `- ${quoted(name, 200)}`,
    `id: ${id}`,
    ...one('Address book', book),
    ...all('Email', emails),
    ...all('Phone', phones),
    ...one('Organisation', organization),
    ...one('Title', title),
    ...one('Address', address),
    ...one('Birthday', birthday),
    ...one('Web', url),
    ...one('Further', rest),
    ...(note === '' ? [] : [`Note: ${capped(visible(note), 3_000).replaceAll('\n', '\n    ')}`]),
  ].join('\n  ')
}
