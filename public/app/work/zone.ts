/** Wall clocks of other zones, for the one field in which a person writes a time of day. */

export const HERE = Intl.DateTimeFormat().resolvedOptions().timeZone

export const zones = (): string[] => Intl.supportedValuesOf('timeZone')

/** "2026-11-24T08:00" as read on a clock in `zone`, as an instant; null for text that is no time or zone. */
export function instantOf(local: string, zone: string): string | null {
  const wall = Date.parse(`${local}Z`)
  if (Number.isNaN(wall)) return null
  try {
    const guess = wall - offset(wall, zone)
    return new Date(wall - offset(guess, zone)).toISOString()
  } catch {
    return null
  }
}

/** The opposite: what a clock in `zone` shows at an instant, in the form of the field. */
export function localOf(iso: string, zone: string): string {
  const at = Date.parse(iso)
  return new Date(at + offset(at, zone)).toISOString().slice(0, 16)
}

function offset(at: number, timeZone: string): number {
  const parts = new Intl.DateTimeFormat('en-CA', {
    timeZone,
    hourCycle: 'h23',
    dateStyle: 'short',
    timeStyle: 'medium',
  })
  const of = Object.fromEntries(parts.formatToParts(at).map(({ type, value }) => [type, Number(value)]))
  const { year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = of
  return Date.UTC(year, month - 1, day, hour, minute, second) - Math.floor(at / 1000) * 1000
}

/** A time as people of a zone say it: "Mon, 24 Nov, 08:00". */
export function timeIn(iso: string, timeZone: string): string {
  const form = { weekday: 'short', day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit' } as const
  try {
    return new Date(iso).toLocaleString(undefined, { ...form, timeZone })
  } catch {
    return new Date(iso).toLocaleString(undefined, form)
  }
}
