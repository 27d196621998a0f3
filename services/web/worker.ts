import { parentPort } from 'node:worker_threads'
import type { Done } from '../own-thread.ts'
import { articleOf, type PageText } from './article.ts'
import { resultsOf, type ResultPage } from './duckduckgo.ts'

/** Everything that takes apart HTML of strangers. */
const jobs = { articleOf, resultsOf }

export type Job = { name: 'articleOf'; args: [html: string, url: string] } | { name: 'resultsOf'; args: [html: string] }

parentPort?.on('message', async ({ name, args }: Job) => {
  const work = jobs[name] as (...args: string[]) => Promise<PageText | ResultPage>
  const done: Done<PageText | ResultPage> = await work(...args).then(
    (value) => ({ value }),
    (error: unknown) => ({ failure: String(error) }),
  )
  parentPort!.postMessage(done)
})
