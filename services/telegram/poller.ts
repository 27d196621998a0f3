import { setTimeout as sleep } from 'node:timers/promises'
import { messageOf } from '../errors.ts'
import type { BotApi, Update } from './api.ts'
import { TelegramFault } from './faults.ts'

export type PollState = 'stopped' | 'starting' | 'running' | 'error'
export type PollStatus = { status: PollState; lastError: string | null }

export type PollerDeps = {
  api: BotApi
  /** Once Telegram answers: what has to be told to it first. */
  greet: () => Promise<void>
  /** Takes what came in. What it throws is asked for again later. */
  take: (updates: Update[], signal: AbortSignal) => Promise<void>
  onStatus: (status: PollStatus, error?: unknown) => void
  random?: () => number
}

const FIRST_WAIT_MS = 1_000
const LONGEST_WAIT_MS = 60_000
/** What only the owner can mend is asked less often. */
const HOPELESS_WAIT_MS = 5 * 60_000
const UNKNOWN_TOKEN = new Set([401, 404])

export type Poller = ReturnType<typeof createPoller>

/**
 * Asks Telegram for what has come in, over and over. Updates are confirmed (by the next question) only once they were taken;
 * where taking them throws, it waits and asks again from where it stood. A start asks without an offset, for everything that
 * was never confirmed. Telegram's trouble is waited out, ever longer.
 */
export function createPoller({ api, greet, take, onStatus, random = Math.random }: PollerDeps) {
  const ending = new AbortController()
  const { signal } = ending
  let state: PollStatus = { status: 'starting', lastError: null }
  let going: Promise<void> | undefined

  function say(next: PollStatus, error?: unknown): void {
    if (next.status === state.status && next.lastError === state.lastError) return
    state = next
    onStatus(state, error)
  }

  async function ask(): Promise<never> {
    let offset: number | undefined
    let failures = 0
    let greeted = false
    for (;;) {
      try {
        if (!greeted) await greet()
        greeted = true
        say({ status: 'running', lastError: null })
        const updates = await api.news(offset, signal)
        say({ status: 'running', lastError: null })
        if (updates.length > 0) await take(updates, signal)
        offset = updates.at(-1) === undefined ? offset : updates.at(-1)!.update_id + 1
        failures = 0
      } catch (error) {
        signal.throwIfAborted()
        greeted &&= !(error instanceof TelegramFault && error.code === 409)
        say({ status: 'error', lastError: wordsOf(error) }, error)
        await sleep(waitFor(error, failures++), undefined, { signal })
      }
    }
  }

  function waitFor(error: unknown, failures: number): number {
    if (error instanceof TelegramFault && UNKNOWN_TOKEN.has(error.code)) return HOPELESS_WAIT_MS
    const backOff = Math.min(FIRST_WAIT_MS * 2 ** failures, LONGEST_WAIT_MS) * (1 + random() / 4)
    return Math.max(backOff, error instanceof TelegramFault ? (error.retryAfterMs ?? 0) : 0)
  }

  return {
    status: (): PollStatus => state,

    start(): void {
      going ??= ask().catch(() => {})
    },

    /** Resolves once nothing is asked or taken any more. */
    async stop(): Promise<void> {
      ending.abort()
      await going
      say({ status: 'stopped', lastError: null })
    },
  }
}

function wordsOf(error: unknown): string {
  return error instanceof TelegramFault ? error.message : `Something went wrong inside Steward: ${messageOf(error)}`
}
