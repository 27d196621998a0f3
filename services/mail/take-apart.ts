import { createHash } from 'node:crypto'
import { Transform } from 'node:stream'
import { MailParser } from 'mailparser'
import { visible } from '../policy/sanitize.ts'
import { decodeBytes, textOfBytes } from './charsets.ts'
import { decodeWords } from './encoded-words.ts'
import { cut, readHeader } from './header.ts'
import { htmlText } from './html-text.ts'
import type { MailAttachment, MailMessage } from './message.ts'
import { foldQuotes, isForwarded } from './quotes.ts'
import { isWinmail, unpackWinmail } from './winmail.ts'

const MIB = 1024 * 1024
/** What is kept of one mail with all mails within it. */
const MOST_TEXT_BYTES = 2 * MIB
const MOST_DATA_BYTES = 20 * MIB
const MOST_ATTACHMENTS = 200
/** No more than so many are told of, also of what was wrapped together. */
const MOST_NAMED = 1_000
const MOST_INNER = 10
const DEEPEST_INNER = 2
/** Smaller pictures that belong to the text are lines, dots and logos. */
const DECORATION_BYTES = 4 * 1024

type Budget = { text: number; data: number; inner: number }

/** As much of mailparser's parts as is used here; they hold their text once all is read. */
type Part = { contentType: string | false; textContent?: string; children: Part[]; isAttachment?: boolean }

type Piece = {
  type: string
  content: AsyncIterable<Buffer>
  contentType: string
  filename?: string
  related?: boolean
  release: () => void
}

const OPTIONS = {
  ignoreEmbedded: true,
  skipHtmlToText: true,
  skipTextToHtml: true,
  skipImageLinks: true,
  skipTextLinks: true,
  maxHeadSize: MIB,
  maxChildNodes: 1_000,
}

/** Takes a whole mail apart: its header, its own words, its attachments. What cannot be read is said in `problems`. */
export async function takeApart(raw: Uint8Array): Promise<MailMessage> {
  return read(raw, { text: MOST_TEXT_BYTES, data: MOST_DATA_BYTES, inner: MOST_INNER }, 0)
}

/** The header alone, for a mail whose body cannot be read. */
export function headerOnly(raw: Uint8Array, why: string): MailMessage {
  const { header, body } = cut(raw)
  const facts = readHeader(header)
  const problems = [...facts.problems, why]
  return { ...facts, text: '', quoted: '', attachments: [], bodyHash: hashOf(body), readable: false, problems }
}

const hashOf = (body: Uint8Array): string => createHash('sha256').update(body).digest('hex')

async function read(raw: Uint8Array, budget: Budget, depth: number): Promise<MailMessage> {
  const { header, body } = cut(raw)
  const facts = readHeader(header)
  const problems = [...facts.problems]
  const { parser, inside, wasCut } = parserWith(budget)
  const attachments: MailAttachment[] = []
  parser.end(raw)
  for await (const piece of parser) {
    if (piece.type !== 'attachment') continue
    attachments.push(await attachmentOf(piece, attachments.length, budget, depth))
    piece.release()
  }
  const wrapped = attachments.filter(isWinmail).map((one) => ({ one, unpacked: unpackWinmail(one, nameOf) }))
  problems.push(...new Set(wrapped.map(({ unpacked }) => unpacked.note)))
  const own = wordsOf(inside.tree)
  const all = own.trim() === '' ? wrapped.map(({ unpacked }) => unpacked.words).join('\n\n') : own
  if (wasCut() || all.length > MOST_TEXT_BYTES) problems.push('Its text is longer than 2 MiB; the rest was not read.')
  const words = trimmed(visible(all.slice(0, MOST_TEXT_BYTES)))
  const { text, quoted } = foldQuotes(words, { forwarded: isForwarded(facts.subject) })
  const files = attachments.flatMap((each) => wrapped.find(({ one }) => one === each)?.unpacked.files ?? [each])
  const kept = { attachments: files.slice(0, MOST_NAMED), bodyHash: hashOf(body), problems }
  return { ...facts, text: text.trim(), quoted, ...kept }
}

type Decoder = { decodeStream: (charset: string) => Transform }

/** What is reached into: where a part is begun, how charsets are read, and what came of it. */
type Inside = {
  tree: Part | false
  decoder: Decoder
  processChunk: (data: { type: string; charset?: string | false }, done: () => void) => void
}

const MARK = 'bytes:'

/**
 * mailparser, with charsets read by `decodeBytes` and no more text than there is room for.
 * @NOTE it reads what is declared as UTF-8 or ASCII without looking; a mark before the name makes it ask.
 */
function parserWith(budget: Budget): {
  parser: AsyncIterable<Piece> & MailParser
  inside: Inside
  wasCut: () => boolean
} {
  const parser = new MailParser(OPTIONS as never)
  const inside = parser as unknown as Inside
  const theirs = inside.decoder
  const begin = inside.processChunk.bind(parser)
  let isCut = false
  inside.processChunk = (data, done) => {
    if (data.type === 'node') data.charset = `${MARK}${data.charset || ''}`
    begin(data, done)
  }
  inside.decoder = {
    decodeStream: (marked) => decoding(marked.slice(MARK.length), budget, theirs, () => (isCut = true)),
  }
  return { parser: parser as never, inside, wasCut: () => isCut }
}

