import type { Message } from './store.ts'

/**
 * What became of one attempt. `refused`: it certainly did not get through and may be tried again, unless `forGood`.
 * `uncertain`: it may have arrived. `held`: `begin` said no. `to` names the receiver for people. `also` is done in the
 * transaction that writes it down.
 */
export type Delivery = { to: string; also?: () => void } & (
  | { state: 'delivered'; status: number | null; answer: string }
  | {
      state: 'refused'
      error: string
      status?: number | undefined
      answer?: string
      retryAfterMs?: number | undefined
      forGood?: boolean
    }
  | { state: 'uncertain'; error: string }
  | { state: 'held' }
)

/**
 * A door's way out. Calls `begin` once, right before anything leaves, and sends only when it answers true. `signal` ends
 * when the house closes.
 */
export type Deliver = (
  message: Pick<Message, 'id' | 'callId' | 'address' | 'body'>,
  way: { begin: () => boolean; signal: AbortSignal },
) => Promise<Delivery>

const SECOND = 1000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE

/** How long to wait after each failed attempt; after the last one it has failed (three days, as Standard Webhooks advises). */
export const DELAYS: readonly number[] = [
  5 * SECOND,
  5 * MINUTE,
  30 * MINUTE,
  2 * HOUR,
  5 * HOUR,
  10 * HOUR,
  14 * HOUR,
  20 * HOUR,
  24 * HOUR,
]

const LONGEST_ASKED_FOR = HOUR
const JITTER = 0.1

/** Milliseconds until the next attempt; undefined when there is none. A receiver may ask for up to an hour. */
export function waitAfter(
  attempts: number,
  {
    delays,
    retryAfterMs = 0,
    random,
  }: { delays: readonly number[]; retryAfterMs?: number | undefined; random: number },
): number | undefined {
  const delay = delays[Math.max(attempts, 1) - 1]
  if (delay === undefined) return undefined
  return Math.max(Math.round(delay * (1 + JITTER * random)), Math.min(retryAfterMs, LONGEST_ASKED_FOR))
}
