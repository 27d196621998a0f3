import assert from 'node:assert/strict'
import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { chromium, type Browser, type Page } from 'playwright-core'

/** The system's Chromium with what every walk through the page looks at: pictures, overflow, accessibility, complaints. */

const CHROMIUM = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find((path) =>
  existsSync(path),
)
/** Why a test of the page is skipped; false where it can run, and where it must. */
export const MISSING =
  CHROMIUM === undefined && process.env.CI !== 'true' ? 'needs Chromium (Debian: apt install chromium)' : false

const PICTURES = join(import.meta.dirname, '..', 'output')
const AXE = readFileSync(join(import.meta.dirname, '..', '..', 'node_modules', 'axe-core', 'axe.min.js'), 'utf8')
const WIDTHS = [390, 1280]

export type Walk = {
  browser: Browser
  page: Page
  /** Errors of the page's code and breaches of the content policy. */
  complaints: string[]
  /** Takes a picture at every width, and fails where the page scrolls sideways. */
  picture: (name: string) => Promise<void>
  /** Fails where a rule of WCAG 2.2 AA is broken. */
  accessible: (name: string) => Promise<void>
}

export async function startWalk(): Promise<Walk> {
  mkdirSync(PICTURES, { recursive: true })
  const browser = await chromium.launch({
    ...(CHROMIUM === undefined ? {} : { executablePath: CHROMIUM }),
    args: ['--no-sandbox', '--disable-dev-shm-usage', '--disable-background-networking'],
  })
  const page = await browser.newPage({ viewport: { width: 1280, height: 800 } })
  const complaints: string[] = []
  page.on('pageerror', (error) => complaints.push(error.message))
  page.on('console', (line) => {
    if (line.type() === 'error' && /Content Security Policy|Refused to/i.test(line.text())) complaints.push(line.text())
  })
  return {
    browser,
    page,
    complaints,
    picture: (name) => picture(page, name),
    accessible: (name) => accessible(page, name),
  }
}

async function picture(page: Page, name: string): Promise<void> {
  for (const width of WIDTHS) {
    await page.setViewportSize({ width, height: 844 })
    await page.waitForTimeout(150)
    await page.screenshot({ path: join(PICTURES, `${name}-${width}.png`) })
    const overflow = await page.evaluate('document.documentElement.scrollWidth - window.innerWidth')
    assert.ok(Number(overflow) <= 0, `${name} scrolls sideways at ${width} px`)
  }
}

async function accessible(page: Page, name: string): Promise<void> {
  const run = `(async () => { const r = await axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21aa', 'wcag22aa'] }); return r.violations.map(v => v.id + ': ' + v.nodes.map(n => n.target).join(' ')) })()`
  if (!(await page.evaluate('typeof axe !== "undefined"'))) await page.evaluate(AXE)
  assert.deepEqual(await page.evaluate(run), [], name)
}
