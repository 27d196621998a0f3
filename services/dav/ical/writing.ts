import ICAL from 'ical.js'
import { toUtc, zoneNamed } from '../zones.ts'
import {
  eventsOf,
  idOfTime,
  isOverride,
  isRecurring,
  momentOf,
  parsed,
  Problem,
  readable,
  type Component,
  type Time,
} from './component.ts'
import type { EventChange, Local, Meta } from './jobs.ts'
import { addressIn, startOf } from './reading.ts'
import { localText, vtimezoneOf } from './vtimezone.ts'

/** By which an object is known again as written by a call. */
const MARK = 'x-steward-call'
const PRODUCT = '-//Steward//Steward//EN'
const RULES = ['DAILY', 'WEEKLY', 'MONTHLY', 'YEARLY']

type Target = { calendar: Component; recurrenceId: string; zone: string }

/** A new event (RFC 5545). Its UID is the call that makes it. */
export function madeEvent(change: EventChange, meta: Meta): string {
  const calendar = new ICAL.Component(['vcalendar', [], []])
  calendar.updatePropertyWithValue('version', '2.0')
  calendar.updatePropertyWithValue('prodid', PRODUCT)
  const event = new ICAL.Component('vevent')
  event.updatePropertyWithValue('uid', meta.callId)
  calendar.addSubcomponent(event)
  apply(event, change, meta)
  return finished(calendar, [event], meta)
}

/** An event or series changed, or one occurrence of a series; what is not spoken of stays. */
export function changedEvent(data: string, of: Omit<Target, 'calendar'>, change: EventChange, meta: Meta): string {
  const calendar = parsed(data)
  const target = { calendar, ...of }
  const event = of.recurrenceId === '' ? masterOf(calendar) : overrideFor(target, data)
  if (of.recurrenceId !== '' && change.rule !== undefined)
    throw new Problem('One occurrence has no rule of its own. Say series: true to change the rule of the whole series.')
  const before = of.recurrenceId === '' && change.start ? shiftOf(event, change.start, of.zone) : 0
  apply(event, inZoneOf(event, change), meta)
  if (before !== 0) shiftExceptions(calendar, before)
  return finished(calendar, [event], meta)
}

/** A series without one of its occurrences; undefined where nothing is left. */
export function withoutOccurrence(data: string, of: Omit<Target, 'calendar'>, meta: Meta): string | undefined {
  const calendar = parsed(data)
  const override = overrideIn({ calendar, ...of }, data)
  if (override) calendar.removeSubcomponent(override)
  const master = eventsOf(calendar).find((event) => !isOverride(event))
  if (!master)
    return eventsOf(calendar).length === 0 ? undefined : finished(calendar, eventsOf(calendar).slice(0, 1), meta)
  const start = override
    ? originalOf(override)
    : startOf(new ICAL.Event(readableMaster(data)), of.recurrenceId, of.zone)
  addTime(master, 'exdate', start, zoneParameter(master))
  return finished(calendar, [master], meta)
}

function apply(event: Component, change: EventChange, meta: Meta): void {
  for (const [name, value] of [
    ['summary', change.title],
    ['location', change.location],
    ['description', change.description],
  ] as const)
    // prettier-ignore
    if (value !== undefined) setText(event, name, value)
  if (change.start || change.end) setSpan(event, change)
  if (change.attendees) setAttendees(event, change.attendees, meta.organizer)
  if (change.rule !== undefined) setRule(event, change.rule)
  if (change.reminder !== undefined) setReminder(event, change.reminder)
}

function setText(event: Component, name: string, value: string): void {
  if (value === '') event.removeAllProperties(name)
  else event.updatePropertyWithValue(name, value)
}

/** Where only the start is given, it lasts as long as before. */
function setSpan(event: Component, { start, end }: EventChange): void {
  const old = new ICAL.Event(event)
  const had = event.hasProperty('dtstart') ? old.duration : undefined
  if (start) {
    event.removeAllProperties('dtstart')
    addTime(event, 'dtstart', timeOf(start), start.zone)
  }
  const begins = event.getFirstPropertyValue('dtstart') as Time
  event.removeAllProperties('duration')
  event.removeAllProperties('dtend')
  const zone = start ? start.zone : zoneParameter(event)
  if (end) return addTime(event, 'dtend', endOf(end, begins), end.zone)
  const ends = begins.clone()
  ends.addDuration(had && wasOf(old, begins) ? had : ICAL.Duration.fromSeconds(begins.isDate ? 86_400 : 3_600))
  addTime(event, 'dtend', ends, zone)
}

/** A day's length says nothing about an hour's. */
const wasOf = ({ duration }: InstanceType<typeof ICAL.Event>, begins: Time): boolean =>
  !begins.isDate || duration.toSeconds() % 86_400 === 0

