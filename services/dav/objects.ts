import { createHash } from 'node:crypto'
import { UncertainError, type Reach } from '../agent/tool.ts'
import { AppError, messageOf } from '../errors.ts'
import type { DailyLimits } from '../mail/daily-limits.ts'
import { destinationOf } from '../mail/recipients.ts'
import type { AddressEntry } from '../whitelists/addresses.ts'
import type { CollectionKind } from './account-rows.ts'
import type { Dav, Place } from './dav.ts'
import { isUnknown } from './faults.ts'
import { objectPlaceOf } from './object-id.ts'
import type { Wire } from './wire.ts'

const WRITING_MS = 60_000
const FORMATS = {
  calendar: { type: 'text/calendar; charset=utf-8', ending: 'ics' },
  address_book: { type: 'text/vcard; charset=utf-8', ending: 'vcf' },
} as const

/** An object as it lies on the server. */
export type Opened = { place: Place; url: string; etag: string; data: string; recurrenceId: string }

export type ObjectsDeps = {
  dav: Pick<Dav, 'places' | 'place' | 'now' | 'wireTo'>
  /** The whitelist's entry of an address. */
  entryOf: (address: string) => AddressEntry | undefined
  limits: DailyLimits
}

export type DavObjects = ReturnType<typeof createDavObjects>
type Call = { callId: string; userId: string; signal: AbortSignal }

/** Objects of calendars and address books: opened by their ids, and written so that every outcome is known. */
export function createDavObjects({ dav, entryOf, limits }: ObjectsDeps) {
  /** One collection by its name, or by its account's and its own; else all of them. Throws `not_found`. */
  async function places(
    userId: string,
    kind: CollectionKind,
    wanted: string | undefined,
    signal: AbortSignal,
  ): Promise<Place[]> {
    const all = await dav.places(userId, kind, signal)
    const word = kind === 'calendar' ? 'calendar' : 'address book'
    if (all.length === 0) throw new AppError('not_found', `There is no ${word} that may be used.`)
    if (wanted === undefined) return all
    const plain = wanted.trim().toLowerCase()
    const meant = all.filter((place) =>
      [place.collection.name, nameOf(place)].some((name) => name.toLowerCase() === plain),
    )
    if (meant.length > 0) return meant
    throw new AppError(
      'not_found',
      `There is no such ${word}. There are: ${all.map((place) => JSON.stringify(nameOf(place))).join(', ')}.`,
    )
  }

  /** Where something new goes: the first that can be written to. */
  async function placeForNew(
    userId: string,
    kind: CollectionKind,
    wanted: string | undefined,
    signal: AbortSignal,
  ): Promise<Place> {
    const all = await places(userId, kind, wanted, signal)
    const place = all.find(({ collection }) => !collection.readOnly)
    if (!place) throw new AppError('forbidden', 'It may be read, not written to.')
    return dav.now(place)
  }

  /** Throws `not_found` with a sentence. */
  async function open(userId: string, id: string, kind: CollectionKind, signal: AbortSignal): Promise<Opened> {
    const { collectionId, name, recurrenceId } = objectPlaceOf(id)
    const place = dav.place(userId, collectionId, signal)
    if (place.collection.kind !== kind)
      throw new AppError('not_found', 'There is nothing with that id. Take ids from a list or a search.')
    const url = place.collection.url + name
    return { place, recurrenceId, ...(await place.wire.get(url, 'opening it')) }
  }

  /** What the policy sees of a change: everybody whom the server may write to, and the calendar itself where others see it. */
  function reachOf(
    { account, collection }: Place,
    everybody: readonly string[],
    pins: readonly string[],
    callId?: string,
  ): Reach {
    const own = new Set([...account.addresses, account.username.toLowerCase()])
    const others = [...new Map(everybody.map((one) => [one.toLowerCase(), one])).entries()].filter(
      ([key]) => !own.has(key),
    )
    const people = others.map(([, address]) =>
      destinationOf(address, entryOf(address), limits.written(address, callId)),
    )
    const shared = collection.shared
      ? [{ address: addressOf({ account, collection }), class: 'unlisted' as const }]
      : []
    const destinations = [...people, ...shared]
    const sends = destinations.some(({ class: kind }) => kind !== 'owner')
    return {
      ...(destinations.length > 0 ? { destinations } : {}),
      ...(sends ? { sends } : {}),
      pins: [`at ${collection.url} as ${account.username}`, ...pins],
    }
  }

  function assertDecided(now: Reach, decided: Reach): void {
    if (fingerprint(now) !== fingerprint(decided))
      throw new AppError('conflict', 'It is no longer what was decided on. Look at it again, then try again.')
  }

  /** @NOTE what has begun to be written is waited for, also where the run is stopped. */
  function writing({ account }: Place, signal: AbortSignal): Wire {
    signal.throwIfAborted()
    return dav.wireTo(account, AbortSignal.timeout(WRITING_MS))
  }

  /** Throws UncertainError where nobody can say what became of it. */
  async function known(work: () => Promise<void>, happened: () => Promise<boolean>): Promise<void> {
    try {
      await work()
    } catch (error) {
      if (!isUnknown(error)) throw error
      const state = await happened().catch(() => undefined)
      if (state === undefined) throw new UncertainError(`It is not known whether it was written. ${error.message}`)
      if (!state) throw new AppError('upstream_failed', `It was not written. ${error.message}`, { cause: error })
    }
  }

  const urlOfNew = ({ collection }: Place, callId: string): string =>
    `${collection.url}${callId}.${FORMATS[collection.kind].ending}`

  return {
    places,
    placeForNew,
    open,
    reachOf,
    assertDecided,
    urlOfNew,
    now: dav.now,

    async create(place: Place, data: string, { callId, signal }: Call): Promise<void> {
      const url = urlOfNew(place, callId)
      const isOurs = async () => isMarked((await writing(place, signal).get(url, 'looking for it')).data, callId)
      await known(
        async () => {
          const status = await writing(place, signal).put(
            url,
            data,
            FORMATS[place.collection.kind].type,
            'new',
            'writing it',
          )
          if (status === 412 && !(await isOurs()))
            throw new AppError('conflict', 'Something of that name is there already. Try again.')
        },
        async () => (await writing(place, signal).has(url, 'looking for it')) && (await isOurs()),
      )
    },

    /** Throws `conflict` where it was changed meanwhile. */
    async replace({ place, url, etag }: Opened, data: string, { callId, signal }: Call): Promise<void> {
      await known(
        async () => {
          const { type } = FORMATS[place.collection.kind]
          assertUnchanged(await writing(place, signal).put(url, data, type, { match: etag }, 'changing it'))
        },
        async () => isMarked((await writing(place, signal).get(url, 'looking at it')).data, callId),
      )
    },

    async remove({ place, url, etag }: Opened, { signal }: Call): Promise<void> {
      await known(
        async () => assertUnchanged(await writing(place, signal).remove(url, etag, 'deleting it')),
        async () => !(await writing(place, signal).has(url, 'looking for it')),
      )
    },

    /** After a crash: whether something new is there, in whichever collection it was to go to. */
    async wasCreated(
      kind: CollectionKind,
      wanted: string | undefined,
      { callId, userId, signal }: Call,
    ): Promise<'done' | 'not_done' | 'unknown'> {
      return answered(async () => {
        const all = await places(userId, kind, wanted, signal)
        const found = await Promise.all(all.map((place) => place.wire.has(urlOfNew(place, callId), 'looking for it')))
        return found.some(Boolean)
      })
    },

    /** After a crash: whether the call's mark stands on an object, or the object is gone. */
    async wasWritten(
      id: string,
      kind: CollectionKind,
      deleted: boolean,
      { callId, userId, signal }: Call,
    ): Promise<'done' | 'not_done' | 'unknown'> {
      return answered(async () => {
        const { collectionId, name, recurrenceId } = objectPlaceOf(id)
        const { collection, wire } = dav.place(userId, collectionId, signal)
        const there = collection.kind === kind && (await wire.has(collection.url + name, 'looking for it'))
        if (!there) return deleted
        if (deleted && recurrenceId === '') return false
        return isMarked((await wire.get(collection.url + name, 'looking at it')).data, callId)
      })
    },

    /** Takes a place at everybody who would be written to; in the transaction that writes the step as started. */
    reserve: (callId: string, { destinations = [] }: Reach): void =>
      limits.reserve(
        callId,
        destinations.filter(({ class: kind }) => kind !== 'unlisted').map(({ address }) => address),
      ),
    release: (callId: string): void => limits.release(callId),
  }
}

