import { setTimeout as sleep } from 'node:timers/promises'
import { messageOf } from '../errors.ts'
import type { Watch } from '../liveness.ts'
import { SETTLE_MS } from './albums.ts'
import type { BotApi, Update } from './api.ts'
import { TelegramFault } from './faults.ts'

export type PollState = 'stopped' | 'starting' | 'running' | 'error'
/** `heardAt`: the last proof that Telegram answers. */
export type PollStatus = { status: PollState; lastError: string | null; heardAt: string | null }
type Said = Omit<PollStatus, 'heardAt'>

export type PollerDeps = {
  api: BotApi
  /** Once Telegram answers: what has to be told to it first. */
  greet: () => Promise<void>
  /** Takes what came in. What it throws is asked for again later; from the update that it answers on, soon. */
  take: (updates: Update[], signal: AbortSignal) => Promise<number | undefined>
  onStatus: (status: Said, error?: unknown) => void
  watch: Watch
  /** How long Telegram may be silent. */
  deadlineS: number
  now: () => Date
  random?: () => number
}

const FIRST_WAIT_MS = 1_000
const LONGEST_WAIT_MS = 60_000
/** What only the owner can mend is asked less often. */
const HOPELESS_WAIT_MS = 5 * 60_000
/** A question is held so long by Telegram, and may take so much longer, at most. */
const LONGEST_HOLD_S = 30
const SILENT_AFTER_S = 15
const UNKNOWN_TOKEN = new Set([401, 404])

export type Poller = ReturnType<typeof createPoller>

/**
 * Asks Telegram for what has come in, over and over. Updates are confirmed (by the next question) only once they were taken;
 * where taking them throws, it waits and asks again from where it stood. A start asks without an offset, for everything that
 * was never confirmed. Telegram's trouble is waited out, ever longer; an answered question is the proof of life that the watch
 * waits for.
 */
export function createPoller(deps: PollerDeps) {
  const { api, greet, take, onStatus, watch, deadlineS, random = Math.random } = deps
  const ending = new AbortController()
  const { signal } = ending
  let state: Said = { status: 'starting', lastError: null }
  let heardAt: string | null = null
  let going: Promise<void> | undefined

  function say(next: Said, error?: unknown): void {
    if (next.status === state.status && next.lastError === state.lastError) return
    state = next
    onStatus(state, error)
  }

  async function ask(): Promise<never> {
    let offset: number | undefined
    let failures = 0
    let greeted = false
    let holdS = longestHoldS
    for (;;) {
      try {
        if (!greeted) await greet()
        greeted = true
        if (failures === 0) say(RUNNING)
        const updates = await news(offset, holdS)
        const held = updates.length > 0 ? await take(updates, signal) : undefined
        offset = held ?? (updates.at(-1) === undefined ? offset : updates.at(-1)!.update_id + 1)
        heard()
        failures = 0
        holdS = held === undefined ? longestHoldS : 0
        if (held !== undefined) await sleep(SETTLE_MS, undefined, { signal })
      } catch (error) {
        signal.throwIfAborted()
        const conflict = error instanceof TelegramFault && error.code === 409
        greeted &&= !conflict
        // @NOTE a short question is answered at once; in a conflict each short one would only seem to be the end of it.
        holdS = conflict ? longestHoldS : 0
        fails(error)
        await sleep(waitFor(error, failures++), undefined, { signal })
      }
    }
  }

  const longestHoldS = Math.max(1, Math.min(LONGEST_HOLD_S, Math.floor(deadlineS * 0.4)))

  /** One question. The watch lets go of it where it is silent for too long. */
  async function news(offset: number | undefined, waitS: number): Promise<Update[]> {
    const giveUp = new AbortController()
    const silentMs = Math.min(waitS + SILENT_AFTER_S, deadlineS * 0.6) * 1_000
    const asked = api.news(offset, { waitS, silentMs }, AbortSignal.any([signal, giveUp.signal]))
    watch.attach({
      ask: () => asked,
      progress: () => undefined,
      silent: (words) => giveUp.abort(new TelegramFault(words, { fate: 'lost' })),
    })
    return asked.finally(watch.detach)
  }

  function heard(): void {
    heardAt = deps.now().toISOString()
    watch.alive()
    say(RUNNING)
  }

  function fails(error: unknown): void {
    const words = wordsOf(error)
    say({ status: 'error', lastError: words }, error)
    watch.fails(words, { needsOwner: error instanceof TelegramFault && UNKNOWN_TOKEN.has(error.code) })
  }

  function waitFor(error: unknown, failures: number): number {
    if (error instanceof TelegramFault && UNKNOWN_TOKEN.has(error.code)) return HOPELESS_WAIT_MS
    const backOff = Math.min(FIRST_WAIT_MS * 2 ** failures, LONGEST_WAIT_MS) * (1 + random() / 4)
    return Math.max(backOff, error instanceof TelegramFault ? (error.retryAfterMs ?? 0) : 0)
  }

  return {
    status: (): PollStatus => ({ ...state, heardAt }),

    start(): void {
      going ??= ask().catch(() => {})
    },

    /** Resolves once nothing is asked or taken any more. */
    async stop(): Promise<void> {
      ending.abort()
      watch.end()
      await going
      say({ status: 'stopped', lastError: null })
    },
  }
}

const RUNNING: Said = { status: 'running', lastError: null }

function wordsOf(error: unknown): string {
  return error instanceof TelegramFault ? error.message : `Something went wrong inside Steward: ${messageOf(error)}`
}
