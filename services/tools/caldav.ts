import { z } from 'zod'
import { operation, type Tool } from '../agent/tool.ts'
import type { Agenda } from '../dav/agenda.ts'
import type { DavAccounts } from '../dav/accounts.ts'
import { usable } from '../dav/account-rows.ts'
import { rangeOf, spanText } from '../dav/when.ts'
import { visible } from '../policy/sanitize.ts'
import { lazy } from '../shapes/lazy.ts'
import { about, eventLine, eventNamed, eventText, EventId } from './caldav-wording.ts'
import { createEvent, deleteEvent, updateEvent, type CaldavWritingDeps } from './caldav-writing.ts'
import { LOOKS } from './email-looking.ts'
import { named, quoted } from './wording.ts'

export type CaldavToolDeps = CaldavWritingDeps & { accounts: Pick<DavAccounts, 'list' | 'collections'>; agenda: Agenda }

const MOST_LISTED = 100
const MOST_DAYS = 400

const When = lazy(() => z.string().max(40))
const Span = lazy(() => z.strictObject({ start: When(), end: When() }))

/** The calendars of a user's accounts: looked into, and written to. */
export function createCaldavTool(deps: CaldavToolDeps): Tool {
  const { agenda, accounts, zone } = deps
  const inZone = `Times are in ${zone}.`

  const list = operation<{ start: string; end: string; calendar?: string | undefined }>({
    ...LOOKS,
    description: 'Events from start to end (days or times), each occurrence of a series by itself; at most 100',
    input: lazy(() => Span().extend({ calendar: z.string().max(300).optional() })),
    inspect: () => ({}),
    describe: ({ start, end, calendar }) =>
      `List the events from ${quoted(start, 40)} to ${quoted(end, 40)}${calendar === undefined ? '' : ` in ${quoted(calendar, 100)}`}.`,
    run: async ({ start, end, calendar }, { userId, signal }) => {
      const span = { ...rangeOf(start, end, zone, MOST_DAYS), most: MOST_LISTED }
      const { events, more, notes } = await agenda.list(userId, calendar, span, signal)
      const rest = more ? [`Only the first ${MOST_LISTED} are shown; ask for a shorter time.`] : []
      const lines = events.length === 0 ? ['No events.'] : events.map((event) => eventLine(event, zone))
      return {
        content: [inZone, ...lines, ...[...rest, ...notes].map((note) => `[${visible(note)}]`)].join('\n'),
        summary: `${events.length} events`,
        source: 'the calendar',
      }
    },
  })

  const get = operation<{ id: string }>({
    ...LOOKS,
    description: 'A whole event, by the id from a list',
    input: lazy(() => z.strictObject({ id: EventId() })),
    inspect: () => ({}),
    describe: ({ id }) => `Look at ${eventNamed(agenda.known(id), zone)}.`,
    run: async ({ id }, { userId, signal }) => {
      const { details } = await agenda.open(userId, id, signal)
      return { content: `${inZone}\n${eventText(id, details, agenda.known(id)!.calendar, zone)}`, ...about(details) }
    },
  })

  const freeBusy = operation<{ start: string; end: string }>({
    ...LOOKS,
    description: 'When the owner is busy between start and end, and when free',
    input: Span,
    inspect: () => ({}),
    describe: ({ start, end }) => `Look when you are busy from ${quoted(start, 40)} to ${quoted(end, 40)}.`,
    run: async ({ start, end }, { userId, signal }) => {
      const span = rangeOf(start, end, zone, MOST_DAYS)
      const { pieces, days, notes } = await agenda.busy(userId, span, signal)
      const text = ({ from, to }: { from: number; to: number }) =>
        spanText({ allDay: false, start: new Date(from).toISOString(), end: new Date(to).toISOString() }, zone)
      const gaps = [span.from, ...pieces.map(({ to }) => to)].map((from, index) => ({ from, to: pieces[index]?.from ?? span.to })) // prettier-ignore
      const free = gaps.filter(({ from, to }) => to > from)
      const content = [
        inZone,
        `Busy: ${pieces.map(text).join('; ') || 'never'}`,
        ...(days.length === 0
          ? []
          : [`Taking whole days: ${days.map((day) => `${quoted(day.title, 100)} ${spanText(day, zone)}`).join('; ')}`]),
        `Free: ${free.map(text).join('; ') || 'never'}`,
        ...notes.map((note) => `[${visible(note)}]`),
      ]
      return { content: content.join('\n'), summary: `${pieces.length} busy times`, source: 'the calendar' }
    },
  })

  return {
    name: 'caldav',
    description: 'The calendars of the owner.',
    known: (userId) => {
      const all = accounts.list(userId).filter(({ enabled }) => enabled)
      const calendars = all.flatMap(({ id, label, checkedAt }) =>
        checkedAt === null
          ? [label]
          : usable(accounts.collections(id), 'calendar').map(({ name }) => `${label}/${name}`),
      )
      const line = named('Calendars', calendars)
      return line && `${line}. Times without an offset are in ${zone}.`
    },
    operations: {
      list_events: list,
      get_event: get,
      free_busy: freeBusy,
      create_event: createEvent(deps),
      update_event: updateEvent(deps),
      delete_event: deleteEvent(deps),
    },
  }
}
