import { createHash } from 'node:crypto'
import type { MailMessage } from './message.ts'

/** What the server says of a message wherever it lies: RFC 8474 (OBJECTID), Gmail's X-GM-MSGID. */
export type ServerIdentity = { emailId?: string | undefined; gmMsgId?: string | undefined }

const FIELDS = ['message-id', 'date', 'from', 'to', 'subject'] as const

/**
 * Which mail this is, in whatever folder and under whatever UID it lies. A Message-ID alone is the sender's choice, so where the
 * server has no id of its own, everything that makes a mail is hashed: the fields as they came, each with all its
 * values, and the body.
 */
export function identityOf(
  { emailId, gmMsgId }: ServerIdentity,
  { headers, bodyHash }: Pick<MailMessage, 'headers' | 'bodyHash'>,
): string {
  if (emailId) return `emailid:${emailId}`
  if (gmMsgId) return `gm:${gmMsgId}`
  const fields = FIELDS.map((name) => (headers[name] ?? []).map(unfolded))
  // @NOTE as JSON no value can reach into the next one.
  return `sha256:${createHash('sha256')
    .update(JSON.stringify([...fields, bodyHash]))
    .digest('hex')}`
}

/** Servers fold lines anew and keep every word. */
const unfolded = (value: string): string => value.replace(/\s+/g, ' ').trim()
