import { randomFillSync } from 'node:crypto'
import { v5, v7, validate } from 'uuid'

/** A new UUIDv7 (RFC 9562): unique, and later ones sort after earlier ones of this process. */
export const newId = (): string => v7()

const pool = new Uint8Array(4096)
let used = pool.length

/** A new UUIDv7 for what comes in crowds: a tenth of the time, and in no order within a millisecond. */
export function quickId(): string {
  if (used === pool.length) {
    randomFillSync(pool)
    used = 0
  }
  used += 16
  return v7({ random: pool.subarray(used - 16, used) })
}

export const isUuid = (text: string): boolean => validate(text)

const NAMESPACE = '0f0b5d53-6b3e-5a7c-9d0e-8a1f4c2b7e96'

/** The same UUID (v5) for the same text, always. */
export const stableId = (text: string): string => v5(text, NAMESPACE)
