import { parentPort, type Transferable } from 'node:worker_threads'
import { messageOf } from '../errors.ts'
import type { Done } from '../own-thread.ts'
import type { MailMessage } from './message.ts'
import { headerOnly, takeApart } from './take-apart.ts'

/** `header`: the beginning of a mail that could not be read whole. */
export type Job = { name: 'whole' | 'header'; raw: Uint8Array }

const UNREAD = 'This mail could not be taken apart; it is too large or too tangled.'

async function work({ name, raw }: Job): Promise<MailMessage> {
  if (name === 'header') return headerOnly(raw, UNREAD)
  try {
    return await takeApart(raw)
  } catch (error) {
    return headerOnly(raw, `${UNREAD} (${messageOf(error).slice(0, 200)})`)
  }
}

parentPort?.on('message', async (job: Job) => {
  const done: Done<MailMessage> = await work(job).then(
    (value) => ({ value }),
    (error: unknown) => ({ failure: String(error) }),
  )
  const attachments = 'value' in done ? done.value.attachments : []
  parentPort!.postMessage(
    done,
    attachments.flatMap(({ data }) => transferable(data)),
  )
})

/** @NOTE small buffers share their memory with others, which must stay here. */
function transferable(data: Buffer | undefined): Transferable[] {
  return data && data.length > 0 && data.byteLength === data.buffer.byteLength ? [data.buffer as ArrayBuffer] : []
}
