import { AppError } from '../errors.ts'
import type { CalendarReader } from './calendars.ts'
import type { EventDetails, Occurrence } from './ical/jobs.ts'
import { nameBelow, objectIdOf } from './object-id.ts'
import { fromEach, nameOf, type DavObjects, type Opened } from './objects.ts'
import type { Place } from './dav.ts'
import type { Stored } from './wire.ts'

const DAY_MS = 86_400_000
const MOST_KNOWN = 500

export type Listed = Occurrence & { id: string; calendar: string }
export type Span = { from: number; to: number }
export type OpenedEvent = Opened & { details: EventDetails }

export type Agenda = ReturnType<typeof createAgenda>

/** What lies in the calendars of a user, worked out here: servers say which objects, not which occurrences. */
export function createAgenda({ objects, reader, zone }: { objects: DavObjects; reader: CalendarReader; zone: string }) {
  const known = new Map<string, EventDetails & { calendar: string }>()

  function remember(id: string, place: Place, details: EventDetails): void {
    known.delete(id)
    known.set(id, { ...details, calendar: nameOf(place) })
    if (known.size > MOST_KNOWN) known.delete(known.keys().next().value!)
  }

  /** The earliest `most`, of every calendar or of one. `notes`: what is missing from it, and why. */
  async function list(
    userId: string,
    calendar: string | undefined,
    span: Span & { most: number },
    signal: AbortSignal,
  ) {
    const places = await objects.places(userId, 'calendar', calendar, signal)
    const { answers, problems } = await fromEach(places, ({ collection, wire }) =>
      wire.report(collection.url, { calendar: inside(span) }, 'reading the calendar'),
    )
    const events: Listed[] = []
    let [more, unreadable] = [false, 0]
    for (const { place, answer } of answers) {
      const found = await reader.list(
        answer.map(({ data }) => data),
        { ...span, zone },
        signal,
      )
      events.push(...found.occurrences.flatMap((one) => listed(place, answer[one.object]!, one)))
      more ||= found.more
      unreadable += found.unreadable
    }
    events.sort((a, b) => key(a).localeCompare(key(b)))
    const notes = [
      ...problems,
      ...(unreadable === 0
        ? []
        : [`${unreadable} entries could not be worked out: they are damaged, or repeat without end.`]),
    ]
    return {
      events: events.slice(0, span.most),
      more: more || events.length > span.most,
      notes,
      calendars: places.length,
    }
  }

  return {
    list,

    async open(userId: string, id: string, signal: AbortSignal): Promise<OpenedEvent> {
      const opened = await objects.open(userId, id, 'calendar', signal)
      const { data, recurrenceId } = opened
      const details = await reader.details({ data, recurrenceId, zone }, signal)
      remember(id, opened.place, details)
      return { ...opened, details }
    },

    /** An event that was looked at lately, for the sentence of a card. */
    known: (id: string) => known.get(id),

    /** When somebody is busy, in pieces that do not touch. */
    async busy(userId: string, span: Span, signal: AbortSignal) {
      const { events, more, notes } = await list(userId, undefined, { ...span, most: 2_000 }, signal)
      if (more) throw new AppError('too_large', 'There are more than 2,000 events in that time. Ask for a shorter one.')
      const taken = events.filter(({ cancelled, free, allDay }) => !cancelled && !free && !allDay)
      const days = events.filter(({ cancelled, free, allDay }) => !cancelled && !free && allDay)
      return {
        pieces: merged(
          taken.map(({ start, end }) => ({ from: Date.parse(start), to: Date.parse(end) })),
          span,
        ),
        days,
        notes,
      }
    },
  }
}

/** @NOTE an end after the last, so that a day comes before the times of the same day. */
const key = ({ start, title }: Listed): string => `${start}${start.length === 10 ? 'T00' : ''} ${title}`

function listed(place: Place, stored: Stored, one: Occurrence): Listed[] {
  const name = nameBelow(place.collection.url, stored.url)
  if (name === undefined) return []
  const id = objectIdOf({ collectionId: place.collection.id, name, recurrenceId: one.recurrenceId })
  return [{ ...one, id, calendar: nameOf(place) }]
}

/** RFC 4791, 9.9. @NOTE wider by a day: servers take days and times of no zone as UTC. */
function inside({ from, to }: Span): object {
  const [start, end] = [from - DAY_MS, to + DAY_MS].map((at) => new Date(at).toISOString().replace(/[-:]|\.\d{3}/g, ''))
  const range = { 'time-range': { _attributes: { start, end } } }
  return {
    'comp-filter': { _attributes: { name: 'VCALENDAR' }, 'comp-filter': { _attributes: { name: 'VEVENT' }, ...range } },
  }
}

function merged(pieces: Span[], span: Span): Span[] {
  const result: Span[] = []
  const within = pieces.map(({ from, to }) => ({ from: Math.max(from, span.from), to: Math.min(to, span.to) }))
  for (const piece of within.filter(({ from, to }) => to > from).toSorted((a, b) => a.from - b.from)) {
    const last = result.at(-1)
    if (last && piece.from <= last.to) last.to = Math.max(last.to, piece.to)
    else result.push({ ...piece })
  }
  return result
}
