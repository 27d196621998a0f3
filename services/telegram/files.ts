import { AppError } from '../errors.ts'
import { MAX_ATTACHMENT_BYTES } from '../shapes/frames.ts'
import type { IntakeAttachment } from '../shapes/intake.ts'
import type { BotApi } from './api.ts'
import { TelegramFault } from './faults.ts'
import type { IncomingFile } from './incoming.ts'

const FETCH_MS = 30_000

/** Fetches what came with a message. Throws `too_large`, and a TelegramFault where Telegram does not give it. */
export async function fetchFiles(
  api: BotApi,
  files: readonly IncomingFile[],
  signal: AbortSignal,
): Promise<IntakeAttachment[]> {
  const fetched: IntakeAttachment[] = []
  let bytes = 0
  for (const file of files) {
    const one = await fetchFile(api, file, signal)
    bytes += one.data.length
    if (bytes > MAX_ATTACHMENT_BYTES)
      throw new AppError('too_large', 'Together these files are larger than 20 MiB, the most that can be taken.')
    fetched.push(one)
  }
  return fetched
}

async function fetchFile(api: BotApi, file: IncomingFile, signal: AbortSignal): Promise<IntakeAttachment> {
  if ((file.bytes ?? 0) > MAX_ATTACHMENT_BYTES) throw tooLarge(file.name)
  const { file_path: path } = await api.call('getFile', { file_id: file.fileId }, { signal })
  const ending = AbortSignal.any([signal, AbortSignal.timeout(FETCH_MS)])
  try {
    const response = await fetch(`${api.apiRoot}/file/bot${api.token}/${path}`, { signal: ending, redirect: 'error' })
    if (!response.ok || !response.body) throw broken(file.name)
    const { name, mediaType } = file
    return { name, mediaType, data: await whole(response.body, name) }
  } catch (error) {
    signal.throwIfAborted()
    // @NOTE what fetch throws may hold the address, which holds the token.
    throw error instanceof AppError || error instanceof TelegramFault ? error : broken(file.name)
  }
}

async function whole(body: AsyncIterable<Uint8Array>, name: string): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  let bytes = 0
  for await (const chunk of body) {
    bytes += chunk.length
    if (bytes > MAX_ATTACHMENT_BYTES) throw tooLarge(name)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

const tooLarge = (name: string) =>
  new AppError('too_large', `“${name}” is larger than 20 MiB, the most that can be taken.`)
const broken = (name: string) => new TelegramFault(`“${name}” could not be fetched from Telegram.`, { fate: 'lost' })
