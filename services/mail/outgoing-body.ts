import { AppError } from '../errors.ts'
import { isRecord } from '../shapes/record.ts'
import type { RawMail } from './smtp.ts'

/** A mail as it waits in the outbox: whole, so that a repeat is the very same. */
export type OutgoingBody = RawMail & { messageId: string; bcc: readonly string[] }

export function bodyOf({ messageId, from, to, bcc, raw }: OutgoingBody): string {
  return JSON.stringify({ messageId, from, to, bcc, raw: raw.toString('utf8') })
}

export function outgoingOf(body: string): OutgoingBody {
  const value: unknown = body === '' ? undefined : JSON.parse(body)
  if (!isRecord(value)) throw new AppError('conflict', 'This mail was sent already and is not kept here.')
  return { ...(value as Omit<OutgoingBody, 'raw'>), raw: Buffer.from(String(value.raw), 'utf8') }
}

/** The copy for the sender's own folder, which tells of blind copies too. */
export function sentCopyOf({ bcc, raw }: OutgoingBody): Buffer {
  if (bcc.length === 0) return raw
  return Buffer.concat([Buffer.from(`Bcc: ${bcc.join(',\r\n ')}\r\n`), raw])
}