/** The last day of an event is named by the one after it (RFC 5545, 3.8.2.2). */
function endOf(end: Local, begins: Time): Time {
  const time = timeOf(end)
  if (time.isDate !== begins.isDate) throw new Problem('Start and end are both days, or both times.')
  if (time.isDate) time.adjust(1, 0, 0, 0)
  if (time.compare(floating(begins)) <= 0 && (time.isDate || time.compare(floating(begins)) < 0))
    throw new Problem('It ends before it begins.')
  return time
}

function floating(time: Time): Time {
  return ICAL.Time.fromString(time.toString().replace(/Z$/, ''), undefined as never)
}

const timeOf = ({ value }: Local): Time => ICAL.Time.fromString(value, undefined as never)

/** @NOTE the zone stands beside the time, which itself has none. UTC has no VTIMEZONE. */
function addTime(event: Component, name: string, time: Time, zone: string | undefined): void {
  const property = new ICAL.Property(name)
  const plain = time.isDate ? time : floating(time)
  if (!plain.isDate && zone === 'UTC') plain.zone = ICAL.Timezone.utcTimezone
  property.setValue(plain)
  if (!plain.isDate && zone !== undefined && zone !== 'UTC') property.setParameter('tzid', zone)
  event.addProperty(property)
}

/** In what zone the times of an event are written; undefined for days and for times of no zone. */
function zoneParameter(event: Component): string | undefined {
  const property = event.getFirstProperty('dtstart')
  const tzid: unknown = property?.getParameter('tzid')
  if (typeof tzid === 'string') return tzid
  return (property?.getFirstValue() as Time | undefined)?.zone?.tzid === 'UTC' ? 'UTC' : undefined
}

/** A series stays in its own zone, so that it goes on by its own clock. */
function inZoneOf(event: Component, change: EventChange): EventChange {
  const own = zoneNamed(zoneParameter(event) ?? '')
  if (own === undefined || !isRecurring(event)) return change
  const moved = (local: Local | undefined): Local | undefined => {
    if (local?.zone === undefined) return local
    return { value: localText(own, toUtc(local.zone, Date.parse(`${local.value}Z`))), zone: zoneParameter(event) }
  }
  return { ...change, start: moved(change.start), end: moved(change.end) }
}

/** Who stays keeps what they answered; the owner invites. */
function setAttendees(event: Component, wanted: readonly string[], organizer: string | undefined): void {
  const keyOf = (address: string) => address.toLowerCase()
  const keep = new Set(wanted.map(keyOf))
  for (const property of event.getAllProperties('attendee')) {
    const key = keyOf(addressIn(String(property.getFirstValue())))
    if (keep.has(key)) keep.delete(key)
    else event.removeProperty(property)
  }
  for (const address of wanted.filter((one) => keep.has(keyOf(one)))) {
    const property = new ICAL.Property('attendee')
    property.setValue(`mailto:${address}`)
    for (const [key, value] of [['role', 'REQ-PARTICIPANT'], ['partstat', 'NEEDS-ACTION'], ['rsvp', 'TRUE']]) property.setParameter(key!, value!) // prettier-ignore
    event.addProperty(property)
  }
  if (wanted.length > 0 && organizer !== undefined && !event.hasProperty('organizer'))
    event.updatePropertyWithValue('organizer', `mailto:${organizer}`)
}

function setRule(event: Component, text: string): void {
  event.removeAllProperties('rrule')
  if (text === '') return
  const rule = ruleOf(text)
  const start = event.getFirstPropertyValue('dtstart') as Time
  // @NOTE a rule that never comes true goes on for ever here, and ends with the thread's time.
  const iterator = rule.iterator(floating(start))
  if (iterator.next() === null || (iterator.next() === null && rule.count === null && rule.until === null))
    throw new Problem('By that rule it never happens again.')
  event.addPropertyWithValue('rrule', rule)
}

function ruleOf(text: string): InstanceType<typeof ICAL.Recur> {
  try {
    const rule = ICAL.Recur.fromString(text.trim().replace(/^RRULE:/i, ''))
    if (RULES.includes(rule.freq)) return rule
  } catch {
    // said below
  }
  throw new Problem(
    'That is no rule for repeating. Write an RRULE such as FREQ=WEEKLY;BYDAY=MO,WE;COUNT=10, by days, weeks, months or years.',
  )
}

function setReminder(event: Component, minutes: number | null): void {
  event.removeAllSubcomponents('valarm')
  if (minutes === null) return
  const alarm = new ICAL.Component('valarm')
  alarm.updatePropertyWithValue('action', 'DISPLAY')
  alarm.updatePropertyWithValue('description', 'Reminder')
  alarm.updatePropertyWithValue('trigger', ICAL.Duration.fromSeconds(-60 * minutes))
  event.addSubcomponent(alarm)
}

function masterOf(calendar: Component): Component {
  const event = eventsOf(calendar).find((one) => !isOverride(one)) ?? eventsOf(calendar)[0]
  if (event) return event
  throw new Problem('There is no event in it.')
}

