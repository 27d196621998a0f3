import { visible } from '../policy/sanitize.ts'
import type { IntakeAttachment } from '../shapes/intake.ts'
import { textOfBytes } from './charsets.ts'
import type { MailAttachment } from './message.ts'

/** How files begin that models look at; what a mail calls them is its sender's choice. */
const BEGINNINGS: readonly [string, (data: Buffer) => boolean][] = [
  ['image/png', (data) => data.subarray(0, 8).equals(Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'))],
  ['image/jpeg', (data) => data.subarray(0, 3).equals(Buffer.from([0xff, 0xd8, 0xff]))],
  ['image/gif', (data) => /^GIF8[79]a/.test(data.toString('latin1', 0, 6))],
  ['image/webp', (data) => /^RIFF.{4}WEBP/s.test(data.toString('latin1', 0, 12))],
  ['application/pdf', (data) => data.toString('latin1', 0, 1024).includes('%PDF-')],
]
const TEXT = /^text\/|^application\/((.+\+)?(json|xml)|x-?(yaml|ndjson)|yaml|toml)$/
const TEXT_NAME = /\.(txt|md|csv|tsv|json|xml|ya?ml|toml|ics|vcf|log|html?|eml)$/i

/**
 * An attachment as a model can be shown it, or undefined. Pictures and documents are what they begin like, whatever they are
 * called; every kind of text becomes plain text in UTF-8.
 */
export function lookable({ name, mediaType, data, text }: MailAttachment): IntakeAttachment | undefined {
  if (!data || data.length === 0) return undefined
  const called = { name: visible(name).replace(/\s+/g, ' ').trim().slice(0, 255) || 'file' }
  if (text !== undefined) return { ...called, mediaType: 'text/plain', data: Buffer.from(visible(text)) }
  const known = BEGINNINGS.find(([, begins]) => begins(data))?.[0]
  if (known !== undefined) return { ...called, mediaType: known, data }
  const isText =
    TEXT.test(mediaType) || (TEXT_NAME.test(name) && /^(application\/octet-stream|message\/)/.test(mediaType))
  if (!isText || data.subarray(0, 4096).includes(0)) return undefined
  return { ...called, mediaType: 'text/plain', data: Buffer.from(visible(textOfBytes(data))) }
}
