import { htmlText } from './html-text.ts'
import type { MailAttachment } from './message.ts'
import { readTnef, stringOf, type Tnef, type TnefFile } from './tnef.ts'

/** What was in a winmail.dat: its files, its words, and what is to be said of it. */
export type Unpacked = { files: MailAttachment[]; words: string; note: string }

type NameOf = (given: string | undefined, mediaType: string, index: number) => string

const WRAPPED = 'Its winmail.dat is how Outlook wraps a mail (TNEF)'

/** Whether an attachment is one that Outlook made for itself. */
export const isWinmail = ({ name, mediaType }: MailAttachment): boolean =>
  /^application\/(vnd\.)?ms-tnef$/.test(mediaType) || /^winmail\.dat$/i.test(name)

/** Takes a winmail.dat apart; of one that cannot be read it stays as it is. */
export function unpackWinmail(attachment: MailAttachment, nameOf: NameOf): Unpacked {
  const found = attachment.data && readTnef(attachment.data)
  if (!found) return { files: [attachment], words: '', note: `${WRAPPED}; it could not be read.` }
  const files = found.files.map((file, index) => unpacked(file, nameOf(file.name, file.mediaType, index)))
  const words = wordsOf(found)
  const rich = words === '' && found.richText ? ' Its words are there as rich text (RTF) only, which is not read.' : ''
  const end = found.whole ? 'what is in it was unpacked.' : 'it is damaged: only what comes before that was unpacked.'
  return { files: files.length > 0 ? files : [attachment], words, note: `${WRAPPED}; ${end}${rich}` }
}

function unpacked({ data, mediaType, isMail }: TnefFile, name: string): MailAttachment {
  const content = Buffer.from(data)
  const known = { name, mediaType: mediaType.toLowerCase() || 'application/octet-stream', size: content.length }
  const inner = isMail ? readTnef(content) : undefined
  return { ...known, data: content, ...(inner ? { text: wordsOf(inner) } : {}) }
}

function wordsOf({ text, html, codePage }: Tnef): string {
  return text.trim() === '' ? htmlText(stringOf(html, codePage)).trim() : text.trim()
}
