import ICAL from 'ical.js'
import { toUtc } from '../zones.ts'
import {
  eventsOf,
  idOfTime,
  isOverride,
  isRecurring,
  momentOf,
  Problem,
  readable,
  shownTime,
  textIn,
  type Component,
  type Time,
} from './component.ts'
import type { EventDetails, Occurrence, Person, Span } from './jobs.ts'

/** Of one series; a rule of every second would go on for ever. */
const MOST_STEPS = 100_000
const MOST_OF_ONE = 1_000
const MOST_PEOPLE = 100

type Range = { from: number; to: number; zone: string }
type Found = Omit<Occurrence, 'object'>
type Event = InstanceType<typeof ICAL.Event>

/** What of an object lies in a span of time, with every occurrence of a series. */
export function occurrencesIn(data: string, range: Range): Found[] {
  const events = eventsOf(readable(data))
  const overrides = events.filter(isOverride)
  const masters = events.filter((event) => !isOverride(event))
  const found = overrides.flatMap((event) => single(new ICAL.Event(event), range, true))
  for (const master of masters) {
    const event = new ICAL.Event(master, { exceptions: overrides, strictExceptions: false })
    found.push(...(isRecurring(master) ? series(event, range) : single(event, range, false)))
  }
  return found
}

function single(event: Event, range: Range, recurring: boolean): Found[] {
  const span = spanOf(event.startDate, event.endDate, range.zone)
  if (!overlaps(span, range)) return []
  const recurrenceId = recurring ? idOfTime(event.recurrenceId, range.zone) : ''
  return [facts(event, span, { recurring, recurrenceId })]
}

function series(event: Event, range: Range): Found[] {
  const found: Found[] = []
  const iterator = event.iterator()
  for (let step = 0; step < MOST_STEPS && found.length < MOST_OF_ONE; step++) {
    const next = iterator.next() as Time | null
    if (!next || momentOf(next, range.zone) >= range.to) return found
    const { item, startDate, endDate } = event.getOccurrenceDetails(next)
    // @NOTE what was moved is looked at by itself: it may have come from outside of the span.
    if (item !== event && !item.modifiesFuture()) continue
    const span = spanOf(startDate, endDate, range.zone)
    if (overlaps(span, range))
      found.push(facts(item, span, { recurring: true, recurrenceId: idOfTime(next, range.zone) }))
  }
  return found
}

function facts(event: Event, span: Span, series: { recurring: boolean; recurrenceId: string }): Found {
  const { component } = event
  return {
    ...span,
    ...series,
    title: textIn(component, 'summary', 300),
    location: textIn(component, 'location', 300),
    cancelled: textIn(component, 'status', 20).toUpperCase() === 'CANCELLED',
    free: textIn(component, 'transp', 20).toUpperCase() === 'TRANSPARENT',
    people: component.getAllProperties('attendee').length,
  }
}

function spanOf(start: Time, end: Time, zone: string): Span {
  return { allDay: start.isDate, start: shownTime(start, zone), end: shownTime(end, zone) }
}

function overlaps({ start, end }: Span, { from, to, zone }: Range): boolean {
  const [first, last] = [moment(start, zone), moment(end, zone)]
  return first < to && (last > from || (last <= first && first >= from))
}

/** Of what `shownTime` gave. */
export function moment(shown: string, zone: string): number {
  return shown.length === 10 ? toUtc(zone, Date.parse(shown)) : Date.parse(shown)
}

/** The part of an object that an id names: the event, the series, or one occurrence as it is now. */
export function detailsOf(data: string, recurrenceId: string, zone: string): EventDetails {
  const events = eventsOf(readable(data))
  const { event, start, end } = occurrenceIn(events, recurrenceId, zone)
  const { component } = event
  const attendees = component.getAllProperties('attendee').slice(0, MOST_PEOPLE).flatMap(personIn)
  const master = events.find((one) => !isOverride(one)) ?? component
  return {
    ...spanOf(start, end, zone),
    title: textIn(component, 'summary', 500),
    location: textIn(component, 'location', 500),
    description: textIn(component, 'description', 20_000),
    rule: String(master.getFirstPropertyValue('rrule') ?? ''),
    recurrenceId,
    cancelled: textIn(component, 'status', 20).toUpperCase() === 'CANCELLED',
    free: textIn(component, 'transp', 20).toUpperCase() === 'TRANSPARENT',
    organizer: component.getAllProperties('organizer').flatMap(personIn)[0] ?? null,
    attendees,
    everybody: [...new Set(events.flatMap(namedBy))],
    reminders: component
      .getAllSubcomponents('valarm')
      .map((alarm) => String(alarm.getFirstPropertyValue('trigger') ?? '')),
    attachments: component.getAllProperties('attach').length,
    url: textIn(component, 'url', 500),
    zone: start.isDate ? '' : start.zone.tzid,
  }
}

/** Throws Problem where a series has no such occurrence. */
function occurrenceIn(
  events: Component[],
  recurrenceId: string,
  zone: string,
): { event: Event; start: Time; end: Time } {
  const overrides = events.filter(isOverride)
  const own = overrides
    .map((one) => new ICAL.Event(one))
    .find((one) => idOfTime(one.recurrenceId, zone) === recurrenceId)
  if (own) return { event: own, start: own.startDate, end: own.endDate }
  const master = events.find((event) => !isOverride(event)) ?? events[0]
  if (!master) throw new Problem('There is no event in it.')
  const event = new ICAL.Event(master, { exceptions: overrides, strictExceptions: false })
  if (recurrenceId === '') return { event, start: event.startDate, end: event.endDate }
  const start = startOf(event, recurrenceId, zone)
  const { startDate, endDate, item } = event.getOccurrenceDetails(start)
  return { event: item, start: startDate, end: endDate }
}

/** When an occurrence of a series was meant to be, in the series' own terms. */
export function startOf(event: Event, recurrenceId: string, zone: string): Time {
  const iterator = event.iterator()
  for (let step = 0; step < MOST_STEPS; step++) {
    const next = iterator.next() as Time | null
    if (!next) break
    if (idOfTime(next, zone) === recurrenceId) return next
  }
  throw new Problem('The series has no such occurrence any more.')
}

function personIn(property: InstanceType<typeof ICAL.Property>): Person[] {
  const address = addressIn(String(property.getFirstValue() ?? ''))
  if (address === '') return []
  const [name, answer] = ['cn', 'partstat'].map((key) => property.getParameter(key))
  return [
    {
      address,
      name: typeof name === 'string' ? name.slice(0, 200) : '',
      ...(typeof answer === 'string' ? { answer: answer.toLowerCase().slice(0, 30) } : {}),
    },
  ]
}

export const addressIn = (value: string): string =>
  value
    .replace(/^mailto:/i, '')
    .trim()
    .slice(0, 320)

/** Everybody to whom a server may write when the object changes. */
function namedBy(event: Component): string[] {
  const all = [...event.getAllProperties('attendee'), ...event.getAllProperties('organizer')]
  return all.map((property) => addressIn(String(property.getFirstValue() ?? ''))).filter((address) => address !== '')
}
