import { z } from 'zod'
import { operation, type Tool, type ToolOutcome } from '../agent/tool.ts'
import { AppError } from '../errors.ts'
import type { BrowserFamily } from '../browser/browser.ts'
import { htmlOf, treeOf, within } from '../browser/looking.ts'
import { openPage } from '../browser/opening.ts'
import type { Tab } from '../browser/tab.ts'
import { normaliseUrl } from '../outgoing/addresses.ts'
import type { Labels } from '../shapes/labels.ts'
import { lazy } from '../shapes/lazy.ts'
import type { PageReader } from '../web/reader.ts'
import { actions } from './browser-acting.ts'
import { grouped, pageLine, pageOf, quoted } from './wording.ts'

const PAGE_CHARS = 8_000
const PICTURE_QUALITY = 70
const PICTURE_MS = 10_000
const MOST_WAIT_S = 20

/** The worst that can come back: of a trusted site with the owner's session. */
const READING = {
  effect: 'read',
  destructive: false,
  attendedOnly: false,
  yields: { integrity: 'third_party', privacy: 'private' },
  recovery: 'redo',
} as const

export type BrowserToolDeps = {
  browser: Pick<BrowserFamily, 'tabs' | 'signedIn' | 'isOffered'>
  reader: Pick<PageReader, 'article'>
}

type Reading = { as: 'tree' | 'text'; offset: number; max_chars: number }

/**
 * The system's Chromium: pages as they are with their scripts, and what one does in them. One isolated context a run; everything
 * goes out through the guarded proxy.
 */
