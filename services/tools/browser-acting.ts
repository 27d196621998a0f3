import type { Locator } from 'playwright-core'
import { z, type ZodType } from 'zod'
import { operation, UncertainError, type Operation, type Reach, type ToolOutcome } from '../agent/tool.ts'
import type { BrowserFamily } from '../browser/browser.ts'
import { elementOf, lookAt, treeOf, within, type Look } from '../browser/looking.ts'
import { settled } from '../browser/opening.ts'
import type { Tab } from '../browser/tab.ts'
import { AppError } from '../errors.ts'
import { hostKey } from '../outgoing/addresses.ts'
import { lazy } from '../shapes/lazy.ts'
import { quoted } from './wording.ts'

const ACT_MS = 8_000
/** What an action sets off, such as a new window, is seen to begin within this. */
const BEGINS_MS = 400
const TREE_CHARS = 6_000
const ENDED = /closed|crashed|disconnected/i

type Outcome = (tab: Tab, content: string, summary: string) => Promise<ToolOutcome>
type Deps = { browser: Pick<BrowserFamily, 'tabs'>; outcome: Outcome }

/** What one of the operations is. `fills`: something of the owner's goes into the page by it. */
type Kind<Args> = {
  description: string
  input: () => ZodType<Args>
  fills: boolean
  words: (args: Args) => string
  act: (element: Locator, args: Args, tab: Tab) => Promise<unknown>
}

/**
 * What changes something at the site that is open. Each is a `send` to the site's host, and to where the form says it goes. One yes
 * covers the form (or the page, where there is no form) until the run ends; on a trusted site the whole of it. Of a trusted site
 * nothing is asked while the run has read nothing of others but that site.
 */
