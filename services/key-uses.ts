import type { Audit } from './audit.ts'
import type { Clock } from './deps.ts'
import type { Scope } from './shapes/api-key.ts'
import { effectiveScopes } from './shapes/api-key.ts'
import type { Who } from './who.ts'

const WORDS: Record<Scope, string> = {
  read: 'for reading',
  run: 'for starting work',
  admin: 'for changing things',
  approve: 'for deciding questions',
}

export type KeyUses = ReturnType<typeof createKeyUses>

/**
 * Writes down what API keys are used for: an entry a key, a class of use and a day (of UTC), so that a key that does what it never
 * did shows, and reading costs nothing. After a start the day begins anew.
 */
export function createKeyUses({ now, audit }: { now: Clock; audit: Pick<Audit, 'record'> }) {
  let day = ''
  let seen = new Set<string>()

  function isNew(use: string): boolean {
    const today = now().toISOString().slice(0, 10)
    if (today !== day) seen = new Set()
    day = today
    return !seen.has(use)
  }

  return {
    /** `scopes`: any of them was enough. */
    note(who: Who, scopes: readonly Scope[]): void {
      if (who.via !== 'key') return
      const has = effectiveScopes(who.scopes)
      const used = scopes.find((scope) => has.has(scope))
      if (used === undefined || !isNew(`${who.keyId} ${used}`)) return
      audit.record({ kind: 'api_key', action: 'used', subject: WORDS[used], by: who.actor })
      seen.add(`${who.keyId} ${used}`)
    },
  }
}