/** @NOTE which occurrence it is can be told only with zones in place; the object itself is left as it was written. */
function overrideIn({ calendar, recurrenceId, zone }: Target, data: string): Component | undefined {
  const index = eventsOf(readable(data)).findIndex(
    (event) =>
      isOverride(event) && idOfTime(event.getFirstPropertyValue('recurrence-id') as Time, zone) === recurrenceId,
  )
  return index < 0 ? undefined : eventsOf(calendar)[index]
}

const originalOf = (override: Component): Time => override.getFirstPropertyValue('recurrence-id') as Time
const readableMaster = (data: string): Component => masterOf(readable(data))

/** The component of one occurrence: the one that is there, or a new one like the series (RFC 5545, 3.8.4.4). */
function overrideFor(target: Target, data: string): Component {
  const known = overrideIn(target, data)
  if (known) return known
  const master = masterOf(target.calendar)
  const series = new ICAL.Event(readableMaster(data))
  const start = startOf(series, target.recurrenceId, target.zone)
  const event = new ICAL.Component(structuredClone(master.toJSON()))
  for (const name of ['rrule', 'rdate', 'exdate', 'exrule', 'dtstart', 'dtend', 'duration'])
    event.removeAllProperties(name)
  const end = start.clone()
  end.addDuration(series.duration)
  const zone = zoneParameter(master)
  addTime(event, 'recurrence-id', start, zone)
  addTime(event, 'dtstart', start, zone)
  addTime(event, 'dtend', end, zone)
  target.calendar.addSubcomponent(event)
  return event
}

/** By how many seconds of local time a series is moved, where single occurrences of it have to move along. */
function shiftOf(event: Component, start: Local, zone: string): number {
  const old = event.getFirstPropertyValue('dtstart') as Time
  const moved = inZoneOf(event, { start }).start!
  const now = timeOf(moved)
  if (old.isDate !== now.isDate) return 0
  return (momentOf(floating(now), zone) - momentOf(floating(old), zone)) / 1000
}

function shiftExceptions(calendar: Component, seconds: number): void {
  for (const property of eventsOf(calendar).flatMap((event) => event.getAllProperties('rrule'))) {
    const rule = property.getFirstValue() as InstanceType<typeof ICAL.Recur>
    rule.until?.adjust(0, 0, 0, seconds)
    property.setValue(rule)
  }
  const properties = eventsOf(calendar).flatMap((event) => [...event.getAllProperties('exdate'), ...event.getAllProperties('recurrence-id')]) // prettier-ignore
  for (const property of properties) {
    const values = property.getValues() as Time[]
    for (const time of values) time.adjust(0, 0, 0, seconds)
    if (values.length === 1) property.setValue(values[0]!)
    else property.setValues(values)
  }
}

/** What goes to the server: marked, numbered, without what would write to others or fetch something, with its zones. */
function finished(calendar: Component, touched: readonly Component[], { callId, now }: Meta): string {
  const stamp = ICAL.Time.fromString(`${now.slice(0, 19)}Z`, undefined as never)
  for (const event of eventsOf(calendar)) {
    event.removeAllProperties(MARK)
    harmless(event)
  }
  for (const event of touched) {
    const sequence = Number(event.getFirstPropertyValue('sequence') ?? -1)
    event.updatePropertyWithValue('sequence', Number.isFinite(sequence) ? sequence + 1 : 0)
    event.updatePropertyWithValue('dtstamp', stamp)
    event.updatePropertyWithValue('last-modified', stamp)
    event.updatePropertyWithValue(MARK, callId)
  }
  addZones(calendar)
  return `${calendar.toString()}\r\n`
}

/** No alarm by mail, no sound or file from elsewhere. */
function harmless(event: Component): void {
  for (const alarm of event.getAllSubcomponents('valarm')) {
    const action = String(alarm.getFirstPropertyValue('action') ?? '').toUpperCase()
    if (action !== 'DISPLAY' && action !== 'AUDIO') event.removeSubcomponent(alarm)
    else alarm.removeAllProperties('attach')
  }
  for (const property of event.getAllProperties('attach'))
    if (property.type !== 'binary') event.removeProperty(property)
}

function addZones(calendar: Component): void {
  const there = new Set(calendar.getAllSubcomponents('vtimezone').map((zone) => zone.getFirstPropertyValue('tzid')))
  for (const property of eventsOf(calendar).flatMap((event) => event.getAllProperties())) {
    const tzid: unknown = property.getParameter('tzid')
    if (typeof tzid !== 'string' || there.has(tzid) || zoneNamed(tzid) !== tzid) continue
    there.add(tzid)
    const { year } = property.getFirstValue() as Time
    calendar.addSubcomponent(new ICAL.Component(ICAL.parse(vtimezoneOf(tzid, year - 1).trimEnd()) as unknown[]))
  }
}
