import { createHash } from 'node:crypto'
import type { MailMessage } from './message.ts'

const LONGEST = 250
const ANSWERS = /^\s*((re|aw|sv|vs|antw|odp|rif|r|res|回复|答复|返信|fw|fwd|wg|tr|rv|enc)(\[\d+\])?\s*[:：]\s*)+/iu

/**
 * What a mail and its answers have in common (RFC 5322, 3.6.4): the id of the first message. Programs that answer without naming
 * what they answer are told by sender and subject.
 */
export function threadOf(
  message: Pick<MailMessage, 'references' | 'inReplyTo' | 'messageId' | 'subject' | 'from'>,
): string {
  const first = message.references[0] ?? message.inReplyTo
  if (first !== null && first !== undefined) return short(first)
  const answered = message.subject.replace(ANSWERS, '')
  const named = answered === message.subject ? message.messageId : null
  if (named !== null) return short(named)
  return `subject:${digest([message.from[0]?.address.toLowerCase() ?? '', answered.trim().toLowerCase()])}`
}

const short = (id: string): string => (id.length <= LONGEST ? id : `sha256:${digest([id])}`)

const digest = (parts: string[]): string => createHash('sha256').update(JSON.stringify(parts)).digest('hex')
