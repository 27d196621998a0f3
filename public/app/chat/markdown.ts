import DOMPurify from 'dompurify'
import { Marked, type Token, type Tokens } from 'marked'
import { createBlockReader } from './blocks.ts'
import { codeBlock } from './code-block.ts'
import { plainHost } from './hosts.ts'
import { parseUrl } from '../urls.ts'

/** Which links may be clicked: all, or only those to hosts the owner named. */
export type LinkRule = 'all' | ReadonlySet<string>

const TAGS =
  'p br hr h3 h4 h5 h6 strong b em i u s del ins sub sup kbd mark code pre blockquote ul ol li table thead tbody tfoot tr th td a details summary'.split(
    ' ',
  )
const ATTRIBUTES = ['href', 'title', 'start', 'align', 'colspan', 'rowspan', 'data-language']

/** Tags that people write inside Markdown. Any other, and any with attributes, is shown as the text it is. */
const PLAIN_TAG = /^<\/?(br|b|i|u|s|em|strong|del|ins|sub|sup|kbd|mark|details|summary)\s*\/?>$/i

const escape = (text: string): string => text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`)

const marked = new Marked({
  gfm: true,
  breaks: false,
  renderer: {
    heading({ tokens, depth }) {
      const level = Math.min(6, depth + 2)
      return `<h${level}>${this.parser.parseInline(tokens)}</h${level}>`
    },
    code: ({ text, lang }) =>
      `<pre data-language="${escape(lang?.split(/\s/)[0] ?? '')}"><code>${escape(text)}</code></pre>`,
    // @NOTE an image is a request to whoever the text names; it is told, not loaded.
    image: ({ href, text }) => `${escape(text || 'Image')} (<a href="${escape(href)}">${escape(href)}</a>)`,
    html: ({ text }) =>
      text
        .replace(/<!--[\s\S]*?-->/g, '')
        .replace(/<[^>]*>|[&<>"']/g, (part) => (PLAIN_TAG.test(part) ? part : escape(part))),
    checkbox: ({ checked }) => (checked ? '☑ ' : '☐ '),
  },
})

/** Reads the blocks of one text after another of the same, growing answer. */
export const blockReader = () => createBlockReader((text) => marked.lexer(text))

/** One block as safe elements: no scripts, styles, classes, frames, forms or pictures, and links by the rule. */
export function renderBlock(block: Token, rule: LinkRule, settled: boolean): Node {
  if (block.type === 'code') return codeBlock((block as Tokens.Code).text, (block as Tokens.Code).lang ?? '', settled)
  const fragment = DOMPurify.sanitize(marked.parser([block]), {
    ALLOWED_TAGS: TAGS,
    ALLOWED_ATTR: ATTRIBUTES,
    ALLOW_DATA_ATTR: false,
    ALLOW_ARIA_ATTR: false,
    RETURN_DOM_FRAGMENT: true,
  })
  for (const link of fragment.querySelectorAll('a')) tame(link, rule)
  for (const pre of fragment.querySelectorAll('pre')) {
    pre.replaceWith(codeBlock(pre.textContent ?? '', pre.dataset['language'] ?? '', settled))
  }
  for (const table of fragment.querySelectorAll('table')) wrapTable(table)
  return fragment
}

function tame(link: HTMLAnchorElement, rule: LinkRule): void {
  const href = link.getAttribute('href')
  const url = href === null ? null : parseUrl(href, location.href)
  if (!url || !isAllowed(url, rule)) return flatten(link, url)
  link.target = '_blank'
  link.rel = 'noopener noreferrer'
}

function isAllowed(url: URL, rule: LinkRule): boolean {
  if (rule === 'all') return ['http:', 'https:', 'mailto:'].includes(url.protocol)
  return ['http:', 'https:'].includes(url.protocol) && rule.has(plainHost(url.hostname))
}

/** A link that must not be clicked becomes its words and its address. */
function flatten(link: HTMLAnchorElement, url: URL | null): void {
  const words = link.textContent ?? ''
  const address = url?.href ?? ''
  const plain = document.createElement('span')
  if (url) plain.className = 'plain-link'
  if (url) plain.title = 'Not a link: this answer may hold words of others, and you have not named this site.'
  const same = words.replace(/\/$/, '') === address.replace(/\/$/, '') || !address
  plain.textContent = same ? words : `${words} (${address})`
  link.replaceWith(plain)
}

function wrapTable(table: HTMLTableElement): void {
  const frame = document.createElement('div')
  frame.className = 'table-frame'
  frame.tabIndex = 0
  frame.role = 'group'
  frame.ariaLabel = 'Table'
  table.replaceWith(frame)
  frame.append(table)
}
