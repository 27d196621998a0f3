import { statSync } from 'node:fs'
import { join } from 'node:path'
import type { Check, Records } from './finding.ts'

const LONG_MS = 24 * 3600_000

/** Whether a set-up link lies about: before the set-up it makes whoever has it the owner. */
export const setupToken: Check<Records> = ({ config: { dataDir }, rows, now }) => {
  const file = join(dataDir, 'setup-token')
  const found = statSync(file, { throwIfNoEntry: false })
  if (!found) return []
  const isSetUp = rows('SELECT 1 FROM users LIMIT 1').length > 0
  if (isSetUp) {
    return [
      {
        id: 'setup-token',
        severity: 'warning',
        title: 'A set-up token still lies in the data folder.',
        detail: `${file} is good for nothing any more, as somebody is set up.`,
        fix: `Delete ${file}.`,
      },
    ]
  }
  return [
    {
      id: 'not-set-up',
      severity: now.getTime() - found.mtimeMs > LONG_MS ? 'warning' : 'info',
      title: 'Nobody is set up yet: whoever has the set-up link becomes the owner.',
      detail: `The token of the link lies in ${file}.`,
      fix: 'Open the link that Steward printed when it started.',
    },
  ]
}
