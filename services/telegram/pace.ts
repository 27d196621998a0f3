import { setTimeout as sleep } from 'node:timers/promises'

/** Telegram's limits (https://core.telegram.org/bots/faq#my-bot-is-hitting-limits-how-do-i-avoid-this), with some air. */
const PER_SECOND = 25
const CHAT_PER_SECOND = 1
const GROUP_PER_SECOND = 18 / 60
const CHAT_BURST = 3

type Bucket = { next: number; interval: number; burst: number }

export type Pace = ReturnType<typeof createPace>

/**
 * Lets a bot speak no faster than Telegram listens: so many messages a second altogether, and in each chat a short burst and
 * then one a second, in a group eighteen a minute. Each waits its turn, in the order of asking.
 */
export function createPace(clock: () => number = () => performance.now()) {
  let waiting = 0
  let last = -Infinity
  let line: Promise<unknown> = Promise.resolve()
  const chats = new Map<string, Bucket>()
  let heldUntil = 0

  function bucketOf(chatId: string): Bucket {
    const known = chats.get(chatId)
    if (known) return known
    if (chats.size > 5_000) forget()
    const rate = chatId.startsWith('-') ? GROUP_PER_SECOND : CHAT_PER_SECOND
    const made = { next: 0, interval: 1000 / rate, burst: CHAT_BURST }
    chats.set(chatId, made)
    return made
  }

  function forget(): void {
    for (const [id, { next }] of chats) if (next < clock()) chats.delete(id)
  }

  const waitFor = ({ next, interval, burst }: Bucket) => Math.max(0, next - (burst - 1) * interval - clock())

  /** Takes the next free place, and waits for it. */
  async function place(bucket: Bucket, signal: AbortSignal | undefined): Promise<void> {
    const wait = waitFor(bucket)
    bucket.next = Math.max(bucket.next, clock()) + bucket.interval
    if (wait > 0) await sleep(wait, undefined, { signal })
  }

  /** One after the other: also where this process was busy for a while, what piled up does not go out at once. */
  async function step(signal: AbortSignal | undefined): Promise<void> {
    for (let wait = nextAt() - clock(); wait > 0; wait = nextAt() - clock()) await sleep(wait, undefined, { signal })
    last = clock()
  }

  const nextAt = (): number => Math.max(last + 1000 / PER_SECOND, heldUntil)

  function inLine(signal: AbortSignal | undefined): Promise<void> {
    waiting++
    const mine = line.then(() => step(signal)).finally(() => waiting--)
    line = mine.catch(() => {})
    return mine
  }

  return {
    /** Resolves when this chat may be written to. */
    async turn(chatId: string, signal?: AbortSignal): Promise<void> {
      await place(bucketOf(chatId), signal)
      await inLine(signal)
    },

    /** Whether something that is no loss may be written now, without making what matters wait. */
    isFree: (chatId: string): boolean => waiting === 0 && nextAt() <= clock() && waitFor(bucketOf(chatId)) === 0,

    /** Telegram said to wait. */
    hold(ms: number): void {
      heldUntil = Math.max(heldUntil, clock() + ms)
    },
  }
}
