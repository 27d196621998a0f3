import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { AppError } from '../errors.ts'
import type { PageText } from './article.ts'
import type { ResultPage } from './duckduckgo.ts'
import type { Done, Job } from './worker.ts'

const IDLE_MS = 30_000
const MEMORY = { maxOldGenerationSizeMb: 384, stackSizeMb: 4 }

export type PageReader = ReturnType<typeof createPageReader>

/**
 * Reads web pages in a thread of its own, one after the other: a page that is built to be slow, huge or deep costs its own
 * reading and nothing else. The thread starts with the first page and ends half a minute after the last. `file` is
 * where `worker.ts` is, built or not.
 */
export function createPageReader({ file, limitMs = 10_000 }: { file: URL; limitMs?: number }) {
  let worker: Worker | undefined
  let idle: NodeJS.Timeout | undefined
  let turn: Promise<unknown> = Promise.resolve()

  function wake(): Worker {
    clearTimeout(idle)
    worker ??= new Worker(file, { env: {}, execArgv: [], resourceLimits: MEMORY }).on('error', () => {})
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

  async function work(job: Job, caller: AbortSignal): Promise<Done> {
    caller.throwIfAborted()
    const at = wake()
    at.postMessage(job)
    const [done] = await once(at, 'message', { signal: AbortSignal.any([caller, AbortSignal.timeout(limitMs)]) })
    rest(at)
    return done as Done
  }

  async function read(job: Job, caller: AbortSignal): Promise<PageText | ResultPage> {
    try {
      const done = await work(job, caller)
      if ('value' in done) return done.value
      throw new Error(done.failure)
    } catch (error) {
      await stop()
      caller.throwIfAborted()
      throw new AppError('too_large', 'This page could not be taken apart; it is too large or too tangled.', {
        cause: error,
      })
    }
  }

  function inTurn(job: Job, caller: AbortSignal): Promise<PageText | ResultPage> {
    const result = turn.then(() => read(job, caller))
    turn = result.catch(() => {})
    return result
  }

  return {
    /** A web page as Markdown. Throws AppError `too_large` when that takes more time or memory than a page may. */
    article: (html: string, url: string, signal: AbortSignal) =>
      inTurn({ name: 'articleOf', args: [html, url] }, signal) as Promise<PageText>,

    /** DuckDuckGo's result page. */
    results: (html: string, signal: AbortSignal) =>
      inTurn({ name: 'resultsOf', args: [html] }, signal) as Promise<ResultPage>,

    close: stop,
  }
}
