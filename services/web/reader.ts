import { AppError } from '../errors.ts'
import { createOwnThread } from '../own-thread.ts'
import type { PageText } from './article.ts'
import type { ResultPage } from './duckduckgo.ts'
import type { Job } from './worker.ts'

const MEMORY = { maxOldGenerationSizeMb: 384, stackSizeMb: 4 }

export type PageReader = ReturnType<typeof createPageReader>

/** Reads web pages in a thread of its own. `file` is where `worker.ts` is, built or not. */
export function createPageReader({ file, limitMs = 10_000 }: { file: URL; limitMs?: number }) {
  const thread = createOwnThread<Job, PageText | ResultPage>({ file, limitMs, memory: MEMORY })

  async function read(job: Job, caller: AbortSignal): Promise<PageText | ResultPage> {
    try {
      return await thread.ask(job, caller)
    } catch (error) {
      caller.throwIfAborted()
      throw new AppError('too_large', 'This page could not be taken apart; it is too large or too tangled.', {
        cause: error,
      })
    }
  }

  return {
    /** A web page as Markdown. Throws AppError `too_large` when that takes more time or memory than a page may. */
    article: (html: string, url: string, signal: AbortSignal) =>
      read({ name: 'articleOf', args: [html, url] }, signal) as Promise<PageText>,

    /** DuckDuckGo's result page. */
    results: (html: string, signal: AbortSignal) =>
      read({ name: 'resultsOf', args: [html] }, signal) as Promise<ResultPage>,

    close: thread.close,
  }
}
