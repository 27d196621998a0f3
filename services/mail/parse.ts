import { AppError } from '../errors.ts'
import { createOwnThread } from '../own-thread.ts'
import type { MailMessage } from './message.ts'
import type { Job } from './parse-worker.ts'

const MIB = 1024 * 1024
const MEMORY = { maxOldGenerationSizeMb: 128, maxYoungGenerationSizeMb: 4, stackSizeMb: 4 }

/** Larger ones are not looked at: no mail server takes them. */
export const MOST_MAIL_BYTES = 64 * MIB
/** As much of a header is read where its mail cannot be. */
const MOST_HEADER_BYTES = 256 * 1024

export type MailReader = ReturnType<typeof createMailReader>

/**
 * Takes mails apart, in a thread of its own. One that is built to be slow, huge or deep costs its own reading: what is left of
 * it is its header, with `readable` false and the reason in `problems`. `file` is where `parse-worker.ts` is, built or not.
 */
export function createMailReader({ file, limitMs = 10_000 }: { file: URL; limitMs?: number }) {
  const thread = createOwnThread<Job, MailMessage>({ file, limitMs, memory: MEMORY })

  async function attempt(job: Job, signal: AbortSignal): Promise<MailMessage> {
    const message = await thread.ask(job, signal, [job.raw.buffer as ArrayBuffer])
    return { ...message, attachments: message.attachments.map(withBuffer) }
  }

  async function headerOf(raw: Uint8Array, signal: AbortSignal, error: unknown): Promise<MailMessage> {
    try {
      return await attempt({ name: 'header', raw: copy(raw.subarray(0, MOST_HEADER_BYTES)) }, signal)
    } catch {
      signal.throwIfAborted()
      throw new AppError('upstream_failed', 'This mail cannot be taken apart; not even its header can be read.', {
        cause: error,
      })
    }
  }

  return {
    /**
     * The mail as it was taken apart. Throws AppError `too_large` for more than 64 MiB, `upstream_failed` where not even a
     * header can be read, and the reason of `signal`.
     */
    async parse(raw: Uint8Array, signal: AbortSignal): Promise<MailMessage> {
      if (raw.length > MOST_MAIL_BYTES) throw new AppError('too_large', 'This mail is larger than 64 MiB.')
      try {
        return await attempt({ name: 'whole', raw: copy(raw) }, signal)
      } catch (error) {
        signal.throwIfAborted()
        return headerOf(raw, signal, error)
      }
    },

    close: thread.close,
  }
}

/** @NOTE it moves into the thread, so it must have its memory for itself. */
const copy = (bytes: Uint8Array): Uint8Array => new Uint8Array(bytes)

/** @NOTE what comes over from a thread is a Uint8Array. */
function withBuffer(attachment: MailMessage['attachments'][number]): MailMessage['attachments'][number] {
  const { data } = attachment
  return data ? { ...attachment, data: Buffer.from(data.buffer, data.byteOffset, data.byteLength) } : attachment
}
