import type { Check, Records } from './finding.ts'

/** When each even line of Node ends (nodejs.org, "Previous releases"); odd lines end within a year. */
const NODE_ENDS: Record<number, string> = { 22: '2027-04-30', 24: '2028-04-30', 26: '2029-04-30' }
/** No clock that is right shows a time before this version was made. */
const MADE = '2026-11-01T00:00:00.000Z'
const TOLERANCE_MS = 5 * 60_000

/** Whether this Node still gets repairs. */
export const node: Check = ({ nodeVersion, now }) => {
  const line = Number.parseInt(nodeVersion, 10)
  const end = NODE_ENDS[line]
  if (line > Math.max(...Object.keys(NODE_ENDS).map(Number))) return []
  if (end !== undefined && now.toISOString() < end) return []
  return [
    {
      id: 'node',
      severity: 'warning',
      title: 'This version of Node gets no security repairs any more.',
      detail: `Steward runs on Node ${nodeVersion}${end === undefined ? '' : `, whose line ended on ${end}`}.`,
      fix: 'Install the newest Node of an even line, or remove yours: npm start brings one that fits.',
    },
  ]
}

/** Whether the clock is plainly wrong: schedules, expiry of keys and codes go by it. */
export const clock: Check<Records> = ({ now, rows }) => {
  const [newest] = rows<{ at: string | null }>('SELECT max(created_at) AS at FROM runs')
  const future = newest?.at != null && Date.parse(newest.at) > now.getTime() + TOLERANCE_MS
  if (!future && now.toISOString() > MADE) return []
  return [
    {
      id: 'clock',
      severity: 'warning',
      title: 'The clock of this machine seems wrong.',
      detail: future
        ? `It shows ${now.toISOString()}, but something was done at ${newest.at}.`
        : `It shows ${now.toISOString()}, a time before this version was made.`,
      fix: 'Set the clock, or turn on network time (NTP): schedules and expiry dates go by it.',
    },
  ]
}
