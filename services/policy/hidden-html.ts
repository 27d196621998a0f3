/** How far the end of a tag is looked for, so that no text can make this slow. */
const LONGEST_TAG = 2_000

const VOID = new Set('area base br col embed hr img input link meta source track wbr'.split(' '))

const NUMBER_END = String.raw`\s*(?:;|!|$)`
const property = (names: string, value: string): RegExp =>
  new RegExp(String.raw`(?:^|[;\s])(?:${names})\s*:\s*(?:${value})`, 'i')

const GONE = [
  property('display', 'none'),
  property('visibility', 'hidden|collapse'),
  property('opacity', String.raw`(?:0|0?\.0\d*)%?${NUMBER_END}`),
  property('font-size', String.raw`(?:0|0?\.0\d*)(?:px|pt|r?em|%)?${NUMBER_END}|1(?:\.\d+)?(?:px|pt)${NUMBER_END}`),
  property('left|right|top|bottom|text-indent|margin-left|margin-top', String.raw`-\s*(?:\d{4,}|[5-9]\d\d)`),
  property('clip', String.raw`rect\(\s*[01](?:px)?[\s,]`),
  property('clip-path', String.raw`inset\(\s*(?:[5-9]\d|100)%`),
]
const NO_SIZE = property('(?:max-)?(?:width|height)', String.raw`[01](?:px|r?em|pt|%)?${NUMBER_END}`)

type Tag = { name: string; attributes: string; end: number; closing: boolean }

/**
 * A text without the comments and hidden elements of the HTML in it; everything else stays as it is, HTML or not. An
 * element that is never closed hides the rest. `found` says whether there was any.
 */
export function withoutHidden(text: string): { text: string; found: boolean } {
  let kept = ''
  let from = 0
  for (let at = text.indexOf('<'); at >= 0; at = text.indexOf('<', at)) {
    const end = hiddenUntil(text, at)
    if (end === undefined) {
      at++
      continue
    }
    kept += text.slice(from, at)
    from = at = end
  }
  return { text: kept + text.slice(from), found: from > 0 }
}

/** Where what begins here and nobody sees ends; undefined where it is to be seen. */
function hiddenUntil(text: string, at: number): number | undefined {
  if (text.startsWith('<!--', at)) {
    const end = text.indexOf('-->', at + 4)
    return end < 0 ? text.length : end + 3
  }
  const tag = tagAt(text, at)
  if (!tag || tag.closing || !isHidden(tag)) return undefined
  return VOID.has(tag.name) ? tag.end : endOf(text, tag)
}

function tagAt(text: string, at: number): Tag | undefined {
  const closing = text[at + 1] === '/'
  const start = at + (closing ? 2 : 1)
  const name = /^[a-z][a-z0-9-]{0,40}/i.exec(text.slice(start, start + 41))?.[0]
  const end = name === undefined ? undefined : tagEnd(text, start + name.length)
  if (name === undefined || end === undefined) return undefined
  return { name: name.toLowerCase(), attributes: text.slice(start + name.length, end - 1), end, closing }
}

/** The place after the `>` that is in no quotes. */
function tagEnd(text: string, from: number): number | undefined {
  let quote = ''
  const most = Math.min(text.length, from + LONGEST_TAG)
  for (let at = from; at < most; at++) {
    const character = text[at]!
    if (quote !== '') quote = character === quote ? '' : quote
    else if (character === '"' || character === "'") quote = character
    else if (character === '>') return at + 1
  }
  return undefined
}

function endOf(text: string, { name, end }: Tag): number {
  let depth = 1
  for (let at = text.indexOf('<', end); at >= 0; at = text.indexOf('<', at + 1)) {
    const tag = tagAt(text, at)
    if (tag?.name !== name) continue
    depth += tag.closing ? -1 : 1
    if (depth === 0) return tag.end
  }
  return text.length
}

function isHidden({ attributes }: Tag): boolean {
  if (/(?:^|\s)hidden(?=[\s=/]|$)/i.test(attributes.replace(/"[^"]*"|'[^']*'/g, '""'))) return true
  if (/(?:^|\s)aria-hidden\s*=\s*["']?true/i.test(attributes)) return true
  const style = /(?:^|\s)style\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+))/i.exec(attributes)
  return style !== null && hidesBy(style[1] ?? style[2] ?? style[3] ?? '')
}

/** Whether an inline style makes an element invisible: gone, without size, off the screen, or in its own background's colour. */
export function hidesBy(style: string): boolean {
  if (GONE.some((pattern) => pattern.test(style))) return true
  if (NO_SIZE.test(style) && /overflow\s*:\s*hidden/i.test(style)) return true
  const colour = colourOf(style, COLOUR)
  return colour !== undefined && colour === colourOf(style, BACKGROUND)
}

const COLOUR = /(?:^|[;\s])color\s*:\s*([^;!]+)/i
const BACKGROUND = /(?:^|[;\s])background(?:-color)?\s*:\s*([^;!]+)/i
const NAMED: Record<string, string> = { white: '#ffffff', black: '#000000' }

function colourOf(style: string, pattern: RegExp): string | undefined {
  const value = pattern.exec(style)?.[1]?.trim().toLowerCase().replace(/\s+/g, '')
  if (value === undefined) return undefined
  const short = /^#([0-9a-f])([0-9a-f])([0-9a-f])$/.exec(value)
  return short
    ? `#${short
        .slice(1)
        .map((digit) => digit + digit)
        .join('')}`
    : (NAMED[value] ?? value)
}