export function createBrowserTool({ browser, reader }: BrowserToolDeps): Tool {
  const { tabs } = browser

  async function textOf(tab: Tab, signal: AbortSignal): Promise<{ title: string; text: string; cut: boolean }> {
    const { html, title, cut } = await htmlOf(tab.page())
    const page = await reader.article(html, tab.page().url(), signal)
    return { title: page.title || title, text: page.text, cut: page.cut || cut }
  }

  async function outcome(tab: Tab, content: string, summary: string, more: Partial<ToolOutcome> = {}) {
    await within(60_000, tab.arrived()).catch(() => {})
    const notes = tab.notes.take().map((note) => `[${note}]`)
    const labels: Labels = { integrity: 'third_party', privacy: tab.domain === undefined ? 'public' : 'private' }
    const source = `the page ${tab.page().url().slice(0, 200)}`
    return { content: [content, ...notes].join('\n\n'), summary, source, labels, ...more }
  }

  const fetchPage = operation<{ url: string }>({
    ...READING,
    description: 'Open a page with its scripts, for this run; its text',
    input: lazy(() => z.strictObject({ url: z.string() })),
    inspect: ({ url }) => ({ egress: { kind: 'url', url: webAddress(url) } }),
    describe: ({ url }) => `Open the page ${quoted(normaliseUrl(url) ?? url, 300)} in the browser.`,
    run: (_args, context, { egress }) => {
      if (egress?.kind !== 'url') throw new Error('A page was asked for without a decided URL.')
      const { url } = egress
      return tabs.at(context, url, async (tab) => {
        const { status, redirect, isFile, unfinished } = await openPage(tab, url, context)
        if (redirect)
          return outcome(
            tab,
            `This page redirects to ${redirect.to}, which was not opened. Call fetch_page with that URL to ask for it.`,
            'Redirects elsewhere',
          )
        if (isFile) return outcome(tab, `${url} is a file, not a page.`, `A file from ${new URL(url).host}`)
        if (unfinished) tab.notes.say('The page had not finished loading.')
        if (status !== undefined && status >= 400) tab.notes.say(`The server answered ${status}.`)
        const { title, text, cut } = await textOf(tab, context.signal)
        const page = pageOf(text.slice(0, PAGE_CHARS), 0, text.length)
        const more =
          page.next === undefined ? '' : `\n\n[The text goes on. Call read_page with as "text", offset ${page.next}.]`
        if (cut) tab.notes.say('The page is too long; its end was not read.')
        const head = title === '' ? '' : `# ${oneLine(title)}\n`
        const summary = `${grouped(text.length)} characters from ${new URL(url).host}`
        return outcome(tab, `${head}${tab.page().url()}\n\n${page.text || '[No text.]'}${more}`, summary)
      })
    },
  })

  const readPage = operation<Reading>({
    ...READING,
    description: 'The open page as a tree with refs to act on, or as text',
    input: lazy(() =>
      z.strictObject({
        as: z.enum(['tree', 'text']).default('tree'),
        offset: z.int().min(0).max(1e9).default(0),
        max_chars: z.int().min(100).max(40_000).default(PAGE_CHARS),
      }),
    ),
    inspect: () => ({}),
    describe: () => 'Read the page that is open in the browser.',
    run: ({ as, offset, max_chars }, context) =>
      tabs.here(context, async (tab) => {
        const all = as === 'tree' ? await treeOf(tab.page()) : (await textOf(tab, context.signal)).text
        const page = pageOf(all.slice(offset, offset + max_chars), offset, all.length)
        const content = `${tab.page().url()}\n\n${page.text}${pageLine(page, offset, all.length, 'read_page')}`
        return outcome(tab, content, `${grouped(page.text.length)} characters of the open page`)
      }),
  })

  const screenshot = operation<Record<string, never>>({
    ...READING,
    description: 'A picture of what the open page shows',
    input: lazy(() => z.strictObject({})),
    inspect: () => ({}),
    describe: () => 'Take a picture of the page that is open in the browser.',
    run: (_args, context) =>
      tabs.here(context, async (tab) => {
        const options = { type: 'jpeg', quality: PICTURE_QUALITY, timeout: PICTURE_MS, animations: 'disabled' } as const
        const data = await within(PICTURE_MS + 1_000, tab.page().screenshot(options)).catch(() => {
          throw new AppError('upstream_failed', 'The page does not hold still for a picture. Use read_page.')
        })
        const pictures = [{ mediaType: 'image/jpeg' as const, data }]
        return outcome(tab, `A picture of ${tab.page().url()}.`, 'A picture of the open page', { pictures })
      }),
  })

  const wait = operation<{ shows?: string | undefined; seconds: number }>({
    ...READING,
    description: 'Wait for a text on the open page, or some seconds',
    input: lazy(() =>
      z.strictObject({
        shows: z.string().min(1).max(200).optional(),
        seconds: z.number().min(0.1).max(MOST_WAIT_S).default(5),
      }),
    ),
    inspect: () => ({}),
    describe: ({ shows }) => `Wait for the open page${shows === undefined ? '' : ` to show ${quoted(shows, 100)}`}.`,
    run: ({ shows, seconds }, context) =>
      tabs.here(context, async (tab) => {
        const ms = seconds * 1000
        if (shows === undefined) {
          await tab.page().waitForTimeout(ms)
          return outcome(tab, `Waited ${seconds} seconds.`, `Waited ${seconds} seconds`)
        }
        const shown = tab.page().getByText(shows).first().waitFor({ state: 'visible', timeout: ms })
        const found = await within(ms + 1_000, shown).then(
          () => true,
          () => false,
        )
        tab.page()
        const words = found ? 'The text is there.' : `The text did not come within ${seconds} seconds.`
        return outcome(tab, words, words)
      }),
  })

  return {
    name: 'browser',
    description: 'A real browser, for pages that need scripts, forms or a look. Start with fetch_page.',
    known: () => (browser.isOffered() ? undefined : ''),
    operations: {
      fetch_page: fetchPage,
      read_page: readPage,
      screenshot,
      wait,
      ...actions({ browser, outcome }),
    },
  }
}

function webAddress(text: string): string {
  const url = normaliseUrl(text)
  if (url !== undefined) return url
  throw new AppError('invalid', 'Give a whole address that starts with http:// or https:// and holds no password.')
}

const oneLine = (text: string): string => text.replace(/\s+/g, ' ').trim().slice(0, 300).toWellFormed()
