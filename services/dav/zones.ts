/** Time zones by their IANA names, as this runtime knows them; pure, with a table of each year's changes of the clock. */

const WEEK_MS = 7 * 86_400_000
const SECOND_MS = 1000

type Change = { at: number; offset: number }

const formats = new Map<string, Intl.DateTimeFormat | null>()
const tables = new Map<string, Change[]>()

/** The IANA name that a TZID stands for, also with the path that some programs put before it; undefined for none. */
export function zoneNamed(tzid: string): string | undefined {
  const parts = tzid.split('/').filter(Boolean)
  return [tzid, parts.slice(-2).join('/'), parts.slice(-3).join('/')].find(
    (name) => name !== '' && formatOf(name) !== null,
  )
}

/** Seconds east of UTC at a moment. */
export function offsetAt(zone: string, at: number): number {
  const table = tableOf(zone, new Date(at).getUTCFullYear())
  return table.findLast((change) => change.at <= at)?.offset ?? table[0]!.offset
}

/**
 * Seconds east of UTC at a local time, given as if it were UTC. One that is there twice is the first, one that is skipped is
 * taken with the offset before (RFC 5545, 3.3.5).
 */
export function offsetOfLocal(zone: string, local: number): number {
  const before = offsetAt(zone, local - 86_400_000)
  const after = offsetAt(zone, local + 86_400_000)
  if (before === after || offsetAt(zone, local - before * SECOND_MS) === before) return before
  return offsetAt(zone, local - after * SECOND_MS) === after ? after : before
}

export const toUtc = (zone: string, local: number): number => local - offsetOfLocal(zone, local) * SECOND_MS
export const toLocal = (zone: string, at: number): number => at + offsetAt(zone, at) * SECOND_MS

/** Changes of the clock in a year, with what was there before the first one in `before`. */
export function changesIn(zone: string, year: number): { before: number; changes: Change[] } {
  const [first, ...changes] = tableOf(zone, year)
  return { before: first!.offset, changes }
}

function tableOf(zone: string, year: number): Change[] {
  const key = `${zone} ${year}`
  const known = tables.get(key)
  if (known) return known
  const table = computed(zone, year)
  if (tables.size > 2000) tables.clear()
  tables.set(key, table)
  return table
}

function computed(zone: string, year: number): Change[] {
  const [start, end] = [Date.UTC(year, 0, 1), Date.UTC(year + 1, 0, 1)]
  const table = [{ at: start, offset: asked(zone, start) }]
  for (let at = start; at < end; at += WEEK_MS) {
    const next = Math.min(at + WEEK_MS, end - SECOND_MS)
    const offset = asked(zone, next)
    if (offset !== table.at(-1)!.offset) table.push({ at: changeBetween(zone, at, next), offset })
  }
  return table
}

/** The first second with the offset of `high`. */
function changeBetween(zone: string, low: number, high: number): number {
  const offset = asked(zone, high)
  let [from, to] = [low / SECOND_MS, high / SECOND_MS]
  while (to - from > 1) {
    const middle = Math.floor((from + to) / 2)
    if (asked(zone, middle * SECOND_MS) === offset) to = middle
    else from = middle
  }
  return to * SECOND_MS
}

function asked(zone: string, at: number): number {
  const parts = formatOf(zone)!.formatToParts(at)
  const value = (type: string) => Number(parts.find((part) => part.type === type)!.value)
  const local = Date.UTC(
    value('year'),
    value('month') - 1,
    value('day'),
    value('hour'),
    value('minute'),
    value('second'),
  )
  return Math.round((local - at) / SECOND_MS)
}

/** Null for what is no zone. */
function formatOf(zone: string): Intl.DateTimeFormat | null {
  const known = formats.get(zone)
  if (known !== undefined) return known
  const format = build(zone)
  if (formats.size < 1000) formats.set(zone, format)
  return format
}

function build(zone: string): Intl.DateTimeFormat | null {
  const number = 'numeric' as const
  const parts = { year: number, month: number, day: number, hour: number, minute: number, second: number }
  try {
    return new Intl.DateTimeFormat('en-US', { timeZone: zone, hourCycle: 'h23', ...parts })
  } catch {
    return null
  }
}
