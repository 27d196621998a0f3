import { createHash, randomBytes } from 'node:crypto'
import type { Deps } from './deps.ts'

const HOW_MANY = 10
const LENGTH = 16
/** Crockford's: no letter that looks like another. */
const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz'

export type RecoveryCodes = ReturnType<typeof createRecoveryCodes>

/**
 * Codes that stand in for an authenticator app that is lost: ten, each good once. Of each only a hash is kept, which is
 * enough: a code has 80 bits of chance.
 */
export function createRecoveryCodes({ db, now }: Deps) {
  const insert = db.prepare('INSERT INTO recovery_codes (user_id, code_hash) VALUES (?, ?)')
  const forget = db.prepare('DELETE FROM recovery_codes WHERE user_id = ?')
  const use = db.prepare(
    'UPDATE recovery_codes SET used_at = ? WHERE user_id = ? AND code_hash = ? AND used_at IS NULL',
  )
  const unused = db.prepare<[string], { n: number }>(
    'SELECT count(*) AS n FROM recovery_codes WHERE user_id = ? AND used_at IS NULL',
  )

  return {
    /** Ten new ones in place of those before; shown this once. */
    renew(userId: string): string[] {
      const codes = Array.from({ length: HOW_MANY }, newCode)
      db.transact(() => {
        forget.run(userId)
        for (const code of codes) insert.run(userId, hashOf(userId, code))
      })
      return codes
    },

    /** Whether it is one that was not used before; it is used now. */
    take: (userId: string, code: string): boolean =>
      use.run(now().toISOString(), userId, hashOf(userId, code)).changes === 1,

    left: (userId: string): number => unused.get(userId)!.n,
    forget: (userId: string): void => void forget.run(userId),
  }
}

function newCode(): string {
  const letters = [...randomBytes(LENGTH)].map((byte) => ALPHABET[byte % ALPHABET.length]).join('')
  return letters.match(/.{4}/g)!.join('-')
}

/** However people write it: with or without dashes, in capitals, with o for 0 and l for 1. */
const plain = (code: string): string =>
  code
    .toLowerCase()
    .replace(/[^a-z0-9]/g, '')
    .replaceAll('o', '0')
    .replace(/[il]/g, '1')

const hashOf = (userId: string, code: string): string =>
  createHash('sha256')
    .update(`${userId} ${plain(code)}`)
    .digest('hex')
