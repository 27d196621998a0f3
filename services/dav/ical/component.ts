import ICAL from 'ical.js'
import { offsetOfLocal, toUtc, zoneNamed } from '../zones.ts'

export type Component = InstanceType<typeof ICAL.Component>
export type Time = InstanceType<typeof ICAL.Time>

/** Thrown where what was asked cannot be done; the message is for the model and the owner. */
export class Problem extends Error {}

/** A zone by what the runtime knows of it. */
class NamedZone extends ICAL.Timezone {
  readonly zone: string

  constructor(tzid: string, zone: string) {
    super({ tzid })
    this.zone = zone
  }

  override utcOffset(time: Time): number {
    const { year, month, day, hour, minute, second } = time
    return offsetOfLocal(this.zone, Date.UTC(year, month - 1, day, hour, minute, second))
  }
}

/** As it stands, for writing. */
export function parsed(data: string): Component {
  const root: unknown = ICAL.parse(data)
  const one = Array.isArray(root) && Array.isArray(root[0]) ? (root[0] as unknown[]) : (root as unknown[])
  return new ICAL.Component(one)
}

/**
 * For reading: zones with IANA names are what the runtime knows of them, whatever a VTIMEZONE of that name says or lacks; those
 * of other names are as their VTIMEZONE describes them.
 */
export function readable(data: string): Component {
  const calendar = parsed(data)
  for (const zone of calendar.getAllSubcomponents('vtimezone')) {
    const tzid = String(zone.getFirstPropertyValue('tzid') ?? '')
    if (zoneNamed(tzid) !== undefined) calendar.removeSubcomponent(zone)
  }
  for (const event of calendar.getAllSubcomponents('vevent'))
    for (const property of event.getAllProperties()) known(property)
  return calendar
}

function known(property: { getParameter: (name: string) => unknown }): void {
  const tzid = property.getParameter('tzid')
  if (typeof tzid !== 'string' || ICAL.TimezoneService.has(tzid)) return
  const zone = zoneNamed(tzid)
  if (zone !== undefined) ICAL.TimezoneService.register(new NamedZone(tzid, zone), tzid)
}

export const eventsOf = (calendar: Component): Component[] => calendar.getAllSubcomponents('vevent')
export const isOverride = (event: Component): boolean => event.hasProperty('recurrence-id')
export const isRecurring = (event: Component): boolean => event.hasProperty('rrule') || event.hasProperty('rdate')

/** The moment of a time; one of no zone is meant in `zone`, and so is the beginning of a day. */
export function momentOf(time: Time, zone: string): number {
  const { year, month, day, hour, minute, second } = time
  const isFloating = time.isDate || time.zone.tzid === 'floating'
  if (!isFloating) return time.toUnixTime() * 1000
  return toUtc(
    zone,
    time.isDate ? Date.UTC(year, month - 1, day) : Date.UTC(year, month - 1, day, hour, minute, second),
  )
}

/** `2026-11-26`, or a moment in UTC. */
export function shownTime(time: Time, zone: string): string {
  return time.isDate ? time.toString().slice(0, 10) : new Date(momentOf(time, zone)).toISOString()
}

/** How an occurrence is named in ids: its original day, or its original moment. */
export function idOfTime(time: Time, zone: string): string {
  return shownTime(time, zone).replace(/[-:]|\.000/g, '')
}

export function textIn(component: Component, name: string, max: number): string {
  const value: unknown = component.getFirstPropertyValue(name)
  return typeof value === 'string' ? value.slice(0, max) : ''
}
