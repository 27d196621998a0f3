import type { Page, Response } from 'playwright-core'
import type { ToolContext, Verdict } from '../agent/tool.ts'
import { AppError } from '../errors.ts'
import { within } from './looking.ts'
import type { Tab } from './tab.ts'

const ANSWER_MS = 20_000
const MADE_MS = 8_000
const QUIET_MS = 2_500
const MOST_REDIRECTS = 5

export type Opened = {
  status: number | undefined
  /** Where it leads instead, which was not decided on. */
  redirect?: { to: string; verdict: Verdict }
  /** The address gave a file, which was looked at. */
  isFile?: boolean
  /** It was still going when we looked. */
  unfinished: boolean
}

/**
 * Opens a decided address, and what it redirects to as far as that is allowed; each other host is decided by its whole
 * address first. Throws AppError with what went wrong.
 */
export async function openPage(tab: Tab, url: string, { decideHop }: Pick<ToolContext, 'decideHop'>): Promise<Opened> {
  let at = url
  for (let hop = 0; hop <= MOST_REDIRECTS; hop++) {
    await tab.hosts.decide(at)
    const { response, error } = await attempt(tab.page(), at)
    const to = tab.sentOn()
    if (to !== undefined) {
      const verdict = decideHop(to)
      tab.notes.take()
      if (verdict.decision !== 'allow') return { status: undefined, redirect: { to, verdict }, unfinished: false }
      at = to
      continue
    }
    if (error === undefined) return { status: response?.status(), unfinished: !(await settled(tab.page())) }
    if (/Download is starting/.test(error)) return { status: undefined, isFile: true, unfinished: false }
    throw failed(tab, at, error)
  }
  throw new AppError('upstream_failed', `${new URL(url).host} redirects more than ${MOST_REDIRECTS} times.`)
}

async function attempt(page: Page, url: string): Promise<{ response?: Response | null; error?: string }> {
  try {
    return { response: await page.goto(url, { waitUntil: 'commit', timeout: ANSWER_MS }) }
  } catch (error) {
    return { error: String(error) }
  }
}

/** Waits until a page is there, for a while: some never end. False for those. */
export async function settled(page: Page): Promise<boolean> {
  const made = await until(page, 'domcontentloaded', MADE_MS)
  return (await until(page, 'load', QUIET_MS)) && made
}

function until(page: Page, state: 'domcontentloaded' | 'load', ms: number): Promise<boolean> {
  return within(ms + 500, page.waitForLoadState(state, { timeout: ms })).then(
    () => true,
    () => false,
  )
}

function failed(tab: Tab, url: string, error: string): AppError {
  const { host } = new URL(url)
  const why = tab.refusalOf(url)
  if (why !== undefined) return new AppError(/private/.test(why) ? 'forbidden' : 'upstream_failed', why)
  if (/ERR_CERT|ERR_SSL/.test(error))
    return new AppError('upstream_failed', `${host} has no certificate that can be trusted.`)
  if (/Timeout/.test(error))
    return new AppError('upstream_failed', `${host} did not answer within ${ANSWER_MS / 1000} seconds.`)
  if (/crashed|closed/.test(error))
    return new AppError('upstream_failed', 'Chromium ended in the middle of this. Call fetch_page to begin anew.')
  return new AppError('upstream_failed', `The page of ${host} could not be opened. Check the address, or try later.`)
}
