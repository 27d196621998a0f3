import { Cron } from 'croner'

/**
 * A cron expression on a clock that is never put forward or back: walls are milliseconds of wall-clock time, as if they
 * were UTC. Occurrences fall on whole seconds.
 */
export type Plan = {
  /** Whether it follows elapsed time (the hour field begins with `*`) rather than naming fixed times of the day. */
  interval: boolean
  /** The first one after `wall`; undefined when there is none any more. */
  next: (wall: number) => number | undefined
  /** How many there are after `from`, up to and with `to`. */
  count: (from: number, to: number) => number
}

const DAY = 86_400_000
const BASE = Date.UTC(2000, 0, 1)
const MOST_PLANS = 1_000
const CRON = { mode: '5-or-6-parts', utcOffset: 0, paused: true } as const

const plans = new Map<string, Plan>()

/** The plan of an expression. Throws what croner says of one that it cannot read. */
export function planOf(expression: string): Plan {
  const known = plans.get(expression)
  if (known) return known
  if (plans.size >= MOST_PLANS) plans.clear()
  const plan = createPlan(expression)
  plans.set(expression, plan)
  return plan
}

/** The expression as it is kept: single spaces, none at its ends. */
export const normalised = (expression: string): string => expression.trim().split(/\s+/).join(' ')

function createPlan(expression: string): Plan {
  const checked = new Cron(expression, CRON)
  const parts = checked.getPattern()!.split(' ')
  const [second, minute, hour, ...date] = parts.length === 5 ? ['0', ...parts] : parts
  const seconds = valuesOf(`${second} * * * * *`, 1_000, 60)
  const minutes = valuesOf(`0 ${minute} * * * *`, 60_000, 60)
  const hours = valuesOf(`0 0 ${hour} * * *`, 3_600_000, 24)
  const nextDay = daysOf(`0 0 0 ${date.join(' ')}`)
  const aDay = hours.length * minutes.length * seconds.length
  const first = (hours[0]! * 60 + minutes[0]!) * 60 + seconds[0]!

  /** The first time of a day after this second of it, as a second of the day. */
  function timeAfter(time: number): number | undefined {
    const [h, m, s] = split(time)
    const minuteStart = (h * 60 + m) * 60
    if (hours.includes(h) && minutes.includes(m)) {
      const found = seconds.find((value) => value > s)
      if (found !== undefined) return minuteStart + found
    }
    const laterMinute = hours.includes(h) ? minutes.find((value) => value > m) : undefined
    if (laterMinute !== undefined) return (h * 60 + laterMinute) * 60 + seconds[0]!
    const laterHour = hours.find((value) => value > h)
    return laterHour === undefined ? undefined : (laterHour * 60 + minutes[0]!) * 60 + seconds[0]!
  }

  /** How many times of a day there are up to and with this second of it. */
  function timesUpTo(time: number): number {
    const [h, m, s] = split(time)
    const inMinute = minutes.includes(m) ? upTo(seconds, s) : 0
    const inHour = hours.includes(h) ? upTo(minutes, m - 1) * seconds.length + inMinute : 0
    return upTo(hours, h - 1) * minutes.length * seconds.length + inHour
  }

  return {
    interval: hour!.startsWith('*'),

    next(wall) {
      const [today, time] = dayAndTime(wall)
      const day = nextDay(today)
      if (day === undefined) return undefined
      const later = day === today ? timeAfter(time) : first
      if (later !== undefined) return day * DAY + later * 1000
      const other = nextDay(today + 1)
      return other === undefined ? undefined : other * DAY + first * 1000
    },

    count(from, to) {
      const [dayFrom, timeFrom] = dayAndTime(from)
      const [dayTo, timeTo] = dayAndTime(to)
      let total = 0
      for (let day = nextDay(dayFrom); day !== undefined && day <= dayTo; day = nextDay(day + 1))
        total += (day === dayTo ? timesUpTo(timeTo) : aDay) - (day === dayFrom ? timesUpTo(timeFrom) : 0)
      return Math.max(total, 0)
    },
  }
}

/** The values of one field of the time, which croner is asked for. */
function valuesOf(expression: string, unit: number, size: number): number[] {
  const cron = new Cron(expression, CRON)
  const values: number[] = []
  let at = cron.nextRun(new Date(BASE - 1000))
  while (at !== null && at.getTime() < BASE + size * unit) {
    values.push((at.getTime() - BASE) / unit)
    at = cron.nextRun(at)
  }
  return values
}

/** The first day from this one on, both counted from 1970; the last answer is remembered. */
function daysOf(expression: string): (day: number) => number | undefined {
  const cron = new Cron(expression, CRON)
  let from = 0
  let answer: number | undefined = -1
  return (day) => {
    if (day >= from && (answer === undefined || day <= answer)) return answer
    const found = cron.nextRun(new Date(day * DAY - 1000))
    answer = found === null ? undefined : found.getTime() / DAY
    from = day
    return answer
  }
}

function dayAndTime(wall: number): [day: number, second: number] {
  const day = Math.floor(wall / DAY)
  return [day, Math.floor((wall - day * DAY) / 1000)]
}

const split = (time: number): [number, number, number] => [
  Math.floor(time / 3600),
  Math.floor(time / 60) % 60,
  time % 60,
]

/** How many of the values, which rise, are not above `most`. */
function upTo(values: readonly number[], most: number): number {
  const above = values.findIndex((value) => value > most)
  return above < 0 ? values.length : above
}
