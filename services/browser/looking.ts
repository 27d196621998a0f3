import type { Locator, Page } from 'playwright-core'
import { AppError } from '../errors.ts'
import { normaliseUrl } from '../outgoing/addresses.ts'
import { visible } from '../policy/sanitize.ts'

/** An element as it is before something is done to it. */
export type Look = {
  /** In words: a textbox "Name". */
  name: string
  /** The form it stands in, by what makes it another; '' for none. */
  form: string
  /** Where what is typed there would go, as far as the page says. */
  action: string
}

const LOOK_MS = 3_000
const APART_MS = 12_000
const MOST_ELEMENTS = 30_000
const MOST_HTML = 3_000_000

const STALE = 'There is no such element any more. Call read_page and take a ref from there.'

/** Runs in the page, so it uses nothing from here. What it says is the page's word. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any
function seenFrom(element: any) {
  const page = element.ownerDocument
  const form = element.form ?? element.closest('form')
  const link = element.closest('a[href]')
  const tag: string = element.tagName.toLowerCase()
  const ofButton = tag === 'input' && /^(submit|button|reset)$/.test(element.type) ? element.value : ''
  const said = [
    element.getAttribute('aria-label'),
    element.labels?.[0]?.textContent,
    element.getAttribute('placeholder'),
  ]
  const label = [...said, ofButton, element.textContent, element.getAttribute('title')].find(Boolean) ?? ''
  const plain =
    tag === 'a' ? 'link' : tag === 'input' ? `${element.type} field` : tag === 'textarea' ? 'text field' : tag
  const sentTo = form ? (element.getAttribute('formaction') ?? form.getAttribute('action') ?? '') : (link?.href ?? '')
  const names = form ? [[...page.forms].indexOf(form), form.id, form.getAttribute('name') ?? ''] : []
  return {
    kind: String(element.getAttribute('role') ?? plain).slice(0, 40),
    label: String(label).slice(0, 300),
    target: new URL(sentTo, page.baseURI).href.slice(0, 5_000),
    form: names.join(' ').slice(0, 200),
  }
}

/** The element that a ref of `read_page` stands for. Throws `conflict` for one that is gone. */
export async function elementOf(page: Page, ref: string): Promise<Locator> {
  const element = page.getByRef(ref)
  const count = await within(LOOK_MS, element.count()).catch(() => 0)
  if (count !== 1) throw new AppError('conflict', STALE)
  return element
}

/** What an element is and where it would lead, as the page has it. */
export async function lookAt(page: Page, ref: string): Promise<Look> {
  const element = await elementOf(page, ref)
  const seen = await within(LOOK_MS, element.evaluate(seenFrom)).catch(() => {
    throw new AppError('upstream_failed', 'The page does not answer. Call fetch_page to open it anew.')
  })
  const label = visible(String(seen.label)).replace(/\s+/g, ' ').trim()
  return {
    name: `${String(seen.kind).replace(/[^\w -]/g, '')} ${JSON.stringify(label.slice(0, 100))}`,
    form: String(seen.form),
    action: normaliseUrl(String(seen.target)) ?? '',
  }
}

/**
 * What the page is made of now, from a world of ours within it, where nothing of the page's own can answer in its place. Of
 * a huge page, only the beginning.
 */
export async function htmlOf(page: Page): Promise<{ title: string; html: string; cut: boolean; elements: number }> {
  const expression = `(() => { const html = document.documentElement?.outerHTML ?? ''
    return { title: document.title.slice(0, 500), html: html.slice(0, ${MOST_HTML}), cut: html.length > ${MOST_HTML}, elements: document.getElementsByTagName('*').length } })()`
  return (await evaluateApart(page, expression)) as { title: string; html: string; cut: boolean; elements: number }
}

/** The tree of what can be read and used, with refs. Throws `too_large` for one that nobody could read. */
export async function treeOf(page: Page): Promise<string> {
  const elements = await evaluateApart(page, `document.getElementsByTagName('*').length`)
  if (Number(elements) > MOST_ELEMENTS)
    throw new AppError(
      'too_large',
      `This page has ${Number(elements)} elements, too many to be listed. Read it as text: read_page with as "text".`,
    )
  return within(10_000, page.ariaSnapshot({ mode: 'ai', timeout: 9_000 }))
}

function evaluateApart(page: Page, expression: string): Promise<unknown> {
  return within(APART_MS, evaluatedApart(page, expression))
}

async function evaluatedApart(page: Page, expression: string): Promise<unknown> {
  const session = await page.context().newCDPSession(page)
  try {
    const { frameTree } = await session.send('Page.getFrameTree')
    const { executionContextId: contextId } = await within(
      LOOK_MS,
      session.send('Page.createIsolatedWorld', { frameId: frameTree.frame.id }),
    )
    const asked = session.send('Runtime.evaluate', { contextId, expression, returnByValue: true, timeout: 5_000 })
    const { result, exceptionDetails } = await within(10_000, asked)
    if (exceptionDetails) throw new Error(exceptionDetails.text)
    return result.value
  } finally {
    session.detach().catch(() => {})
  }
}

/** Rejects where something takes longer than that; what it was goes on and is not heard of any more. */
export async function within<T>(ms: number, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new AppError('upstream_failed', 'The page does not answer.')), ms)
  })
  work.catch(() => {})
  try {
    return await Promise.race([work, late])
  } finally {
    clearTimeout(timer)
  }
}
