import { invalidField } from '../errors.ts'
import type { Local, Span } from './ical/jobs.ts'
import { toLocal, toUtc } from './zones.ts'

const DAY_MS = 86_400_000
const DATE = /^\d{4}-\d{2}-\d{2}$/
const TIME = /^(\d{4}-\d{2}-\d{2})[T ](\d{2}:\d{2})(:\d{2})?(?:\.\d+)?\s*(Z|[+-]\d{2}:?\d{2})?$/i
const NOT_A_TIME =
  'Write a day such as 2026-11-26 or a time such as 2026-11-26T10:00, in the zone of the owner or with Z or an offset.'

/** A day, or a local time of the owner's zone; `at`: the moment, of a day its beginning. */
export type When = Local & { at: number; isDay: boolean }

/** Throws `invalid`, naming the field. */
export function whenIn(text: string, zone: string, path: string): When {
  const value = text.trim()
  if (DATE.test(value) && isReal(value)) return { value, at: toUtc(zone, Date.parse(value)), isDay: true }
  const [, date, minutes, seconds = ':00', offset] = TIME.exec(value) ?? []
  if (date === undefined || !isReal(date) || Number.isNaN(Date.parse(`${date}T${minutes}${seconds}Z`)))
    throw invalidField(path, NOT_A_TIME)
  const local = `${date}T${minutes}${seconds}`
  const at = offset === undefined ? toUtc(zone, Date.parse(`${local}Z`)) : Date.parse(`${local}${offset.toUpperCase()}`)
  return { value: new Date(toLocal(zone, at)).toISOString().slice(0, 19), zone, at, isDay: false }
}

const isReal = (date: string): boolean => new Date(`${date}T00:00:00Z`).toISOString().startsWith(date)

/** The day that a time lies on, without its time. */
export const asDay = ({ value }: When, zone: string): When => whenIn(value.slice(0, 10), zone, 'start')

/** From the start to the end of a span of time; a day as its end is meant with all its hours. Throws `invalid`. */
export function rangeOf(start: string, end: string, zone: string, mostDays: number): { from: number; to: number } {
  const first = whenIn(start, zone, 'start')
  const last = whenIn(end, zone, 'end')
  const to = last.isDay ? toUtc(zone, Date.parse(last.value) + DAY_MS) : last.at
  if (to <= first.at) throw invalidField('end', 'The end lies before the start.')
  if (to - first.at > (mostDays + 1) * DAY_MS) throw invalidField('end', `Ask for at most ${mostDays} days at once.`)
  return { from: first.at, to }
}

/** A span in the owner's zone: `2026-11-26 (Thu) 10:00–11:00`. */
export function spanText({ allDay, start, end }: Span, zone: string): string {
  if (allDay) {
    const last = new Date(Date.parse(end) - DAY_MS).toISOString().slice(0, 10)
    return last > start ? `${dayText(start)} – ${dayText(last)}, all day` : `${dayText(start)}, all day`
  }
  const [from, to] = [start, end].map((moment) => new Date(toLocal(zone, Date.parse(moment))).toISOString())
  const [firstDay, lastDay] = [from!.slice(0, 10), to!.slice(0, 10)]
  const last = firstDay === lastDay ? to!.slice(11, 16) : ` ${dayText(lastDay)} ${to!.slice(11, 16)}`
  if (from === to) return `${dayText(firstDay)} ${from!.slice(11, 16)}`
  return `${dayText(firstDay)} ${from!.slice(11, 16)}${firstDay === lastDay ? '–' : ' –'}${last}`
}

function dayText(date: string): string {
  const weekday = new Intl.DateTimeFormat('en-GB', { weekday: 'short', timeZone: 'UTC' }).format(Date.parse(date))
  return `${date} (${weekday})`
}
