import { parentPort } from 'node:worker_threads'
import type { Job } from '../../services/mail/parse-worker.ts'
import { headerOnly } from '../../services/mail/take-apart.ts'

/** Takes mails apart as the real thread does, but for whole ones, for which it takes all the time there is. */
parentPort!.on('message', ({ name, raw }: Job) => {
  while (name === 'whole');
  parentPort!.postMessage({ value: headerOnly(raw, 'This mail could not be taken apart.') })
})
