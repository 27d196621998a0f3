import type { Attack, Door } from './case.ts'
import { DOORS, OF_DOORS } from './doors.ts'
import { SINKS } from './sinks.ts'
import { LATER } from './attacks-later.ts'
import { SMUGGLING } from './attacks-smuggling.ts'
import { TRICKS } from './attacks-tricks.ts'

/** Every door against every sink. */
const MATRIX: Attack[] = (Object.keys(DOORS) as Door[]).flatMap((door) =>
  Object.entries(SINKS).map(([sink, words]) => ({
    name: `${sink}, by ${door}`,
    door,
    sink,
    innocent: OF_DOORS,
    ...DOORS[door](words),
  })),
)

/** All attacks: the matrix, and those that go a longer or a narrower way. */
export const ATTACKS: Attack[] = [...MATRIX, ...LATER, ...SMUGGLING, ...TRICKS]
