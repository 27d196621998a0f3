import { z } from 'zod'
import { operation, type Operation, type Reach } from '../agent/tool.ts'
import type { Book, OpenedContact } from '../dav/book.ts'
import type { CalendarReader } from '../dav/calendars.ts'
import type { Place } from '../dav/dav.ts'
import { objectIdOf } from '../dav/object-id.ts'
import { nameOf, type DavObjects } from '../dav/objects.ts'
import type { Clock } from '../deps.ts'
import { AppError } from '../errors.ts'
import type { Labels } from '../shapes/labels.ts'
import { lazy } from '../shapes/lazy.ts'
import { cardChangeOf, ContactFields, ContactId, contactNamed, saidOfContact } from './contacts-fields.ts'
import { quoted } from './wording.ts'

export type ContactsWritingDeps = { now: Clock; objects: DavObjects; reader: CalendarReader; book: Book }

const NOTHING_READ: Labels = { integrity: 'owner', privacy: 'private' }
const INSPECT_MS = 45_000
const WRITES = {
  effect: 'write',
  destructive: false,
  attendedOnly: false,
  yields: NOTHING_READ,
  recovery: 'verify',
  timeoutMs: 150_000,
} as const

type Draft = ContactFields & { name: string; book?: string | undefined }
type Change = ContactFields & { id: string }

/** Puts a contact into an address book. */
export function createContact({ now, objects, reader }: ContactsWritingDeps): Operation<Draft> {
  async function plan(
    { book, ...fields }: Draft,
    userId: string,
    callId = '',
    signal = AbortSignal.timeout(INSPECT_MS),
  ) {
    const change = cardChangeOf(fields)
    const place: Place = await objects.placeForNew(userId, 'address_book', book, signal)
    const text = await reader.card(null, change, { callId, now: now().toISOString() }, signal)
    return { place, text, reach: objects.reachOf(place, [], []) }
  }

  return operation<Draft>({
    ...WRITES,
    description: 'Put a contact into an address book. email, phone: one or several',
    input: lazy(() =>
      ContactFields()
        .partial()
        .required({ name: true })
        .extend({ book: z.string().max(300).optional() }),
    ),
    verify: ({ book }, call) => objects.wasCreated('address_book', book, call),
    inspect: async (draft, userId, callId) => (await plan(draft, userId, callId)).reach,
    describe: ({ book, name, ...fields }) =>
      `Add the contact ${quoted(name, 100)} to ${book === undefined ? 'your address book' : `the address book ${quoted(book, 100)}`}${saidOfContact(fields)}.`,
    run: async (draft, context, reach) => {
      const { place, text, reach: is } = await plan(draft, context.userId, context.callId, context.signal)
      objects.assertDecided(is, reach)
      await objects.create(place, text, context)
      const id = objectIdOf({ collectionId: place.collection.id, name: `${context.callId}.vcf`, recurrenceId: '' })
      return { content: `It is in the address book ${quoted(nameOf(place), 200)}.\nid: ${id}`, summary: `Added ${quoted(draft.name, 100)}` } // prettier-ignore
    },
  })
}

/** Changes a contact; what is left out stays. */
export function updateContact({ now, objects, reader, book }: ContactsWritingDeps): Operation<Change> {
  type Plan = { opened: OpenedContact; text: string; reach: Reach }

  async function plan(
    { id, ...fields }: Change,
    userId: string,
    callId = '',
    signal = AbortSignal.timeout(INSPECT_MS),
  ): Promise<Plan> {
    if (Object.keys(fields).length === 0) throw new AppError('invalid', 'Say what to change.')
    const change = cardChangeOf(fields)
    const opened = await book.open(userId, id, signal)
    const place = await objects.now(opened.place)
    if (place.collection.readOnly) throw new AppError('forbidden', 'This address book may be read, not written to.')
    if (opened.etag === '')
      throw new AppError('upstream_failed', 'The server gives no version of it. Change it with another program.')
    const text = await reader.card(opened.data, change, { callId, now: now().toISOString() }, signal)
    return { opened: { ...opened, place }, text, reach: objects.reachOf(place, [], [`is ${opened.etag}`]) }
  }

  return operation<Change>({
    ...WRITES,
    description: 'Change a contact by its id; what is left out stays, an empty text takes a field away. email, phone: all there shall be', // prettier-ignore
    input: lazy(() => ContactFields().partial().extend({ id: ContactId() })),
    verify: ({ id }, call) => objects.wasWritten(id, 'address_book', false, call),
    inspect: async (change, userId, callId) => (await plan(change, userId, callId)).reach,
    describe: ({ id, ...fields }) => `Change ${contactNamed(book.known(id))}${saidOfContact(fields)}.`,
    run: async (change, context, reach) => {
      const { opened, text, reach: is } = await plan(change, context.userId, context.callId, context.signal)
      objects.assertDecided(is, reach)
      await objects.replace(opened, text, context)
      return { content: 'It is changed.', summary: `Changed ${quoted(opened.contact.name, 100)}` }
    },
  })
}
