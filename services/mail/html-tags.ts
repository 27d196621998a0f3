/** A piece of HTML as it comes along; nothing is built of it, so none can take more room than it has letters. */
export type Piece =
  | { kind: 'text'; text: string }
  | { kind: 'open'; name: string; attributes: Attributes }
  | { kind: 'close'; name: string }

export type Attributes = ReadonlyMap<string, string>

/** How far the end of a tag is looked for, and how often in vain, so that no text can make this slow. */
const LONGEST_TAG = 8_000
const MOST_BROKEN = 1_000
const MOST_ATTRIBUTES = 50

/** What is no markup inside, up to its own closing tag. */
export const RAW = new Set([
  'script',
  'style',
  'title',
  'textarea',
  'xmp',
  'iframe',
  'noembed',
  'noframes',
  'plaintext',
])

/** The pieces of a text in order, in time that grows with its length alone. Comments and what is in raw elements are left out. */
export function* piecesOf(html: string): Generator<Piece> {
  let broken = 0
  let from = 0
  let at = html.indexOf('<')
  while (at >= 0 && broken < MOST_BROKEN) {
    const markup = markupAt(html, at)
    if (markup === undefined) {
      if (/[a-z/!?]/i.test(html[at + 1] ?? '')) broken++
      at = html.indexOf('<', at + 1)
      continue
    }
    if (at > from) yield { kind: 'text', text: html.slice(from, at) }
    if (markup.piece) yield markup.piece
    from = markup.end
    at = html.indexOf('<', from)
  }
  if (from < html.length) yield { kind: 'text', text: html.slice(from) }
}

type Markup = { end: number; piece?: Piece }

function markupAt(html: string, at: number): Markup | undefined {
  if (html.startsWith('<!--', at)) return { end: after(html, '-->', at + 4) }
  const next = html[at + 1] ?? ''
  if (next === '!' || next === '?') return { end: after(html, '>', at + 2) }
  const closing = next === '/'
  const start = at + (closing ? 2 : 1)
  const name = /^[a-z][a-z0-9:-]{0,40}/i.exec(html.slice(start, start + 42))?.[0].toLowerCase()
  const end = name === undefined ? undefined : tagEnd(html, start + name.length)
  if (name === undefined || end === undefined) return undefined
  if (closing) return { end, piece: { kind: 'close', name } }
  const attributes = attributesIn(html.slice(start + name.length, end - 1))
  return { end: RAW.has(name) ? rawEnd(html, name, end) : end, piece: { kind: 'open', name, attributes } }
}

function after(html: string, mark: string, from: number): number {
  const at = html.indexOf(mark, from)
  return at < 0 ? html.length : at + mark.length
}

/** The place after the `>` that is in no quotes. */
function tagEnd(html: string, from: number): number | undefined {
  let quote = ''
  const most = Math.min(html.length, from + LONGEST_TAG)
  for (let at = from; at < most; at++) {
    const character = html[at]!
    if (quote !== '') quote = character === quote ? '' : quote
    else if (character === '"' || character === "'") quote = character
    else if (character === '>') return at + 1
  }
  return undefined
}

/** @NOTE one that is never closed holds all the rest, as readers have it. */
function rawEnd(html: string, name: string, from: number): number {
  const closing = new RegExp(`</${name}(?=[\\s/>])[^>]{0,200}>`, 'gi')
  closing.lastIndex = from
  return closing.exec(html) ? closing.lastIndex : html.length
}

function attributesIn(text: string): Attributes {
  const found = new Map<string, string>()
  for (const match of text.matchAll(/([^\s=>"'/]{1,100})(?:\s{0,20}=\s{0,20}(?:"([^"]*)"|'([^']*)'|([^\s"'>]+)))?/g)) {
    const [, name, double, single, bare] = match
    const key = name!.toLowerCase()
    if (!found.has(key)) found.set(key, double ?? single ?? bare ?? '')
    if (found.size >= MOST_ATTRIBUTES) break
  }
  return found
}
