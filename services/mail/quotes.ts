import {
  closesAttribution,
  HEADER_LABELS,
  INLINE,
  isForwardLine,
  isOriginalLine,
  LABELLED,
  STANDING,
} from './quote-words.ts'

/** `text` and `quoted` hold every line between them. */
export type Folded = { text: string; quoted: string }

const LONGEST_LINE = 2_000
const LONGEST_ATTRIBUTION = 3

/** Whether a subject says that somebody else's mail is passed on, which then is what the mail is about. */
export function isForwarded(subject: string): boolean {
  return /^\s*(?:(?:re|aw|sv|antw)\s*:\s*)?(?:fwd?|wg|tr|rv|enc|vb|vs|i|doorst|pd|转发|轉寄)\s*[:：]/iu.test(subject)
}

/**
 * Takes the history away that mail programs put beneath an answer, so that `text` has the fresh words. What stands between answers stays
 * where it is, as does what was passed on, and all of it where nothing else would be left.
 */
export function foldQuotes(whole: string, { forwarded = false }: { forwarded?: boolean } = {}): Folded {
  const lines = whole.split('\n')
  const history = forwarded ? lines.length : historyStart(lines)
  const folded = new Uint8Array(lines.length).fill(1, history)
  for (const { from, to } of quotesIn(lines, history)) folded.fill(1, from, to)
  const text = lines.filter((_line, at) => folded[at] === 0)
  const quoted = lines.filter((_line, at) => folded[at] === 1)
  if (!text.some((line) => /[\p{L}\p{N}]/u.test(line))) return { text: whole, quoted: '' }
  return { text: text.join('\n'), quoted: quoted.join('\n') }
}

/** Where a copy of earlier mails begins that is not marked line by line; the end where there is none. */
function historyStart(lines: readonly string[]): number {
  const at = lines.findIndex((_line, index) => beginsHistory(lines, index) || isForwardLine(short(lines[index]!)))
  if (at < 0 || isForwardLine(short(lines[at]!))) return lines.length
  const above = lines.slice(0, at)
  return above.some((line) => INLINE.test(short(line))) ? lines.length : at
}

function beginsHistory(lines: readonly string[], at: number): boolean {
  const line = short(lines[at]!)
  if (line === '' || isQuoted(line)) return false
  if (isOriginalLine(line)) return true
  if (/^_{10,}$/.test(line)) return isHeaderBlock(lines, nextFilled(lines, at + 1))
  return isHeaderBlock(lines, at) || isStanding(lines, at)
}

/** “On Tuesday, 3 March 2026, … wrote:” over words that are not marked. */
function isStanding(lines: readonly string[], at: number): boolean {
  if (!STANDING.test(short(lines[at]!))) return false
  for (let length = 1; length <= LONGEST_ATTRIBUTION; length++) {
    const said = lines
      .slice(at, at + length)
      .map(short)
      .join(' ')
    if (!closesAttribution(said) || !/\d{4}|\d{1,2}[:.]\d{2}/.test(said)) continue
    const after = lines[nextFilled(lines, at + length)]
    return after !== undefined && !isQuoted(after)
  }
  return false
}

/** From, Sent, To, Subject, each in a line of its own: at least three of them, and the sender first. */
function isHeaderBlock(lines: readonly string[], at: number): boolean {
  const [from] = HEADER_LABELS
  if (!from!.test(LABELLED.exec(short(lines[at] ?? ''))?.[1] ?? '')) return false
  const seen = new Set<number>()
  let filled = 0
  for (let index = at; index < lines.length && filled < 8; index++) {
    const line = short(lines[index]!)
    if (line === '') continue
    filled++
    const label = LABELLED.exec(line)?.[1]
    if (label !== undefined) HEADER_LABELS.forEach((pattern, which) => pattern.test(label) && seen.add(which))
  }
  return seen.size >= 3
}

type Block = { from: number; to: number; answered: boolean }

/** The marked quotations that are no part of a conversation within the mail. */
function quotesIn(lines: readonly string[], end: number): Block[] {
  const blocks = blocksIn(lines, end)
  const between = blocks.filter(({ answered }) => answered)
  const inline = between.length > 1 || (between.length === 1 && hasWords(lines, 0, between[0]!.from))
  const kept = (block: Block) => block.answered && inline
  return blocks.filter((block) => !kept(block))
}

/** Runs of marked lines with the words that introduce them; `answered`: fresh words follow, other than a signature. */
function blocksIn(lines: readonly string[], end: number): Block[] {
  const blocks: Block[] = []
  for (let at = 0; at < end; at++) {
    if (!isQuoted(lines[at]!)) continue
    const to = blockEnd(lines, at, end)
    const from = attributionStart(lines, at, blocks.at(-1)?.to ?? 0)
    blocks.push({ from, to, answered: isAnswered(lines, to, end) })
    at = to
  }
  return blocks
}

/** Empty lines between two marked ones belong to them. */
function blockEnd(lines: readonly string[], from: number, end: number): number {
  let to = from
  for (let next = from; next < end && isQuoted(lines[next]!); next = nextFilled(lines, to)) to = next + 1
  return to
}

function isAnswered(lines: readonly string[], from: number, end: number): boolean {
  let stop = from
  while (stop < end && !isQuoted(lines[stop]!) && !/^-- ?$/.test(lines[stop]!)) stop++
  const introduces = stop < end && isQuoted(lines[stop]!) && introducesOnly(lines, from, stop)
  return !introduces && hasWords(lines, from, stop)
}

/** Whether all that stands between two quotations is who wrote the second. */
function introducesOnly(lines: readonly string[], from: number, to: number): boolean {
  const first = nextFilled(lines, from)
  if (to - first > 2 * LONGEST_ATTRIBUTION) return false
  const filled = lines.slice(first, to).filter((line) => line.trim() !== '')
  return filled.length <= LONGEST_ATTRIBUTION && closesAttribution(filled.map(short).join(' '))
}

function attributionStart(lines: readonly string[], quote: number, least: number): number {
  let last = quote - 1
  while (last >= least && lines[last]!.trim() === '') last--
  for (let length = 1; length <= LONGEST_ATTRIBUTION && last - length + 1 >= least; length++) {
    const first = last - length + 1
    if (lines[first]!.trim() === '' || isQuoted(lines[first]!)) break
    if (
      closesAttribution(
        lines
          .slice(first, last + 1)
          .map(short)
          .join(' '),
      ) &&
      startsWell(lines, first, least)
    )
      return first
  }
  return quote
}

/** The words of an attribution that runs over lines begin after an empty line, or as such words begin. */
function startsWell(lines: readonly string[], first: number, least: number): boolean {
  return first === least || lines[first - 1]!.trim() === '' || STANDING.test(short(lines[first]!))
}

const isQuoted = (line: string): boolean => /^\s{0,3}[>＞]/.test(line)
const short = (line: string): string => line.slice(0, LONGEST_LINE).trim()
const hasWords = (lines: readonly string[], from: number, to: number): boolean =>
  lines.slice(from, to).some((line) => /[\p{L}\p{N}]/u.test(line))

function nextFilled(lines: readonly string[], from: number): number {
  let at = from
  while (at < lines.length && lines[at]!.trim() === '') at++
  return at
}
