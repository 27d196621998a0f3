import { createLines, type Lines } from './html-lines.ts'
import { hiddenSelectors, isHidden } from './html-styles.ts'
import { eachPiece, type Attributes, type Piece } from './html-tags.ts'

const BLOCKS = new Set(
  (
    'p div table thead tbody tfoot tr ul ol li dl dt dd h1 h2 h3 h4 h5 h6 pre blockquote section article header footer ' +
    'aside main nav address figure figcaption form fieldset center'
  ).split(' '),
)
const SPACED = new Set('p ul ol dl h1 h2 h3 h4 h5 h6 pre blockquote table'.split(' '))
const VOID = new Set('area base basefont br col embed frame hr img input link meta param source track wbr'.split(' '))
/** Not text for a reader, or not shown to one. */
const UNREAD = new Set(
  (
    'script style title textarea xmp iframe noembed noframes plaintext noscript template frameset object applet canvas svg math ' +
    'audio video map select button dialog'
  ).split(' '),
)

const LONGEST_HTML = 2 * 1024 * 1024
const LONGEST_LINK_TEXT = 500

type Hidden = { name: string; depth: number }

/**
 * A mail in HTML as plain text: what a reader sees, line by line, quotations behind `>`, where links lead in brackets. What is
 * hidden by attributes, inline styles or simple rules of its style sheets is left out; an element that is never closed
 * hides the rest. No tree is built: that would take far more room and time than a mail has letters.
 */
export function htmlText(html: string): string {
  const whole = html.slice(0, LONGEST_HTML)
  const selectors = hiddenSelectors(whole)
  const writer = createWriter()
  let hidden: Hidden | undefined
  eachPiece(whole, (piece) => {
    if (hidden) hidden = stillHidden(hidden, piece)
    else if (piece.kind !== 'open') writer.write(piece)
    else if (UNREAD.has(piece.name) || isHidden(piece.name, piece.attributes, selectors)) hidden = hiddenBy(piece.name)
    else writer.write(piece)
  })
  return writer.text()
}

/** What holds nothing hides nothing further. */
function hiddenBy(name: string): Hidden | undefined {
  return VOID.has(name) ? undefined : { name, depth: 1 }
}

function stillHidden({ name, depth }: Hidden, piece: Piece): Hidden | undefined {
  if (piece.kind === 'text' || piece.name !== name) return { name, depth }
  const now = depth + (piece.kind === 'open' ? 1 : -1)
  return now === 0 ? undefined : { name, depth: now }
}

type Anchor = { target: string; text: string }

function createWriter() {
  const lines = createLines()
  let pre = 0
  let anchor: Anchor | undefined

  function words(text: string): void {
    lines.words(text, pre > 0)
    if (anchor && anchor.text.length < LONGEST_LINK_TEXT) anchor.text += text
  }

  function leaveAnchor(): void {
    if (anchor) lines.words(targetOf(anchor), false)
    anchor = undefined
  }

  function open(name: string, attributes: Attributes): void {
    if (name === 'br') lines.end()
    else if (name === 'hr') lines.rule()
    else if (name === 'td' || name === 'th') lines.words(' ', false)
    else if (name === 'a') {
      leaveAnchor()
      anchor = { target: (attributes.get('href') ?? '').trim(), text: '' }
    } else if (name === 'li') lines.item()
    else if (BLOCKS.has(name)) {
      border(name, lines)
      if (name === 'blockquote') lines.quote(1)
      if (name === 'pre') pre++
    }
  }

  function close(name: string): void {
    if (name === 'a') leaveAnchor()
    else if (name === 'td' || name === 'th') lines.words(' ', false)
    else if (BLOCKS.has(name)) {
      if (name === 'blockquote') lines.quote(-1)
      if (name === 'pre') pre = Math.max(0, pre - 1)
      border(name, lines)
    }
  }

  return {
    write(piece: Piece): void {
      if (piece.kind === 'text') words(piece.text)
      else if (piece.kind === 'open') open(piece.name, piece.attributes)
      else close(piece.name)
    },

    text(): string {
      leaveAnchor()
      return lines.text()
    },
  }
}

function border(name: string, lines: Lines): void {
  if (SPACED.has(name)) lines.gap()
  else lines.open()
}

/** Where a link leads, unless its words say so; what is no address of a page or mailbox is none. */
function targetOf({ target, text }: Anchor): string {
  const words = text.replace(/\s+/g, ' ').trim()
  if (words === '' || !/^(https?|mailto|tel):/i.test(target)) return ''
  const said = target.replace(/^(mailto|tel):/i, '').slice(0, 2_000)
  return words === said || `${words}/` === said ? '' : ` <${said}>`
}
