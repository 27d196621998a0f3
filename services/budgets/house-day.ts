const HOUR_MS = 3600_000

/** Making one costs a hundred times what using it does. */
const calendars = new Map<string, Intl.DateTimeFormat>()

function calendarOf(timezone: string): Intl.DateTimeFormat {
  const calendar =
    calendars.get(timezone) ??
    new Intl.DateTimeFormat('en-CA', { timeZone: timezone, year: 'numeric', month: '2-digit', day: '2-digit' })
  calendars.set(timezone, calendar)
  return calendar
}

/** The day that a moment belongs to in that zone, as YYYY-MM-DD. */
export function dayIn(timezone: string, at: Date): string {
  return calendarOf(timezone).format(at)
}

/** The first moment after `at` that belongs to another day there. Days have 23 to 25 hours, seldom less. */
export function nextDayIn(timezone: string, at: Date): Date {
  const today = dayIn(timezone, at)
  let before = at.getTime()
  let after = before + 26 * HOUR_MS
  while (after - before > 1) {
    const middle = Math.floor((before + after) / 2)
    if (dayIn(timezone, new Date(middle)) === today) before = middle
    else after = middle
  }
  return new Date(after)
}

/** The day so many days before a day. */
export function daysBefore(day: string, days: number): string {
  return new Date(Date.parse(`${day}T00:00:00Z`) - days * 24 * HOUR_MS).toISOString().slice(0, 10)
}
