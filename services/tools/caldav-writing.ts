import { z } from 'zod'
import { operation, type Operation, type Reach } from '../agent/tool.ts'
import type { Agenda, OpenedEvent } from '../dav/agenda.ts'
import type { CalendarReader } from '../dav/calendars.ts'
import type { Place } from '../dav/dav.ts'
import type { EventDetails, Meta } from '../dav/ical/jobs.ts'
import { objectIdOf, objectPlaceOf } from '../dav/object-id.ts'
import { nameOf, type DavObjects, type Opened } from '../dav/objects.ts'
import type { Clock } from '../deps.ts'
import { AppError } from '../errors.ts'
import type { Labels } from '../shapes/labels.ts'
import { lazy } from '../shapes/lazy.ts'
import { changeOf, EventFields, saidOf } from './caldav-fields.ts'
import { EventId, eventNamed } from './caldav-wording.ts'
import { quoted } from './wording.ts'

export type CaldavWritingDeps = {
  now: Clock
  zone: string
  objects: DavObjects
  reader: CalendarReader
  agenda: Agenda
}

const NOTHING_READ: Labels = { integrity: 'owner', privacy: 'private' }
const TIMEOUT_MS = 150_000
const INSPECT_MS = 45_000

type Draft = EventFields & { title: string; start: string; calendar?: string | undefined }
type Change = EventFields & { id: string; series?: boolean | undefined }

const WRITES = {
  effect: 'write',
  attendedOnly: false,
  yields: NOTHING_READ,
  recovery: 'verify',
  timeoutMs: TIMEOUT_MS,
} as const

const patience = (): AbortSignal => AbortSignal.timeout(INSPECT_MS)

/** Puts an event into a calendar. Whoever is invited must be on the email whitelist; the server may write to them. */
export function createEvent({ now, zone, objects, reader }: CaldavWritingDeps): Operation<Draft> {
  type Plan = { place: Place; text: string; reach: Reach }

  async function plan(draft: Draft, userId: string, callId: string | undefined, signal: AbortSignal): Promise<Plan> {
    const change = changeOf(draft, zone)
    const place = await objects.placeForNew(userId, 'calendar', draft.calendar, signal)
    const text = await reader.make(change, metaOf(callId ?? '', now, place), signal)
    return { place, text, reach: objects.reachOf(place, change.attendees ?? [], [], callId) }
  }

  return operation<Draft>({
    ...WRITES,
    description:
      'Put an event into a calendar. A day as start makes it last whole days. attendees: addresses that are on the list. recurrence: an RRULE. reminder: minutes before',
    input: lazy(() =>
      EventFields()
        .partial()
        .required({ title: true, start: true })
        .extend({ calendar: z.string().max(300).optional() }),
    ),
    destructive: false,
    verify: ({ calendar }, call) => objects.wasCreated('calendar', calendar, call),
    inspect: async (draft, userId, callId) => (await plan(draft, userId, callId, patience())).reach,
    describe: (draft) => {
      const { calendar, title } = draft
      return `Create the event ${quoted(title, 200)} in ${calendar === undefined ? 'your calendar' : `the calendar ${quoted(calendar, 100)}`}${saidOf({ ...draft, title: undefined })}.`
    },
    reserve: (_draft, { callId }, reach) => objects.reserve(callId, reach),
    release: ({ callId }) => objects.release(callId),
    run: async (draft, context, reach) => {
      const planned = await plan(draft, context.userId, context.callId, context.signal)
      objects.assertDecided(planned.reach, reach)
      const { place, text } = planned
      await objects.create(place, text, context)
      const id = objectIdOf({ collectionId: place.collection.id, name: `${context.callId}.ics`, recurrenceId: '' })
      return { content: `It is in the calendar ${quoted(nameOf(place), 200)}.${told(reach)}\nid: ${id}`, summary: `Created ${quoted(draft.title, 100)}` } // prettier-ignore
    },
  })
}

