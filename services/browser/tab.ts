import type { Browser, BrowserContext, Cookie, Dialog, Download, Page, Request, Route } from 'playwright-core'
import type { ToolContext } from '../agent/tool.ts'
import { AppError } from '../errors.ts'
import { hostKey, normaliseUrl } from '../outgoing/addresses.ts'
import { NOT_DECIDED, type Pass, type Proxy } from '../outgoing/proxy.ts'
import { WITHOUT_SIDE_DOORS } from './chromium.ts'
import { createHosts } from './hosts.ts'
import { within, type Look } from './looking.ts'
import { createNotes } from './notes.ts'

export const VIEW = { width: 1280, height: 800 }

const MOST_PAGES = 4
const MOST_BYTES = 200 * 1024 * 1024
const ACTION_MS = 10_000
const ANSWER_MS = 3_000
const CLOSE_MS = 5_000

export type TabDeps = {
  browser: Browser
  proxy: Pick<Proxy, 'url' | 'admit'>
  /** A trusted site of the owner's: nothing else is reached, and what comes back is private. */
  domain?: string | undefined
  cookies?: Cookie[] | undefined
  /** Takes a file that the page gave. Answers with a sentence about what became of it. */
  keep: (download: Download) => Promise<string>
}

export type Tab = Awaited<ReturnType<typeof openTab>>

/**
 * One isolated context of Chromium with its page: cookies and storage of its own, in memory only. Whatever it asks for is
 * decided here by its whole address, and once more by the proxy by its host, redirects included. Between calls no new
 * host is reached.
 */
export async function openTab({ browser, proxy, domain, cookies, keep }: TabDeps) {
  const hosts = createHosts(domain)
  const notes = createNotes()
  const refusals = new Map<string, string>()
  const pages: Page[] = []
  const looks = new Map<string, Look>()
  let decideHop: ToolContext['decideHop'] | undefined
  let fault: string | undefined
  let sentOnTo: string | undefined
  let arriving: Promise<unknown> = Promise.resolve()

  const pass: Pass = proxy.admit({
    mayReach: hosts.mayReach,
    onRefused: (host, reason) => void refusals.set(host, reason),
    mostBytes: MOST_BYTES,
  })
  const context = await openContext(browser, await proxy.url(), pass).catch((error: unknown) => {
    pass.leave()
    throw error
  })
  if (cookies?.length) await context.addCookies(cookies)

  /** Whether a request may go out; what the policy does not allow is noted where it would have been a page. */
  async function mayGo(request: Request): Promise<boolean> {
    const url = normaliseUrl(request.url())
    if (url === undefined) return /^(blob|data|about):/.test(request.url())
    if (await hosts.isDecided(hostKey(url))) return true
    const isPage = request.isNavigationRequest() && !isWithinPage(request)
    const isReading = request.method() === 'GET' || request.method() === 'HEAD'
    if (!isReading || !(isPage ? domain === undefined : hosts.takesParts())) return turnedAway(url, isPage)
    if (decideHop?.(url).decision !== 'allow') return turnedAway(url, isPage)
    if (isPage) await hosts.decide(url)
    else hosts.allowPart(url)
    return true
  }

  function turnedAway(url: string, isPage: boolean): false {
    if (isPage) notes.blocked(url)
    return false
  }

  async function route(asked: Route): Promise<void> {
    const request = asked.request()
    const allowed = await mayGo(request).catch(() => false)
    // @NOTE "aborted" leaves the page that is shown where it is.
    await (allowed ? asked.continue() : asked.abort('aborted')).catch(() => {})
  }

  function wire(page: Page): void {
    pages.push(page)
    page.on('dialog', (dialog: Dialog) => {
      notes.dialog(dialog.type(), dialog.message())
      dialog.dismiss().catch(() => {})
    })
    page.on('download', (download) => {
      arriving = arriving.then(async () => notes.say(await keep(download))).catch(() => {})
    })
    page.on('crash', () => {
      fault = 'The page made Chromium crash.'
    })
    page.on('close', () => {
      pages.splice(pages.indexOf(page), 1)
    })
    page.on('requestfailed', noteRedirect)
    if (pages.length > 1) notes.say('It opened a new window, which is the one you see now.')
    if (pages.length > MOST_PAGES) pages[1]?.close().catch(() => {})
  }

  /** A redirect is stopped by the proxy, which knows only its host. */
  function noteRedirect(request: Request): void {
    const url = normaliseUrl(request.url())
    if (!url || !request.redirectedFrom() || !request.isNavigationRequest() || isWithinPage(request)) return
    if (refusals.get(hostKey(url)) === NOT_DECIDED) {
      notes.redirected(url)
      sentOnTo = url
    }
  }

  await context.route('**/*', route)
  context.on('page', wire)
  await context.newPage()

  function page(): Page {
    if (fault !== undefined) throw new AppError('upstream_failed', `${fault} Call fetch_page to begin anew.`)
    const shown = pages.at(-1)
    if (shown) return shown
    throw new AppError('conflict', 'The page closed itself. Call fetch_page to begin anew.')
  }

  return {
    domain,
    context,
    hosts,
    notes,
    page,
    looks,
    isDead: (): boolean => fault !== undefined || pages.length === 0 || !browser.isConnected(),

    /** Whether the page still does anything: a script may keep it busy for ever. */
    answers: (): Promise<boolean> =>
      within(ANSWER_MS, page().evaluate('1')).then(
        () => true,
        () => false,
      ),

    /** The decided address where it is now; undefined before the first page and where something else is shown. */
    address(): string | undefined {
      return normaliseUrl(page().url())
    },

    /** Where a redirect leads that was not followed; told once. */
    sentOn(): string | undefined {
      const to = sentOnTo
      sentOnTo = undefined
      return to
    },

    /** Why a host was not reached the last time. */
    refusalOf: (url: string): string | undefined => refusals.get(hostKey(url)),

    /** Lets requests be decided for as long as a call lasts. */
    async during<T>(call: Pick<ToolContext, 'decideHop'>, work: () => Promise<T>): Promise<T> {
      decideHop = call.decideHop
      refusals.clear()
      try {
        return await work()
      } finally {
        decideHop = undefined
      }
    },

    /** Resolves when what the page gave as files was looked at. */
    arrived: (): Promise<unknown> => arriving,

    /** There is something of the owner's in it from now on. */
    async hold(): Promise<void> {
      hosts.hold()
      await pass.cut()
    },

    async close(): Promise<void> {
      pass.leave()
      await within(CLOSE_MS, context.close()).catch(() => {})
    },
  }
}

async function openContext(browser: Browser, server: string, { username, password }: Pass): Promise<BrowserContext> {
  const context = await browser.newContext({
    viewport: VIEW,
    serviceWorkers: 'block',
    acceptDownloads: true,
    ignoreHTTPSErrors: false,
    permissions: [],
    proxy: { server, username, password },
  })
  context.setDefaultTimeout(ACTION_MS)
  await context.addInitScript(WITHOUT_SIDE_DOORS)
  return context
}

/** Of a part of a page, such as a frame in it; the first page of a new window has no frame yet. */
function isWithinPage(request: Request): boolean {
  try {
    return request.frame().parentFrame() !== null
  } catch {
    return false
  }
}
