import { normaliseUrl } from '../outgoing/addresses.ts'
import { hidesBy } from '../policy/hidden-html.ts'

/** As much of the DOM as is used here. */
export type PageNode = {
  readonly nodeType: number
  readonly parentNode: PageNode | null
  readonly firstChild: PageNode | null
  readonly lastChild: PageNode | null
  readonly previousSibling: PageNode | null
  textContent: string
  insertBefore: (child: PageNode, before: PageNode | null) => PageNode
  remove: () => void
}
export type PageElement = PageNode & {
  readonly localName: string
  readonly attributes: Iterable<{ name: string; value: string }>
  hasAttribute: (name: string) => boolean
  getAttribute: (name: string) => string | null
  setAttribute: (name: string, value: string) => void
  removeAttribute: (name: string) => void
  querySelector: (selectors: string) => PageElement | null
  querySelectorAll: (selectors: string) => Iterable<PageElement>
}
export type PageDocument = Pick<PageElement, 'querySelector' | 'querySelectorAll'> & {
  readonly head: PageElement
  readonly body: PageElement
  title: string
}

/** `cut` says that the page went on where it was no longer looked at. */
export type ReadablePage = { document: PageDocument; cut: boolean }

/** How much of a page is looked at, so that no page can hold up the house: readers' work grows with size times depth. */
const MAX_CHARS = 2_000_000
const MAX_NODES = 40_000
const MAX_DEPTH = 60

const ELEMENT = 1
const TEXT = 3
const KEPT_ATTRIBUTES = new Set('href id class role itemprop property name content lang dir'.split(' '))
const MAX_ATTRIBUTE_CHARS = 2000
/** Not text for a reader, or not shown to one. */
const DROPPED = new Set(
  (
    'script style noscript template iframe frame object embed applet canvas svg math img picture source video audio ' +
    'track map input select textarea button link base dialog title'
  ).split(' '),
)

/**
 * Parses a page, whole or a piece, without running anything in it. All of it ends up in the body, whatever tags were
 * left out or came twice. linkedom is loaded with the first page.
 */
export async function parseHtml(html: string): Promise<PageDocument> {
  const { parseHTML } = await import('linkedom')
  const inside = html.slice(0, MAX_CHARS).replace(/<\/(body|html)\s*>/gi, '')
  const page = `<!doctype html><html><head></head><body>${inside}</body></html>`
  return parseHTML(page).document as unknown as PageDocument
}

/**
 * A page reduced to what a person could read in it: no scripts, pictures, controls, comments or hidden parts, links
 * absolute, few attributes. Very long pages are cut, very deep parts become plain text.
 */
export async function readablePage(html: string, url: string): Promise<ReadablePage> {
  const document = await parseHtml(html)
  const title = document.querySelector('title')?.textContent ?? ''
  const base = document.querySelector('base')?.getAttribute('href') ?? ''
  const origin = URL.canParse(base, url) ? new URL(base, url).href : url
  const nodes = nodesIn(document.body)
  for (const [index, { node }] of nodes.entries()) {
    if (index >= MAX_NODES || isUnread(node)) node.remove()
    else if (node.nodeType === ELEMENT) clean(node as PageElement, document, origin)
    else node.textContent = collapsed(node.textContent)
  }
  for (const { node, depth } of nodes) if (depth === MAX_DEPTH) node.textContent = String(node.textContent)
  document.title = collapsed(title).slice(0, 300)
  return { document, cut: html.length > MAX_CHARS || nodes.length > MAX_NODES }
}

/** Every node below one, in reading order, without recursion. */
function nodesIn(root: PageNode): { node: PageNode; depth: number }[] {
  const found = []
  const open = [{ node: root, depth: 0 }]
  for (let item = open.pop(); item; item = open.pop()) {
    found.push(item)
    const depth = item.depth + 1
    for (let node = item.node.lastChild; node; node = node.previousSibling) open.push({ node, depth })
  }
  return found.slice(1)
}

/** @NOTE long runs of white space make the regular expressions of other people's converters slow. */
function collapsed(text: string): string {
  return text.replace(/\s{8,}/g, (run) => (run.includes('\n') ? '\n\n' : ' '))
}

function isUnread(node: PageNode): boolean {
  if (node.nodeType !== ELEMENT) return node.nodeType !== TEXT
  const element = node as PageElement
  const attributes = new Map(Array.from(element.attributes, ({ name, value }) => [name.toLowerCase(), value]))
  if (DROPPED.has(element.localName) || attributes.has('hidden')) return true
  return attributes.get('aria-hidden') === 'true' || hidesBy(attributes.get('style') ?? '')
}

function clean(element: PageElement, document: PageDocument, origin: string): void {
  for (const { name, value } of [...element.attributes]) {
    element.removeAttribute(name)
    const kept = KEPT_ATTRIBUTES.has(name.toLowerCase()) && value.length <= MAX_ATTRIBUTE_CHARS
    if (kept) element.setAttribute(name.toLowerCase(), value)
  }
  if (element.hasAttribute('href')) setLink(element, origin)
  if (element.localName === 'meta') document.head.insertBefore(element, null)
  if (['html', 'head', 'body'].includes(element.localName)) unwrap(element)
}

function unwrap(element: PageElement): void {
  for (let child = element.firstChild; child; child = element.firstChild)
    element.parentNode?.insertBefore(child, element)
  element.remove()
}

function setLink(element: PageElement, origin: string): void {
  const href = element.getAttribute('href') ?? ''
  const target = href.startsWith('#') || !URL.canParse(href, origin) ? undefined : new URL(href, origin).href
  const kept = target?.startsWith('mailto:') ? target : target && normaliseUrl(target)
  if (kept === undefined) element.removeAttribute('href')
  else element.setAttribute('href', kept)
}
