import { setTimeout as wait } from 'node:timers/promises'
import type { Model, ModelEvent, ModelRequest } from '../agent/model.ts'
import { AppError } from '../errors.ts'
import { VendorError } from './failures.ts'

export type Sleep = (ms: number, signal: AbortSignal) => Promise<unknown>

export type RetryOptions = {
  /** Calls in all, the first one included. */
  attempts: number
  /** Must end, one way or the other, as soon as the signal aborts. */
  sleep?: Sleep
  now?: () => number
}

/** A vendor that asks for a longer pause than this gets it from the owner, not from us. */
const LONGEST_WAIT_MS = 60_000
const FIRST_WAIT_MS = 1_000

/**
 * The same model, patient: what may pass by itself (rate limits, overload, broken connections) is tried again after a
 * growing pause or the one the vendor asked for, with `restart` where text was already given out. What is left of
 * vendors' failures comes out as AppError, and an abort as the signal's reason, also in the middle of a pause.
 */
export function withRetry(model: Model, options: RetryOptions): Model {
  const { attempts, sleep = (ms, signal) => wait(ms, undefined, { signal }), now = Date.now } = options

  return async function* (request, signal) {
    for (let attempt = 1; ; attempt++) {
      request.mayStart?.()
      const { spoke, failure } = yield* oneAttempt(model, request, signal)
      if (!failure) return
      const pause = pauseAfter(failure, attempt)
      if (attempt === attempts || pause === undefined) throw toAppError(failure, now())
      await sleep(pause, signal).catch(() => undefined)
      signal.throwIfAborted()
      if (spoke) yield { type: 'restart' }
    }
  }
}

async function* oneAttempt(
  model: Model,
  request: ModelRequest,
  signal: AbortSignal,
): AsyncGenerator<ModelEvent, { spoke: boolean; failure?: VendorError }> {
  let spoke = false
  try {
    for await (const event of model(request, signal)) {
      spoke ||= event.type === 'text'
      yield event
    }
    return { spoke }
  } catch (error) {
    signal.throwIfAborted()
    if (error instanceof VendorError) return { spoke, failure: error }
    throw error
  }
}

/** How long to wait before the next attempt; undefined where there should be none. */
function pauseAfter(failure: VendorError, attempt: number): number | undefined {
  if (!failure.retryable) return undefined
  const asked = failure.retryAfterMs
  if (asked !== undefined) return asked > LONGEST_WAIT_MS ? undefined : asked
  return FIRST_WAIT_MS * 2 ** (attempt - 1) * (0.5 + Math.random() / 2)
}

function toAppError(failure: VendorError, now: number): AppError {
  if (!failure.retryable) return new AppError('upstream_refused', failure.message, { cause: failure })
  const asked = failure.retryAfterMs
  if (asked === undefined) return new AppError('upstream_failed', failure.message, { cause: failure })
  const until = new Date(now + asked).toISOString().slice(0, 16).replace('T', ' ')
  return new AppError('upstream_failed', `${failure.message} Try again after ${until} UTC.`, {
    retryAfter: Math.ceil(asked / 1000),
    cause: failure,
  })
}
