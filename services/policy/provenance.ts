import { isRecord } from '../shapes/record.ts'

/** A text that a run was given, newest first. */
export type Source = {
  /** Who could have written it: the owner, others, or nobody but Steward itself. */
  writer: 'owner' | 'third_party' | 'steward'
  /** What it is, in a few words that go on after "comes from": "your message of 09:12". */
  name: string
  text: string
}

/** Where one value of a call came from. `model`: it stood in nothing that was read. */
export type Provenance = { path: string; value: string; origin: Source['writer'] | 'model'; sentence: string }

/** Shorter values stand everywhere by chance. */
const SHORTEST = 3
const LONGEST_VALUE = 200

/** What makes the text around a value a part of it; closing punctuation does not. */
const GOES_ON_BEFORE = /[\p{L}\p{N}_@/+=&%-]$|[\p{L}\p{N}][.:]$/u
const GOES_ON_AFTER = /^[\p{L}\p{N}_@/+=&%#-]|^[.?:][\p{L}\p{N}/=&]/u
const MOST_ROWS = 16
const MOST_CHARS = 2_000_000

/** What matters within a longer text: addresses, links, phone numbers and accounts. */
const TELLING = /https?:\/\/[^\s"'<>()]+|[^\s"'<>()@,;:]+@[^\s"'<>()@,;:]+\.[a-z]{2,}|\+?\d[\d ()/-]{6,}\d/giu

/**
 * For each value of a call, the text it was taken from: the owner's own words before anything else, then what was read,
 * the newest first. Compared whole word by whole word, without case (but for links, whose case counts), invisible characters and
 * doubled spaces, so that a change of dress hides nothing. Of a text that stands nowhere as a whole, the links, addresses and
 * numbers in it are told. What others wrote stands first; where there is too much, the last row says how much is left out.
 */
export function provenanceOf(args: unknown, sources: readonly Source[]): Provenance[] {
  const texts = readable(sources)
  const rows = leavesOf(args, '').filter(({ path, value }) => path !== 'operation' && value.length >= SHORTEST)
  const all = rows.flatMap(({ path, value }) => rowsOf(path, value, texts))
  const sorted = [
    ...all.filter(({ origin }) => origin === 'third_party'),
    ...all.filter(({ origin }) => origin !== 'third_party'),
  ]
  if (sorted.length <= MOST_ROWS) return sorted
  const left = sorted.length - MOST_ROWS
  return [
    ...sorted.slice(0, MOST_ROWS),
    { path: '…', value: `${left} more`, origin: 'model', sentence: 'Not looked up here: too many values.' },
  ]
}

type Readable = Source & { plain: string }

function readable(sources: readonly Source[]): Readable[] {
  const order = { owner: 0, third_party: 1, steward: 2 } as const
  let left = MOST_CHARS
  return [...sources]
    .sort((a, b) => order[a.writer] - order[b.writer])
    .map((source) => {
      const text = source.text.slice(0, Math.max(left, 0))
      left -= text.length
      return { ...source, plain: plain(text) }
    })
}

const plain = (text: string): string =>
  text
    .normalize('NFKC')
    .replace(/\p{Cf}/gu, '')
    .replace(/\s+/g, ' ')
    .trim()

const isLink = (text: string): boolean => /^https?:\/\//i.test(text)

type Leaf = { path: string; value: string }

function leavesOf(value: unknown, path: string): Leaf[] {
  if (typeof value === 'string' || typeof value === 'number') return [{ path, value: String(value) }]
  const inner = (name: string | number) => (path === '' ? String(name) : `${path}.${name}`)
  if (Array.isArray(value)) return value.flatMap((one, at) => leavesOf(one, inner(at)))
  return isRecord(value) ? Object.entries(value).flatMap(([name, one]) => leavesOf(one, inner(name))) : []
}

function rowsOf(path: string, value: string, texts: readonly Readable[]): Provenance[] {
  const whole = find(value, texts)
  if (whole) return [row(path, value, whole)]
  const telling = [...new Set(value.match(TELLING) ?? [])].filter((part) => part !== value)
  const parts = telling.map((part) => row(path, part, find(part, texts)))
  return [row(path, value, undefined), ...parts.filter(({ origin }) => origin !== 'owner')]
}

function find(value: string, texts: readonly Readable[]): Readable | undefined {
  const wanted = plain(value)
  const fold = (text: string): string => (isLink(wanted) ? text : text.toLowerCase())
  return wanted === '' ? undefined : texts.find(({ plain: text }) => standsIn(fold(text), fold(wanted)))
}

/** Whether it stands there as a whole: not as a part of a longer word, number, address or link. */
function standsIn(text: string, wanted: string): boolean {
  for (let at = text.indexOf(wanted); at >= 0; at = text.indexOf(wanted, at + 1)) {
    const before = text.slice(Math.max(at - 2, 0), at)
    const after = text.slice(at + wanted.length, at + wanted.length + 2)
    if (!GOES_ON_BEFORE.test(before) && !GOES_ON_AFTER.test(after)) return true
  }
  return false
}

function row(path: string, value: string, source: Readable | undefined): Provenance {
  const shown = value.length > LONGEST_VALUE ? `${value.slice(0, LONGEST_VALUE - 1)}…` : value
  return { path, value: shown, origin: source?.writer ?? 'model', sentence: sentenceOf(source) }
}

function sentenceOf(source: Readable | undefined): string {
  if (!source) return 'Written by the model: it stands in nothing that you wrote and nothing that was read.'
  if (source.writer === 'third_party') return `Comes from ${source.name}, not from anything you wrote.`
  return `Comes from ${source.name}.`
}
