/** A moment at which the clocks of a zone are put forward or back; offsets are milliseconds east of UTC. */
export type Shift = { at: number; before: number; after: number }

type Year = { offset: number; shifts: Shift[] }

export type Zone = {
  /** Milliseconds that are added to UTC for the time on the wall. */
  offsetAt: (at: number) => number
  /** Shifts after `from`, up to and with `to`. */
  shiftsIn: (from: number, to: number) => Shift[]
}

const DAY = 86_400_000
const MOST_YEARS = 200
const OFFSET = /GMT(?:([+-])(\d{1,2})(?::(\d{2}))?(?::(\d{2}))?)?$/

const zones = new Map<string, Zone>()

/** The offsets of an IANA zone. Each year of it is worked out once, which makes asking cheap. */
export function zoneOf(name: string): Zone {
  const known = zones.get(name)
  if (known) return known
  const zone = createZone(name)
  zones.set(name, zone)
  return zone
}

function createZone(name: string): Zone {
  const format = new Intl.DateTimeFormat('en-US', { timeZone: name, timeZoneName: 'longOffset' })
  const years = new Map<number, Year>()

  function ask(at: number): number {
    const [, sign, hours = '0', minutes = '0', seconds = '0'] = OFFSET.exec(format.format(at)) ?? []
    const size = (Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds)) * 1000
    return sign === '-' ? -size : size
  }

  /** The second at which it changes; `from` still has the old offset and `to` no longer. */
  function shiftBetween(from: number, to: number): Shift {
    const [before, after] = [ask(from), ask(to)]
    let [low, high] = [from / 1000, to / 1000]
    while (high - low > 1) {
      const middle = Math.floor((low + high) / 2)
      if (ask(middle * 1000) === before) low = middle
      else high = middle
    }
    return { at: high * 1000, before, after }
  }

  function workOut(year: number): Year {
    const start = Date.UTC(year, 0, 1)
    const end = Date.UTC(year + 1, 0, 1)
    const shifts: Shift[] = []
    const offset = ask(start - 1000)
    let before = offset
    for (let day = start; day < end; day += DAY) {
      const after = ask(day + DAY - 1000)
      if (after !== before) shifts.push(shiftBetween(day - 1000, day + DAY - 1000))
      before = after
    }
    return { offset, shifts }
  }

  function yearOf(year: number): Year {
    const known = years.get(year)
    if (known) return known
    if (years.size >= MOST_YEARS) years.clear()
    const found = workOut(year)
    years.set(year, found)
    return found
  }

  return {
    offsetAt(at) {
      const { offset, shifts } = yearOf(new Date(at).getUTCFullYear())
      return shifts.findLast((shift) => shift.at <= at)?.after ?? offset
    },

    shiftsIn(from, to) {
      const found: Shift[] = []
      for (let year = new Date(from).getUTCFullYear(); year <= new Date(to).getUTCFullYear(); year++)
        for (const shift of yearOf(year).shifts) if (shift.at > from && shift.at <= to) found.push(shift)
      return found
    },
  }
}
