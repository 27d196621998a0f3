import { once } from 'node:events'
import { Worker, type ResourceLimits, type Transferable } from 'node:worker_threads'

const IDLE_MS = 30_000

/** What a thread answers. */
export type Done<Value> = { value: Value } | { failure: string }

export type OwnThread<Job, Value> = ReturnType<typeof createOwnThread<Job, Value>>

/**
 * A thread for what strangers wrote, one job after the other: one that is built to be slow, huge or deep costs itself and nothing
 * else. The thread starts with the first job and ends half a minute after the last. `file` answers every message with a
 * `Done`, built or not.
 */
export function createOwnThread<Job, Value>({
  file,
  limitMs,
  memory,
}: {
  file: URL
  limitMs: number
  memory: ResourceLimits
}) {
  let worker: Worker | undefined
  let idle: NodeJS.Timeout | undefined
  let turn: Promise<unknown> = Promise.resolve()

  function wake(): Worker {
    clearTimeout(idle)
    worker ??= new Worker(file, { env: {}, execArgv: [], resourceLimits: memory }).on('error', () => {})
    worker.ref()
    return worker
  }

  function rest(resting: Worker): void {
    resting.unref()
    idle = setTimeout(() => void stop(), IDLE_MS).unref()
  }

  async function stop(): Promise<void> {
    clearTimeout(idle)
    const ending = worker
    worker = undefined
    await ending?.terminate()
  }

  async function work(job: Job, caller: AbortSignal, transfer: readonly Transferable[]): Promise<Done<Value>> {
    caller.throwIfAborted()
    const at = wake()
    at.postMessage(job, transfer)
    const [done] = await once(at, 'message', { signal: AbortSignal.any([caller, AbortSignal.timeout(limitMs)]) })
    rest(at)
    return done as Done<Value>
  }

  async function attempt(job: Job, caller: AbortSignal, transfer: readonly Transferable[]): Promise<Value> {
    try {
      const done = await work(job, caller, transfer)
      if ('value' in done) return done.value
      throw new Error(done.failure)
    } catch (error) {
      await stop()
      caller.throwIfAborted()
      throw error
    }
  }

  return {
    /** Throws whatever ended it: its own failure, too much time or memory, or the caller's reason. */
    ask(job: Job, caller: AbortSignal, transfer: readonly Transferable[] = []): Promise<Value> {
      const result = turn.then(() => attempt(job, caller, transfer))
      turn = result.catch(() => {})
      return result
    },

    close: stop,
  }
}
