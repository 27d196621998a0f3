import { planOf, type Plan } from './plan.ts'
import { zoneOf, type Zone } from './zone.ts'

/**
 * When a cron expression is due in a time zone. Fixed times that a daylight-saving gap swallows are due at the first
 * instant after it, those that a day has twice are due once, the first time. Intervals (the hour field begins with `*`)
 * follow elapsed time: they are due in both passes of a doubled hour, and what does not exist is left out. Instants rise
 * strictly: two times of the wall that land on one instant are one occurrence.
 */

/** More than any clock was ever put forward or back, or differs from UTC. */
const REACH = 26 * 3_600_000

/** The first occurrence after an instant; null when there is none any more. */
export function nextOccurrence(expression: string, timezone: string, after: Date): Date | null {
  const plan = planOf(expression)
  const next = plan.interval ? nextInterval : nextFixed
  const at = next(plan, zoneOf(timezone), after.getTime())
  return at === undefined ? null : new Date(at)
}

/** How many occurrences there are after an instant, up to and with another; as cheap for a year as for a minute. */
export function countOccurrences(expression: string, timezone: string, after: Date, until: Date): number {
  const plan = planOf(expression)
  const count = plan.interval ? countInterval : countFixed
  return until <= after ? 0 : count(plan, zoneOf(timezone), after.getTime(), until.getTime())
}

/** The n-th occurrence after an instant; there must be so many up to `until`. */
export function nthOccurrence(expression: string, timezone: string, after: Date, n: number, until: Date): Date {
  let low = Math.floor(after.getTime() / 1000)
  let high = Math.ceil(until.getTime() / 1000)
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2)
    if (countOccurrences(expression, timezone, after, new Date(middle * 1000)) >= n) high = middle
    else low = middle
  }
  return new Date(high * 1000)
}

function nextInterval(plan: Plan, zone: Zone, after: number): number | undefined {
  let [from, offset, shifted] = [after, zone.offsetAt(after), after]
  for (;;) {
    const wall = plan.next(from + offset)
    if (wall === undefined) return undefined
    const [shift] = zone.shiftsIn(shifted, wall - offset)
    if (!shift) return wall - offset
    ;[from, offset, shifted] = [shift.at - 1, shift.after, shift.at]
  }
}

function countInterval(plan: Plan, zone: Zone, after: number, until: number): number {
  let [from, offset, total] = [after, zone.offsetAt(after), 0]
  for (const shift of zone.shiftsIn(after, until)) {
    total += plan.count(from + offset, shift.at - 1 + offset)
    ;[from, offset] = [shift.at - 1, shift.after]
  }
  return total + plan.count(from + offset, until + offset)
}

function nextFixed(plan: Plan, zone: Zone, after: number): number | undefined {
  let wall = plan.next(reached(zone, after))
  while (wall !== undefined) {
    const at = instantOf(zone, wall)
    if (at > after) return at
    wall = plan.next(wall)
  }
  return undefined
}

function countFixed(plan: Plan, zone: Zone, after: number, until: number): number {
  const all = plan.count(reached(zone, after), reached(zone, until))
  const gaps = zone.shiftsIn(after, until).filter((shift) => shift.after > shift.before)
  return gaps.reduce((total, { at, before, after: later }) => {
    return total - Math.max(0, plan.count(at + before - 1, at + later) - 1)
  }, all)
}

/** The latest time of the wall that is over at this instant: within a second pass, the end of the first. */
function reached(zone: Zone, at: number): number {
  const wall = at + zone.offsetAt(at)
  const back = zone.shiftsIn(at - REACH, at).findLast(({ before, after }) => after < before)
  return back && wall < back.at + back.before ? back.at + back.before - 1 : wall
}

/** The first instant at which the wall shows this time, or the end of the gap that swallows it. */
function instantOf(zone: Zone, wall: number): number {
  let offset = zone.offsetAt(wall - REACH)
  for (const shift of zone.shiftsIn(wall - REACH, wall + REACH)) {
    if (wall - offset < shift.at) return wall - offset
    if (wall < shift.at + shift.after) return shift.at
    offset = shift.after
  }
  return wall - offset
}