async function answered(work: () => Promise<boolean>): Promise<'done' | 'not_done' | 'unknown'> {
  try {
    return (await work()) ? 'done' : 'not_done'
  } catch (error) {
    return error instanceof AppError && /not_found|forbidden/.test(error.code) ? 'not_done' : 'unknown'
  }
}

function assertUnchanged(status: number): void {
  if (status === 412)
    throw new AppError(
      'conflict',
      'It was changed in the meantime by another program. Look at it again, then try again.',
    )
}

/** Whether an object was last written by this call. */
export function isMarked(data: string, callId: string): boolean {
  const unfolded = data.replace(/\r?\n[ \t]/g, '')
  return new RegExp(`^X-STEWARD-CALL[^:]*:${callId}\\s*$`, 'im').test(unfolded)
}

/** What a calendar or address book is called: its account's label and its own name. */
export const nameOf = ({ account, collection }: Pick<Place, 'account' | 'collection'>): string =>
  `${account.label}/${collection.name}`

/** Where something written into a shared calendar goes to; another calendar of the same name is another place. */
function addressOf({ account, collection }: Pick<Place, 'account' | 'collection'>): string {
  const hash = createHash('sha256').update(`${account.id}\n${collection.url}`).digest('hex').slice(0, 8)
  return `calendar:${nameOf({ account, collection })}#${hash}`
}

function fingerprint({ destinations = [], pins = [] }: Reach): string {
  return JSON.stringify([destinations.map(({ address, class: kind }) => [address, kind]), pins])
}

/** A server that is away takes nothing from the others; what it said is told. */
export async function fromEach<T>(
  all: readonly Place[],
  ask: (place: Place) => Promise<T>,
): Promise<{ answers: { place: Place; answer: T }[]; problems: string[] }> {
  const settled = await Promise.allSettled(all.map(async (place) => ({ place, answer: await ask(place) })))
  const answers = settled.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []))
  const failed = settled.flatMap((one, index) =>
    one.status === 'rejected' ? [{ place: all[index]!, error: one.reason as unknown }] : [],
  )
  if (answers.length === 0 && failed.length > 0) throw failed[0]!.error
  return {
    answers,
    problems: failed.map(({ place, error }) => `${nameOf(place)} could not be asked: ${messageOf(error)}`),
  }
}
