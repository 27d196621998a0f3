import { MOST_ATTACHED_CHARS } from '../runs/context.ts'
import { visible } from '../policy/sanitize.ts'
import { MAX_ATTACHMENT_BYTES } from '../shapes/frames.ts'
import type { IntakeAttachment } from '../shapes/intake.ts'
import { lookable } from './lookable.ts'
import type { Correspondent, MailAttachment, MailMessage } from './message.ts'

/** All files of one run together, `mail.txt` too; the page takes as many with one message. */
export const MOST_FILES = 20

/** Room for the name of the file, which is told before its text. */
const MOST_CHARS = MOST_ATTACHED_CHARS - 500
const LONGEST_FIELD = 2_000
const MOST_NAMED = 100

/** Whether the sender is proven, and why or why not. */
export type Proof = { proven: boolean; reason: string }

/**
 * A mail as the files of a run: `mail.txt` with who wrote what, then those of its attachments that models can look at. The others
 * are named in `mail.txt`, with the reason why they do not come along.
 */
export function letterOf(message: MailMessage, proof: Proof): IntakeAttachment[] {
  const chosen = chosenOf(message.attachments)
  const text = letterText(
    message,
    proof,
    chosen.map(({ line }) => line),
  )
  const files = chosen.flatMap(({ file }) => (file ? [file] : []))
  return [{ name: 'mail.txt', mediaType: 'text/plain', data: Buffer.from(text) }, ...files]
}

/** The mail in words: header fields, what became of its attachments, then what was written. */
function letterText(message: MailMessage, proof: Proof, attachments: readonly string[]): string {
  const head = headOf(message, proof, attachments)
  const foot = message.quoted === '' ? '' : '\n\n[earlier messages folded away]'
  const room = MOST_CHARS - head.length - foot.length
  const text = visible(message.text).trim()
  const shown =
    text.length <= room
      ? text
      : `${text.slice(0, room - 100)}\n[… ${text.length - room + 100} more characters are not shown]`
  return `${head}\n\n${shown || '(no text)'}${foot}\n`.toWellFormed()
}

function headOf(message: MailMessage, proof: Proof, attachments: readonly string[]): string {
  const lines = [
    field('From', people(message.from)),
    `Sender: ${proof.proven ? 'proven' : 'not proven'} (${oneLine(proof.reason)})`,
    field('Reply-To', people(message.replyTo)),
    field('To', people(message.to)),
    field('Cc', people(message.cc)),
    field('Date', message.sentAt ?? ''),
    field('Subject', message.subject),
    ...(attachments.length === 0 ? [] : ['Attachments:', ...named(attachments)]),
    ...message.problems.slice(0, 10).map((problem) => `Note: ${oneLine(problem)}`),
  ]
  return lines.filter((line) => line !== '').join('\n')
}

function named(attachments: readonly string[]): string[] {
  if (attachments.length <= MOST_NAMED) return [...attachments]
  return [...attachments.slice(0, MOST_NAMED), `- and ${attachments.length - MOST_NAMED} more`]
}

const field = (name: string, value: string): string => (value === '' ? '' : `${name}: ${oneLine(value)}`)

/** @NOTE no value may begin a line of its own, or it would pass for another field. */
const oneLine = (text: string): string => visible(text).replace(/\s+/g, ' ').trim().slice(0, LONGEST_FIELD)

const people = (all: readonly Correspondent[]): string =>
  all
    .slice(0, 50)
    .map(({ name, address }) => (name === '' ? address : `${name} <${address}>`))
    .join(', ') + (all.length > 50 ? ` and ${all.length - 50} more` : '')

type Chosen = { line: string; file?: IntakeAttachment }

function chosenOf(attachments: readonly MailAttachment[]): Chosen[] {
  let bytes = 0
  let count = 1
  return attachments.map((attachment) => {
    const refused = (reason: string): Chosen => ({ line: lineOf(attachment, `not passed on: ${reason}`) })
    if (!attachment.data) return refused(attachment.reason ?? 'it was too large to keep')
    const file = lookable(attachment)
    if (!file) return refused('models cannot look at such a file')
    if (count >= MOST_FILES) return refused(`there are more than ${MOST_FILES} files`)
    if (bytes + file.data.length > MAX_ATTACHMENT_BYTES) return refused('the files are larger than 20 MiB together')
    bytes += file.data.length
    count++
    return { line: lineOf(attachment, 'follows'), file }
  })
}

function lineOf({ name, mediaType, size }: MailAttachment, fate: string): string {
  return `- ${oneLine(name).slice(0, 255)} (${oneLine(mediaType).slice(0, 100)}, ${sizeInWords(size)}): ${fate}`
}

function sizeInWords(bytes: number): string {
  if (bytes < 1024) return `${bytes} bytes`
  if (bytes < 1024 ** 2) return `${(bytes / 1024).toFixed(1)} KiB`
  return `${(bytes / 1024 ** 2).toFixed(1)} MiB`
}
