import { z } from 'zod'
import type { ToolOutcome } from '../agent/tool.ts'
import type { Listed } from '../dav/agenda.ts'
import type { EventDetails, Person } from '../dav/ical/jobs.ts'
import { spanText } from '../dav/when.ts'
import { capped, visible } from '../policy/sanitize.ts'
import { lazy } from '../shapes/lazy.ts'
import { quoted } from './wording.ts'

const MOST_DESCRIPTION = 10_000

export const EventId = lazy(() => z.string().min(1).max(1500))

/** What a card calls an event; the words of others stand in quotation marks. */
export function eventNamed(details: (EventDetails & { calendar: string }) | undefined, zone: string): string {
  if (!details) return 'an event'
  return `${quoted(details.title, 100)} (${spanText(details, zone)}) in the calendar ${quoted(details.calendar, 100)}`
}

/** An event as a line of a list. */
export function eventLine(
  { id, title, location, calendar, recurring, cancelled, free, people, ...span }: Listed,
  zone: string,
): string {
  const facts = [
    ...(location === '' ? [] : [`at ${quoted(location, 100)}`]),
    `calendar ${quoted(calendar, 100)}`,
    ...(people === 0 ? [] : [`${people} invited`]),
    ...(recurring ? ['repeats'] : []),
    ...(free ? ['takes no time'] : []),
    ...(cancelled ? ['cancelled'] : []),
  ]
  return `- ${spanText(span, zone)}: ${quoted(title, 200)}, ${facts.join(', ')}\n  id: ${id}`
}

/** A whole event for the model. */
export function eventText(id: string, details: EventDetails, calendar: string, zone: string): string {
  const { title, location, description, rule, recurrenceId, organizer, attendees, reminders, attachments, url } =
    details
  const lines = [
    `id: ${id}`,
    `Title: ${quoted(title, 500)}`,
    `When: ${spanText(details, zone)}${details.cancelled ? ' (cancelled)' : ''}${details.free ? ' (takes no time)' : ''}`,
    `Calendar: ${quoted(calendar, 200)}`,
    ...(details.zone === '' || details.zone === zone ? [] : [`Written in the zone ${quoted(details.zone, 100)}`]),
    ...(rule === '' ? [] : [`Repeats: ${quoted(rule, 300)}${recurrenceId === '' ? '; this is the whole series' : '; this is one occurrence'}`]), // prettier-ignore
    ...(location === '' ? [] : [`Where: ${quoted(location, 500)}`]),
    ...(url === '' ? [] : [`Address: ${quoted(url, 500)}`]),
    ...(organizer === null ? [] : [`Invited by: ${person(organizer)}`]),
    ...(attendees.length === 0 ? [] : [`Attendees: ${attendees.map(person).join(', ')}`]),
    ...(reminders.length === 0 ? [] : [`Reminders: ${reminders.map((one) => quoted(one, 40)).join(', ')}`]),
    ...(attachments === 0 ? [] : [`Attachments: ${attachments}, not opened here`]),
  ]
  const text = description === '' ? '' : `\n\n${capped(visible(description), MOST_DESCRIPTION)}`
  return lines.join('\n') + text
}

function person({ address, name, answer }: Person): string {
  const known = name === '' ? '' : `${quoted(name, 80)} `
  return `${known}<${visible(address).replace(/[\s<>"]+/g, '')}>${answer === undefined ? '' : ` (${visible(answer)})`}`
}

/** What it is called where it matters who wrote it. */
export function about({ title, organizer }: EventDetails): Pick<ToolOutcome, 'summary' | 'source'> {
  const by =
    organizer === null
      ? ''
      : ` by ${visible(organizer.address)
          .replace(/[\s<>"]+/g, '')
          .slice(0, 200)}`
  return { summary: quoted(title, 100), source: `the calendar event ${quoted(title, 100)}${by}` }
}
