import { invalidField } from '../errors.ts'
import { isUuid } from '../ids.ts'
import type { Integrity } from '../shapes/labels.ts'
import { MEMORY_KINDS, MEMORY_TAGS, MEMORY_TEXT_LENGTH, type MemoryKind } from '../shapes/memory.ts'
import type { Memory } from './entries.ts'

/** An entry as a file has it; what a plain file does not say is left out. */
export type Written = {
  id?: string
  text: string
  kind: MemoryKind
  tags: string[]
  pinned: boolean
  expiresAt: string | null
  integrity?: Integrity
  createdAt?: string
}

const TITLE = '# Memory'
const NAMES = ['kind', 'tags', 'pinned', 'expires', 'written_by', 'created'] as const
const MOST_ENTRIES = 20_000
const ENTRY = /^## ([0-9a-f-]{36})$/

/**
 * Memories as Markdown: a section each, its particulars as a list, its text as a quotation, so that nothing a text holds can be
 * taken for more than text. `readMarkdown` makes the same of it again, to the letter.
 */
export function writeMarkdown(memories: readonly Memory[]): string {
  return [TITLE, ...memories.map(section)].join('\n\n') + '\n'
}

function section({ id, kind, tags, pinned, expiresAt, integrity, createdAt, text }: Memory): string {
  const particulars = [
    `- kind: ${kind}`,
    ...(tags.length > 0 ? [`- tags: ${JSON.stringify(tags)}`] : []),
    ...(pinned ? ['- pinned: yes'] : []),
    ...(expiresAt === null ? [] : [`- expires: ${expiresAt}`]),
    `- written_by: ${integrity}`,
    `- created: ${createdAt}`,
  ]
  const quoted = text.split('\n').map((line) => (line === '' ? '>' : `> ${line}`))
  return [`## ${id}`, '', ...particulars, '', ...quoted].join('\n')
}

/**
 * What a file holds. One that was exported is read to the letter; any other Markdown gives a note for each item of a list and
 * each paragraph outside of one. Throws `invalid`, naming the line.
 */
export function readMarkdown(markdown: string): Written[] {
  const lines = markdown
    .replace(/^\ufeff/, '')
    .replace(/\r\n?/g, '\n')
    .split('\n')
  const entries = lines[0]?.trim() === TITLE && lines.some((line) => ENTRY.test(line)) ? exported(lines) : plain(lines)
  if (entries.length > MOST_ENTRIES) throw wrong(1, `there are more than ${MOST_ENTRIES} entries in it`)
  return entries
}

function exported(lines: readonly string[]): Written[] {
  const starts = lines.flatMap((line, at) => (ENTRY.test(line) ? [at] : []))
  const before = lines.slice(1, starts[0]).findIndex((line) => line.trim() !== '')
  if (before >= 0) throw wrong(before + 2, 'an entry begins with "## " and its id')
  return starts.map((start, index) => entryOf(lines.slice(start, starts[index + 1]), start + 1))
}

function entryOf(lines: readonly string[], first: number): Written {
  const id = ENTRY.exec(lines[0]!)![1]!
  if (!isUuid(id)) throw wrong(first, 'that is no id')
  const said: Partial<Record<(typeof NAMES)[number], string>> = {}
  const text: string[] = []
  for (const [at, line] of lines.entries()) {
    const particular = /^- (\w+): (.*)$/.exec(line)
    if (at === 0 || line.trim() === '') continue
    if (line.startsWith('>')) text.push(line.replace(/^> ?/, ''))
    else if (particular && text.length === 0 && NAMES.includes(particular[1] as 'kind'))
      said[particular[1] as 'kind'] = particular[2]!
    else throw wrong(first + at, 'this is neither a particular ("- kind: fact") nor part of the text ("> …")')
  }
  const written = text.join('\n')
  if (written.trim() === '') throw wrong(first, 'the entry has no text')
  if (written.length > MEMORY_TEXT_LENGTH * 2) throw wrong(first, 'the text is too long')
  return { id, text: written, ...particularsOf(said, first) }
}

function particularsOf(
  said: Partial<Record<(typeof NAMES)[number], string>>,
  line: number,
): Omit<Written, 'id' | 'text'> {
  const { kind = 'note', tags = '[]', pinned = 'no', expires, written_by: by = 'third_party', created } = said
  if (!MEMORY_KINDS.includes(kind as MemoryKind)) throw wrong(line, `the kind is one of ${MEMORY_KINDS.join(', ')}`)
  if (pinned !== 'yes' && pinned !== 'no') throw wrong(line, 'pinned is yes or no')
  if (by !== 'owner' && by !== 'third_party') throw wrong(line, 'written_by is owner or third_party')
  for (const time of [expires, created])
    if (time !== undefined && !isTime(time)) throw wrong(line, 'times look like 2026-11-22T08:00:00.000Z')
  return {
    kind: kind as MemoryKind,
    tags: tagsIn(tags, line),
    pinned: pinned === 'yes',
    expiresAt: expires ?? null,
    integrity: by,
    ...(created === undefined ? {} : { createdAt: created }),
  }
}

function tagsIn(json: string, line: number): string[] {
  try {
    const tags: unknown = JSON.parse(json)
    const isList = Array.isArray(tags) && tags.every((tag) => typeof tag === 'string' && tag.length <= 64)
    if (isList && tags.length <= MEMORY_TAGS) return tags as string[]
  } catch {
    // Said below.
  }
  throw wrong(line, 'tags are a JSON array of at most 20 short words')
}

const isTime = (text: string): boolean =>
  /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/.test(text) && !Number.isNaN(Date.parse(text))

/** Items of lists and paragraphs, each a note; headings only say what comes. */
function plain(lines: readonly string[]): Written[] {
  const texts: { line: number; words: string[] }[] = []
  let open = false
  for (const [at, line] of lines.entries()) {
    const item = /^\s*(?:[-*+]|\d+[.)])\s+(.*)$/.exec(line)
    if (line.trim() === '' || /^#{1,6}\s/.test(line) || /^\s*([-*_])(?:\s*\1){2,}\s*$/.test(line)) open = false
    else if (item) open = texts.push({ line: at + 1, words: [item[1]!] }) > 0
    else if (open) texts.at(-1)!.words.push(line.trim())
    else open = texts.push({ line: at + 1, words: [line.trim()] }) > 0
  }
  const notes = texts
    .map(({ line, words }) => ({ line, text: words.join(' ').trim() }))
    .filter(({ text }) => text !== '')
  const long = notes.find(({ text }) => text.length > MEMORY_TEXT_LENGTH)
  if (long) throw wrong(long.line, `a note has at most ${MEMORY_TEXT_LENGTH} characters`)
  return notes.map(({ text }) => ({ text, kind: 'note', tags: [], pinned: false, expiresAt: null }))
}

function wrong(line: number, what: string): Error {
  return invalidField('markdown', `Line ${line}: ${what}.`)
}