export function actions({ browser: { tabs }, outcome }: Deps): Record<string, Operation> {
  async function inspect(ref: string | undefined, runId: string | undefined): Promise<Reach> {
    const tab = tabs.current(runId)
    const address = tab.address()
    if (address === undefined) throw new AppError('conflict', 'No page of a site is shown. Call fetch_page first.')
    const look: Look = ref === undefined ? { name: 'the page', form: '', action: '' } : await lookAt(tab.page(), ref)
    if (ref !== undefined) tab.looks.set(ref, look)
    const { host, pathname } = new URL(address)
    const places = [...new Set([host, ...(look.action === '' ? [] : [new URL(look.action).host])])]
    const own = tab.domain !== undefined
    const kind = !own ? 'unlisted' : tabs.readOnlyIts(runId) && places.length === 1 ? 'owner' : 'listed'
    return {
      destinations: places.map((address) => ({ address, class: kind })),
      covers: own ? `form:${tab.domain}` : `form:${places.join(' ')}${pathname} ${look.form}`,
      pins: [`${host}${pathname} ${look.form} ${look.name}`],
    }
  }

  async function perform<Args>(kind: Kind<Args>, args: Args & { ref?: string | undefined }, tab: Tab, reach: Reach) {
    const decided = (reach.destinations ?? []).map(({ address }) => address)
    const address = tab.address()
    if (address === undefined || !decided.includes(new URL(address).host))
      throw new AppError('conflict', 'The page has gone elsewhere in the meantime. Call read_page and look again.')
    const element = args.ref === undefined ? tab.page().locator('body') : await elementOf(tab.page(), args.ref)
    if (kind.fills) await tab.hold()
    const look = args.ref === undefined ? undefined : tab.looks.get(args.ref)
    if (look?.action && decided.includes(new URL(look.action).host)) await tab.hosts.decide(look.action)
    await carriedOut(() => within(ACT_MS + 2_000, kind.act(element, args, tab)), tab)
    await tab.page().waitForTimeout(BEGINS_MS)
    await settled(tab.page())
  }

  /** What has happened once the page began to change is not known where Chromium ended in the middle. */
  async function carriedOut(act: () => Promise<unknown>, tab: Tab): Promise<void> {
    try {
      await act()
    } catch (error) {
      if (tab.isDead() || ENDED.test(String(error)))
        throw new UncertainError('Chromium ended in the middle of this; the site may or may not have got it.')
      throw new AppError('conflict', refusal(String(error)))
    }
  }

  function acting<Args>(kind: Kind<Args>): Operation<Args & { ref?: string | undefined }> {
    return operation({
      description: kind.description,
      input: kind.input as () => ZodType<Args & { ref?: string | undefined }>,
      effect: 'send',
      destructive: false,
      attendedOnly: false,
      yields: { integrity: 'third_party', privacy: 'private' },
      recovery: 'ask',
      inspect: ({ ref }, _userId, _callId, runId) => inspect(ref, runId),
      describe: (args, _userId, runId) => described(kind.words(args), args.ref, runId),
      run: (args, context, reach) =>
        tabs.here(context, async (tab) => {
          await perform(kind, args, tab, reach)
          const tree = await treeOf(tab.page()).catch(() => '[The page cannot be shown as a tree.]')
          const shown = tree.length > TREE_CHARS ? `${tree.slice(0, TREE_CHARS)}\n[Call read_page for more.]` : tree
          return outcome(tab, `Done. The page is now ${tab.page().url()}\n\n${shown}`, 'Done')
        }),
    })
  }

  function described(words: string, ref: string | undefined, runId: string | undefined): string {
    const tab = openOf(runId)
    if (!tab) return `${words} in the browser.`
    const host = new URL(tab.page().url()).host
    const look = ref === undefined ? undefined : tab.looks.get(ref)
    const at = look ? ` the ${quoted(look.name, 120)}` : ''
    const goes =
      look?.action && hostKey(look.action) !== hostKey(tab.page().url())
        ? `; it goes to ${new URL(look.action).host}`
        : ''
    const holds = tab.domain === undefined ? (look?.form ? 'this form' : 'this page') : `all of ${tab.domain}`
    return `${words}${at} on ${host}${goes}. A yes holds for ${holds} until the run ends.`
  }

  function openOf(runId: string | undefined): Tab | undefined {
    try {
      const tab = tabs.current(runId)
      return tab.address() === undefined ? undefined : tab
    } catch {
      return undefined
    }
  }

  const Ref = () => z.string().regex(/^[a-z0-9]{1,20}$/, 'take it from read_page, like e12')
  return {
    click: acting<{ ref: string }>({
      description: 'Click an element by its ref of read_page',
      input: lazy(() => z.strictObject({ ref: Ref() })),
      fills: false,
      words: () => 'Click',
      act: (element) => element.click({ timeout: ACT_MS }),
    }),
    fill: acting<{ ref: string; text: string }>({
      description: 'Fill a field by its ref',
      input: lazy(() => z.strictObject({ ref: Ref(), text: z.string().max(20_000) })),
      fills: true,
      words: ({ text }) => `Write ${quoted(text, 300)} into`,
      act: (element, { text }) => element.fill(text, { timeout: ACT_MS }),
    }),
    select: acting<{ ref: string; value: string }>({
      description: 'Choose an option of a list, by its label or value',
      input: lazy(() => z.strictObject({ ref: Ref(), value: z.string().max(500) })),
      fills: true,
      words: ({ value }) => `Choose ${quoted(value, 200)} in`,
      act: (element, { value }) => element.selectOption(value, { timeout: ACT_MS }),
    }),
    press: acting<{ ref?: string | undefined; key: string }>({
      description: 'Press a key (Enter, Escape, PageDown …), on an element or the page',
      input: lazy(() =>
        z.strictObject({ key: z.string().regex(/^[\w+]{1,40}$/, 'such as Enter or Control+A'), ref: Ref().optional() }),
      ),
      fills: true,
      words: ({ key }) => `Press ${quoted(key, 40)} on`,
      act: (element, { key }) => element.press(key, { timeout: ACT_MS }),
    }),
  }
}

function refusal(error: string): string {
  if (/intercepts pointer events/.test(error))
    return 'Something lies over this element. Look with read_page or screenshot what it is.'
  if (/not an <input>|not a <select>|not a select|Element is not/.test(error))
    return 'This element does not take that. Look with read_page which one does.'
  if (/did not find some options/.test(error)) return 'The list has no such option. Look with read_page which it has.'
  if (/Unknown key/.test(error)) return 'There is no such key. Use names like Enter, Escape, Tab or a single letter.'
  return 'This could not be done within the time: the element is hidden, switched off or moving. Look with read_page.'
}
