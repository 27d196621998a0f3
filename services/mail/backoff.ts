const FIRST_MS = 1_000
const LONGEST_MS = 5 * 60_000
const REFUSED_FIRST_MS = 5 * 60_000
const REFUSED_LONGEST_MS = 60 * 60_000

/**
 * How long to wait after so many failures in a row (0: the first): twice as long each time, somewhat at random so that not
 * all come back at once. A server that refused the sign-in is left alone for longer: more of these, and it locks the account.
 */
export function backoffMs(failures: number, { refused = false, random = Math.random } = {}): number {
  const [first, longest] = refused ? [REFUSED_FIRST_MS, REFUSED_LONGEST_MS] : [FIRST_MS, LONGEST_MS]
  const whole = Math.min(first * 2 ** Math.min(failures, 20), longest)
  return Math.round(whole * (0.5 + random() / 2))
}
