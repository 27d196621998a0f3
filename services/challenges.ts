import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import type { Clock } from './deps.ts'
import { AppError } from './errors.ts'

const VALID_MS = 5 * 60_000
const HEAD_BYTES = 8 + 16
const MAC_BYTES = 32
/** As many as are remembered as used; each is for five minutes, and nobody comes near this by honest means. */
const MOST_USED = 10_000

export type Challenges = ReturnType<typeof createChallenges>

/**
 * Challenges that are good once, for five minutes and for one purpose. Nothing is kept of those given out, so that strangers
 * who ask for many fill nothing: a challenge says itself when it ends, under a key that goes with the process. Only those that
 * were used are remembered, until they end.
 */
export function createChallenges({ now }: { now: Clock }) {
  const key = randomBytes(32)
  const used = new Map<string, number>()

  const macOf = (head: Buffer, purpose: string): Buffer =>
    createHmac('sha256', key).update(head).update(purpose).digest()

  function remember(nonce: string, ends: number): void {
    const time = now().getTime()
    for (const [other, end] of used) if (end <= time) used.delete(other)
    if (used.size >= MOST_USED)
      throw new AppError('rate_limited', 'Too many attempts. Try again in five minutes.', {
        retryAfter: VALID_MS / 1000,
      })
    used.set(nonce, ends)
  }

  return {
    issue(purpose: string): Buffer {
      const head = Buffer.concat([Buffer.alloc(8), randomBytes(16)])
      head.writeBigUInt64BE(BigInt(now().getTime() + VALID_MS))
      return Buffer.concat([head, macOf(head, purpose)])
    },

    /** Whether it was issued for this purpose, is still good and was not used before; it is used now. */
    redeem(challenge: string, purpose: string): boolean {
      const bytes = Buffer.from(challenge, 'base64url')
      if (bytes.length !== HEAD_BYTES + MAC_BYTES) return false
      const head = bytes.subarray(0, HEAD_BYTES)
      if (!timingSafeEqual(bytes.subarray(HEAD_BYTES), macOf(head, purpose))) return false
      const ends = Number(head.readBigUInt64BE())
      const nonce = head.toString('hex')
      if (ends <= now().getTime() || used.has(nonce)) return false
      remember(nonce, ends)
      return true
    },
  }
}
