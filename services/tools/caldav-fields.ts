import { z } from 'zod'
import type { EventChange } from '../dav/ical/jobs.ts'
import { asDay, whenIn, type When } from '../dav/when.ts'
import { invalidField } from '../errors.ts'
import { addressesIn } from '../mail/address-list.ts'
import { visible } from '../policy/sanitize.ts'
import { lazy } from '../shapes/lazy.ts'
import { quoted } from './wording.ts'

const MOST_PEOPLE = 50
const MOST_MINUTES = 60 * 24 * 28

/** What an event is made of, as tools take it. */
export const EventFields = lazy(() =>
  z.strictObject({
    title: z.string().max(500),
    start: z.string().max(40),
    end: z.string().max(40),
    all_day: z.boolean(),
    location: z.string().max(500),
    description: z.string().max(20_000),
    attendees: z.union([z.string().max(10_000), z.array(z.string().max(1000)).max(MOST_PEOPLE)]),
    recurrence: z.string().max(500),
    reminder: z.int().min(0).max(MOST_MINUTES).nullable(),
  }),
)
type Given = z.infer<ReturnType<typeof EventFields>>
export type EventFields = { [Field in keyof Given]?: Given[Field] | undefined }
/** What is to be written. Throws `invalid`, naming the field. */
export function changeOf(fields: EventFields, zone: string): EventChange {
  const { title, location, description, attendees, recurrence, reminder } = fields
  if (title !== undefined && title.trim() === '') throw invalidField('title', 'Give it a title.')
  return {
    ...timesOf(fields, zone),
    ...plainTexts({ title, location, description }),
    ...(attendees === undefined ? {} : { attendees: people(attendees) }),
    ...(recurrence === undefined ? {} : { rule: recurrence.trim() }),
    ...(reminder === undefined ? {} : { reminder }),
  }
}

function timesOf({ start, end, all_day: allDay }: EventFields, zone: string): Pick<EventChange, 'start' | 'end'> {
  const whole = (when: When): When => (allDay === true ? asDay(when, zone) : when)
  const first = start === undefined ? undefined : whole(whenIn(start, zone, 'start'))
  const last = end === undefined ? undefined : whole(whenIn(end, zone, 'end'))
  if (allDay === true && !first) throw invalidField('start', 'Say from which day on.')
  if (allDay === false && [first, last].some((one) => one?.isDay))
    throw invalidField('start', 'Give a time, or leave all_day out.')
  if (first && last && first.isDay !== last.isDay)
    throw invalidField('end', 'Start and end are both days, or both times.')
  if (first && last && last.at < first.at) throw invalidField('end', 'It ends before it begins.')
  const local = ({ value, zone: of }: When) => (of === undefined ? { value } : { value, zone: of })
  return { ...(first ? { start: local(first) } : {}), ...(last ? { end: local(last) } : {}) }
}

function plainTexts(texts: Record<string, string | undefined>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(texts).flatMap(([name, text]) => (text === undefined ? [] : [[name, visible(text)]])),
  )
}

function people(list: string | readonly string[]): string[] {
  return [
    ...new Set(
      [list]
        .flat()
        .filter((one) => one.trim() !== '')
        .flatMap((one) => addressesIn(one, 'attendees')),
    ),
  ]
}

/** What the card says of each field. */
export function saidOf({
  title,
  start,
  end,
  all_day: allDay,
  location,
  description,
  attendees,
  recurrence,
  reminder,
}: EventFields): string {
  const parts = [
    ...(title === undefined ? [] : [`title ${quoted(title, 200)}`]),
    ...(start === undefined ? [] : [`start ${quoted(start, 40)}`]),
    ...(end === undefined ? [] : [`end ${quoted(end, 40)}`]),
    ...(allDay === true ? ['all day'] : []),
    ...(location === undefined ? [] : [`at ${quoted(location, 200)}`]),
    ...(attendees === undefined
      ? []
      : [
          `inviting ${
            [attendees]
              .flat()
              .map((one) => quoted(one, 320))
              .join(', ') || 'nobody'
          }`,
        ]),
    ...(recurrence === undefined ? [] : [`repeating by ${quoted(recurrence, 200)}`]),
    ...(reminder === undefined
      ? []
      : [reminder === null ? 'without a reminder' : `reminder ${reminder} minutes before`]),
    ...(description === undefined ? [] : [`description ${quoted(description, 200)}`]),
  ]
  return parts.length === 0 ? '' : `: ${parts.join(', ')}`
}