/** Changes an event, one occurrence of a series, or all of it. Everybody it names is where the change goes to. */
export function updateEvent({ now, zone, objects, reader, agenda }: CaldavWritingDeps): Operation<Change> {
  type Plan = { opened: OpenedEvent; text: string; reach: Reach }

  async function plan(args: Change, userId: string, callId: string | undefined, signal: AbortSignal): Promise<Plan> {
    const { id: _id, series: _series, ...fields } = args
    if (Object.keys(fields).length === 0) throw new AppError('invalid', 'Say what to change.')
    const change = changeOf(fields, zone)
    const opened = await writable(await agenda.open(userId, targetOf(args), signal), objects)
    const { details, etag } = opened
    const everybody = [...details.everybody, ...(change.attendees ?? [])]
    const text = await reader.change({ ...opened, zone }, change, metaOf(callId ?? '', now, opened.place), signal)
    return { opened, text, reach: objects.reachOf(opened.place, everybody, [`is ${etag}`], callId) }
  }

  return operation<Change>({
    ...WRITES,
    description:
      'Change an event by its id; what is left out stays. Of a series, the one occurrence of the id, or with series: true all of it. An empty text takes a field away',
    input: lazy(() => EventFields().partial().extend({ id: EventId(), series: z.boolean().optional() })),
    destructive: false,
    verify: (args, call) => objects.wasWritten(targetOf(args), 'calendar', false, call),
    inspect: async (args, userId, callId) => (await plan(args, userId, callId, patience())).reach,
    describe: (args) => {
      const { id: _id, series: _series, ...fields } = args
      const details = agenda.known(targetOf(args))
      return `Change ${eventNamed(details, zone)}${seriesWords(args, details)}${saidOf(fields)}.${alsoTold(details)}`
    },
    reserve: (_args, { callId }, reach) => objects.reserve(callId, reach),
    release: ({ callId }) => objects.release(callId),
    run: async (args, context, reach) => {
      const planned = await plan(args, context.userId, context.callId, context.signal)
      objects.assertDecided(planned.reach, reach)
      const { opened, text } = planned
      await objects.replace(opened, text, context)
      const { title } = opened.details
      return { content: `It is changed.${told(reach)}`, summary: `Changed ${quoted(title, 100)}`, labels: NOTHING_READ }
    },
  })
}

/** Deletes an event, one occurrence of a series, or all of it. Nothing is kept of it here. */
export function deleteEvent({
  now,
  zone,
  objects,
  reader,
  agenda,
}: CaldavWritingDeps): Operation<{ id: string; series?: boolean | undefined }> {
  async function plan(
    args: { id: string; series?: boolean | undefined },
    userId: string,
    callId: string | undefined,
    signal: AbortSignal,
  ) {
    const opened = await writable(await agenda.open(userId, targetOf(args), signal), objects)
    return { opened, reach: objects.reachOf(opened.place, opened.details.everybody, [`is ${opened.etag}`], callId) }
  }

  return operation<{ id: string; series?: boolean | undefined }>({
    ...WRITES,
    description: 'Delete an event by its id; of a series, the one occurrence of the id, or with series: true all of it',
    input: lazy(() => z.strictObject({ id: EventId(), series: z.boolean().optional() })),
    destructive: true,
    verify: (args, call) => objects.wasWritten(targetOf(args), 'calendar', true, call),
    inspect: async (args, userId, callId) => (await plan(args, userId, callId, patience())).reach,
    describe: (args) => {
      const details = agenda.known(targetOf(args))
      return `Delete ${eventNamed(details, zone)}${seriesWords(args, details)}.${alsoTold(details)}`
    },
    reserve: (_args, { callId }, reach) => objects.reserve(callId, reach),
    release: ({ callId }) => objects.release(callId),
    run: async (args, context, reach) => {
      const { opened, reach: is } = await plan(args, context.userId, context.callId, context.signal)
      objects.assertDecided(is, reach)
      const { recurrenceId, details } = opened
      const meta = metaOf(context.callId, now, opened.place)
      const rest = recurrenceId === '' ? undefined : await reader.cut({ ...opened, zone }, meta, context.signal)
      if (rest === undefined) await objects.remove(opened, context)
      else await objects.replace(opened, rest, context)
      return {
        content: `It is deleted.${told(reach)}`,
        summary: `Deleted ${quoted(details.title, 100)}`,
        labels: NOTHING_READ,
      }
    },
  })
}

/** The id of the whole series where that is meant. */
function targetOf({ id, series }: { id: string; series?: boolean | undefined }): string {
  return series === true ? objectIdOf({ ...objectPlaceOf(id), recurrenceId: '' }) : id
}

async function writable<T extends Opened>(opened: T, objects: DavObjects): Promise<T> {
  if (opened.etag === '') throw new AppError('upstream_failed', 'The server gives no version of it, so that changing it could undo what others did. Change it with another program.') // prettier-ignore
  const place = await objects.now(opened.place)
  if (place.collection.readOnly) throw new AppError('forbidden', 'This calendar may be read, not written to.')
  return { ...opened, place }
}

/** As the owner, where it is known who that is for the server. */
function metaOf(callId: string, now: Clock, { account }: Place): Meta {
  const organizer = account.addresses[0] ?? (/^[^\s@]+@[^\s@]+$/.test(account.username) ? account.username : undefined)
  return { callId, now: now().toISOString(), ...(organizer === undefined ? {} : { organizer }) }
}

function seriesWords({ series }: { series?: boolean | undefined }, details: EventDetails | undefined): string {
  if (!details || details.rule === '') return ''
  return series === true || details.recurrenceId === '' ? ', the whole series' : ', this occurrence only'
}

function alsoTold(details: EventDetails | undefined): string {
  if (!details || details.everybody.length === 0) return ''
  return ` Its server may write to ${details.everybody
    .slice(0, 20)
    .map((one) => quoted(one, 320))
    .join(', ')}.`
}

function told({ destinations = [] }: Reach): string {
  const whom = destinations.filter(({ class: kind }) => kind !== 'unlisted').map(({ address }) => address)
  return whom.length === 0 ? '' : ` The server may write to ${whom.join(', ')}.`
}
