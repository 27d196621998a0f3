import { changesIn, toLocal } from '../zones.ts'

const DAYS = ['SU', 'MO', 'TU', 'WE', 'TH', 'FR', 'SA']
const YEARS_AHEAD = 10

type Turn = { local: number; from: number; to: number }

/**
 * A zone as a VTIMEZONE (RFC 5545, 3.6.5) from a year on: by yearly rules where its clock changes by them, else change by change
 * for ten years.
 */
export function vtimezoneOf(zone: string, year: number): string {
  const turns = turnsIn(zone, year)
  const { before } = changesIn(zone, year)
  const parts =
    turns.length === 0
      ? [observance('STANDARD', { local: Date.UTC(1970, 0, 1), from: before, to: before }, '')]
      : turns.length === 2 && turns.every((turn) => isYearly(zone, year, turn))
        ? turns.map((turn) => observance(kindOf(turn), turn, `RRULE:${yearlyRule(turn.local)}\r\n`))
        : several(zone, year)
  return `BEGIN:VTIMEZONE\r\nTZID:${zone}\r\n${parts.join('')}END:VTIMEZONE\r\n`
}

function several(zone: string, year: number): string[] {
  const years = Array.from({ length: YEARS_AHEAD }, (_, index) => year + index)
  const { before } = changesIn(zone, year)
  const first = observance('STANDARD', { local: Date.UTC(1970, 0, 1), from: before, to: before }, '')
  return [first, ...years.flatMap((one) => turnsIn(zone, one)).map((turn) => observance(kindOf(turn), turn, ''))]
}

/** Each change with the local time before it, which is what a VTIMEZONE counts by. */
function turnsIn(zone: string, year: number): Turn[] {
  const { before, changes } = changesIn(zone, year)
  return changes.map(({ at, offset }, index) => {
    const from = changes[index - 1]?.offset ?? before
    return { local: at + from * 1000, from, to: offset }
  })
}

const kindOf = ({ from, to }: Turn): string => (to > from ? 'DAYLIGHT' : 'STANDARD')

function isYearly(zone: string, year: number, turn: Turn): boolean {
  const rule = yearlyRule(turn.local)
  return [1, 2, 3, 4].every((ahead) =>
    turnsIn(zone, year + ahead).some((one) => one.to === turn.to && yearlyRule(one.local) === rule),
  )
}

/** The last, or the nth, such weekday of the month. */
function yearlyRule(local: number): string {
  const date = new Date(local)
  const day = date.getUTCDate()
  const last = new Date(Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1, 0)).getUTCDate()
  const nth = day > last - 7 ? -1 : Math.ceil(day / 7)
  return `FREQ=YEARLY;BYMONTH=${date.getUTCMonth() + 1};BYDAY=${nth}${DAYS[date.getUTCDay()]}`
}

function observance(kind: string, { local, from, to }: Turn, rule: string): string {
  const start = new Date(local).toISOString().replace(/[-:]|\.\d{3}Z/g, '')
  return `BEGIN:${kind}\r\nDTSTART:${start}\r\n${rule}TZOFFSETFROM:${offset(from)}\r\nTZOFFSETTO:${offset(to)}\r\nEND:${kind}\r\n`
}

function offset(seconds: number): string {
  const [minutes, rest] = [Math.floor(Math.abs(seconds) / 60), Math.abs(seconds) % 60]
  const two = (n: number) => String(n).padStart(2, '0')
  return `${seconds < 0 ? '-' : '+'}${two(Math.floor(minutes / 60))}${two(minutes % 60)}${rest === 0 ? '' : two(rest)}`
}

/** The local time of a zone at a moment, as iCalendar and we write it: `2026-11-26T10:00:00`. */
export const localText = (zone: string, at: number): string => new Date(toLocal(zone, at)).toISOString().slice(0, 19)
