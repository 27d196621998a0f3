import { hidesBy } from '../policy/hidden-html.ts'
import { readablePage, type PageDocument, type PageElement, type PageNode } from '../web/html.ts'

const TEXT = 3
const BLOCKS = new Set(
  (
    'p div table thead tbody tfoot tr ul ol li dl dt dd h1 h2 h3 h4 h5 h6 pre blockquote section article header footer ' +
    'aside main nav address figure figcaption form fieldset center hr'
  ).split(' '),
)
const MARK = '- '
const SPACED = new Set('p ul ol dl h1 h2 h3 h4 h5 h6 pre blockquote table'.split(' '))

/** So much of a style sheet is looked at for rules that hide. */
const MOST_STYLE = 100_000
const MOST_HIDING = 200

/**
 * A mail in HTML as plain text: what a reader sees, line by line, quotations behind `>`, where links lead in brackets. What is hidden by
 * attributes, inline styles or simple rules of its style sheets is left out; rules that fit only some screens hide nothing here.
 */
export async function htmlText(html: string): Promise<string> {
  const { document } = await readablePage(html, 'about:blank')
  dropHidden(document, html)
  const lines = createLines()
  write(document.body, lines, false)
  return lines.text()
}

function dropHidden(document: PageDocument, html: string): void {
  for (const selector of hidingSelectors(html)) {
    for (const element of [...document.querySelectorAll(selector)]) element.remove()
  }
}

/** Selectors of one class, id or element that a style sheet hides. */
function hidingSelectors(html: string): string[] {
  const sheets = [...html.slice(0, 2_000_000).matchAll(/<style\b[^>]{0,500}>([^<]{0,100000})/gi)]
  const rules = sheets.flatMap(([, sheet]) => rulesOf(sheet!)).filter(({ style }) => hidesBy(style))
  const selectors = rules.flatMap((rule) => rule.selectors.split(',').map((one) => one.trim()))
  const simple = selectors.filter((selector) => /^([a-z][a-z0-9]*)?[.#][\w-]{1,100}$/i.test(selector))
  return [...new Set(simple)].slice(0, MOST_HIDING)
}

function rulesOf(sheet: string): { selectors: string; style: string }[] {
  const plain = withoutNested(sheet.slice(0, MOST_STYLE).replace(/\/\*[^*]{0,5000}\*\//g, ''))
  const found = plain.matchAll(/([^{}]{1,1000})\{([^{}]{0,5000})\}/g)
  return [...found].map(([, selectors, style]) => ({ selectors: selectors!, style: style! }))
}

/** @media and its like hold for some readers only. */
function withoutNested(sheet: string): string {
  let kept = ''
  let depth = 0
  let from = 0
  for (let at = 0; at < sheet.length; at++) {
    if (sheet[at] === '{') depth++
    else if (sheet[at] === '}' && depth > 0 && --depth === 0) {
      const rule = sheet.slice(from, at + 1)
      from = at + 1
      if (!rule.trimStart().startsWith('@')) kept += rule
    }
  }
  return kept
}

function write(parent: PageNode, lines: Lines, pre: boolean): void {
  for (let node = parent.firstChild; node; node = node.nextSibling) {
    if (node.nodeType === TEXT) lines.words(node.textContent, pre)
    else element(node as PageElement, lines, pre)
  }
}

function element(node: PageElement, lines: Lines, pre: boolean): void {
  const name = node.localName
  if (name === 'br') return lines.end()
  if (name === 'hr') return lines.rule()
  if (name === 'a') return link(node, lines, pre)
  if (name === 'td' || name === 'th') return cell(node, lines, pre)
  if (!BLOCKS.has(name)) return write(node, lines, pre)
  if (SPACED.has(name)) lines.gap()
  else lines.open()
  if (name === 'li') lines.words(MARK, true)
  if (name === 'blockquote') lines.quote(() => write(node, lines, pre))
  else write(node, lines, pre || name === 'pre')
  if (SPACED.has(name)) lines.gap()
  else lines.open()
}

/** Cells of one line stand in one line. */
function cell(node: PageElement, lines: Lines, pre: boolean): void {
  lines.words(' ', false)
  write(node, lines, pre)
  lines.words(' ', false)
}

function link(node: PageElement, lines: Lines, pre: boolean): void {
  const href = node.getAttribute('href') ?? ''
  const words = node.textContent.replace(/\s+/g, ' ').trim()
  write(node, lines, pre)
  const target = href.replace(/^mailto:/, '')
  if (words === '' || href === '' || words === target || `${words}/` === target) return
  lines.words(` <${target}>`, false)
}

type Lines = ReturnType<typeof createLines>

/** Lines as they are written; empty ones never follow each other. */
function createLines() {
  const done: string[] = []
  let line = ''
  let depth = 0
  let empty = true

  function push(text: string): void {
    if (text === '' && empty) return
    empty = text === ''
    done.push(`${'> '.repeat(depth)}${text}`.trimEnd())
  }

  function add(text: string): void {
    line += line === '' || line.endsWith(' ') ? text.replace(/^ /, '') : text
  }

  function end(): void {
    push(line.trimEnd())
    line = ''
  }

  /** Begins a new line where something stands in this one; the mark of an item waits for its words. */
  function open(): void {
    if (line.trim() === '') line = ''
    else if (line !== MARK) end()
  }

  function gap(): void {
    open()
    if (line === '' && !empty) push('')
  }

  return {
    end,
    open,
    gap,

    words(text: string, pre: boolean): void {
      if (!pre) return add(text.replace(/[\s\u00a0]+/g, ' '))
      const [first = '', ...rest] = text.split('\n')
      add(first)
      for (const next of rest) {
        end()
        add(next)
      }
    },

    rule(): void {
      open()
      push('---')
    },

    quote(inside: () => void): void {
      gap()
      depth++
      inside()
      open()
      depth--
    },

    text(): string {
      if (line.trim() !== '') end()
      return done.join('\n').trim()
    },
  }
}
