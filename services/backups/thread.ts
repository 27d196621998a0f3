import { Worker } from 'node:worker_threads'
import { messageOf } from '../errors.ts'
import type { Job, Outcome } from './worker.ts'

/** Does one job in a thread of its own; whatever happens to the thread is an outcome. `stop` ends it where it stands. */
export function inThread(file: URL, job: Job): { outcome: Promise<Outcome>; stop: () => Promise<unknown> } {
  const worker = new Worker(file, { workerData: job, env: {}, execArgv: [] })
  const outcome = new Promise<Outcome>((resolve) => {
    worker.once('message', resolve)
    worker.once('error', (error) => resolve({ failure: messageOf(error), code: undefined }))
    worker.once('exit', () => resolve({ failure: 'It was stopped before it was done.', code: undefined }))
  })
  worker.unref()
  return { outcome, stop: () => worker.terminate() }
}