function decoding(charset: string, budget: Budget, theirs: Decoder, cutOff: () => void): Transform {
  const kept: Buffer[] = []
  const decode = async (): Promise<Buffer> => {
    const bytes = Buffer.concat(kept)
    return Buffer.from(decodeBytes(bytes, charset) ?? (await rarely(bytes, charset, theirs)) ?? textOfBytes(bytes))
  }
  return new Transform({
    transform: (chunk: Buffer | string, _encoding, done) => {
      const bytes = typeof chunk === 'string' ? Buffer.from(chunk, 'latin1') : chunk
      const room = bytes.subarray(0, budget.text)
      if (room.length < bytes.length) cutOff()
      budget.text -= room.length
      kept.push(room)
      done()
    },
    flush: (done) => void decode().then((text) => done(null, text), done),
  })
}

/** Without white space at the ends of lines. */
const trimmed = (text: string): string =>
  text
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n')

/** Charsets that browsers have given up. */
async function rarely(bytes: Buffer, charset: string, theirs: Decoder): Promise<string | undefined> {
  try {
    const stream = theirs.decodeStream(charset)
    stream.end(bytes)
    let text = ''
    for await (const chunk of stream as AsyncIterable<Buffer | string>) text += chunk.toString()
    return text
  } catch {
    return undefined
  }
}

/** What a reader would be shown: of alternatives the plain one, unless it is empty. */
function wordsOf(part: Part | false): string {
  if (!part) return ''
  if (part.contentType === 'multipart/alternative') return alternative(part)
  const texts = part.children.length > 0 ? part.children.map(wordsOf) : [ownWords(part)]
  return texts.filter((text) => text.trim() !== '').join('\n\n')
}

function alternative({ children }: Part): string {
  const plain = children.find(({ contentType, isAttachment }) => contentType === 'text/plain' && !isAttachment)
  const first = plain ? ownWords(plain) : ''
  if (first.trim() !== '') return first
  for (const child of children.filter((other) => other !== plain).reverse()) {
    const words = wordsOf(child)
    if (words.trim() !== '') return words
  }
  return ''
}

function ownWords({ contentType, textContent = '', isAttachment }: Part): string {
  if (isAttachment || textContent === '') return ''
  return contentType === 'text/html' ? htmlText(textContent) : textContent
}

async function attachmentOf(piece: Piece, index: number, budget: Budget, depth: number): Promise<MailAttachment> {
  const mediaType = visible(piece.contentType || 'application/octet-stream')
    .toLowerCase()
    .slice(0, 100)
  const chunks: Buffer[] = []
  const most = index < MOST_ATTACHMENTS ? budget.data : 0
  let size = 0
  for await (const chunk of piece.content) {
    size += chunk.length
    if (size <= most) chunks.push(chunk)
    else chunks.length = 0
  }
  const named = { name: nameOf(piece.filename, mediaType, index), mediaType, size }
  if (index >= MOST_ATTACHMENTS) return { ...named, reason: `this mail has more than ${MOST_ATTACHMENTS} attachments` }
  if (size > most) return { ...named, reason: 'the attachments are larger than 20 MiB together' }
  if (piece.related && mediaType.startsWith('image/') && size <= DECORATION_BYTES)
    return { ...named, reason: 'it is a small picture within the text' }
  budget.data -= size
  const data = Buffer.concat(chunks)
  return mediaType === 'message/rfc822'
    ? innerMail({ ...named, data }, piece.filename, budget, depth)
    : { ...named, data }
}

/** A mail within a mail is named by its subject and says its own words. */
async function innerMail(
  attachment: MailAttachment & { data: Buffer },
  filename: string | undefined,
  budget: Budget,
  depth: number,
): Promise<MailAttachment> {
  if (depth >= DEEPEST_INNER || budget.inner <= 0) return attachment
  budget.inner--
  const inner = await read(attachment.data, budget, depth + 1).catch((error: unknown) =>
    headerOnly(attachment.data, `It could not be read further: ${String(error).slice(0, 200)}`),
  )
  const name = filename ? attachment.name : `${cleanName(inner.subject) || 'message'}.eml`
  return { ...attachment, name, text: innerText(inner) }
}

function innerText({ from, to, sentAt, subject, text, quoted, attachments, problems }: MailMessage): string {
  const people = (all: MailMessage['to']) =>
    all
      .slice(0, 20)
      .map(({ name, address }) => `${name} <${address}>`.trim())
      .join(', ')
  const fields = [
    `From: ${people(from)}`,
    `To: ${people(to)}`,
    `Date: ${sentAt ?? 'unknown'}`,
    `Subject: ${subject}`,
    ...(attachments.length === 0 ? [] : [`Attachments: ${attachments.map(({ name }) => name).join(', ')}`]),
    ...problems.map((problem) => `Note: ${problem}`),
  ]
  return [fields.join('\n'), text, quoted].filter((part) => part !== '').join('\n\n')
}

const EXTENSIONS: Record<string, string> = {
  'message/rfc822': 'message.eml',
  'text/calendar': 'invitation.ics',
  'application/ms-tnef': 'winmail.dat',
}

function nameOf(given: string | undefined, mediaType: string, index: number): string {
  return cleanName(given ?? '') || (EXTENSIONS[mediaType] ?? `attachment-${index + 1}`)
}

/** The last part of a path, without what nobody sees. */
function cleanName(name: string): string {
  const last = visible(decodeWords(name.slice(0, 4_000)))
    .split(/[/\\\n]/)
    .at(-1)!
  return last.replace(/\s+/g, ' ').trim().replace(/^\.+/, '').slice(-200)
}
