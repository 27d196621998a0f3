import type { Db } from '../../db/open.ts'
import type { ToolContext } from '../agent/tool.ts'
import { AppError } from '../errors.ts'
import type { Labels } from '../shapes/labels.ts'
import type { Proxy } from '../outgoing/proxy.ts'
import type { StoredCookie } from './cookies.ts'
import type { Downloads } from './downloads.ts'
import { within } from './looking.ts'
import type { Program } from './program.ts'
import type { SignedIn } from './signed-in.ts'
import { openTab, type Tab } from './tab.ts'

const MOST_RUNS = 6
const IDLE_MS = 15 * 60_000
const LOOK_MS = 2_000
/** After so long a call is given up, so that those behind it get their turn. */
const CALL_MS = 55_000

export const GONE =
  'No page is open in this run: there was none yet, or it was given back while nothing happened. Call fetch_page to open one anew.'

type Work = {
  userId: string
  tabs: Map<string, { tab: Tab; release: () => void }>
  current: Tab | undefined
  usedAt: number
  busy: number
  /** When the run first opened something, and whether it had read what others wrote before that. */
  began: string
  wasClean: boolean
  /** It looked at a site that is not trusted, or at more than one that is. */
  strayed: boolean
  line: Promise<unknown>
}

export type TabsDeps = {
  db: Db
  now: () => Date
  program: Pick<Program, 'use'>
  proxy: Pick<Proxy, 'url' | 'admit'>
  downloads: Downloads
  signedIn: Pick<SignedIn, 'siteFor' | 'cookies' | 'renew'>
  idleMs?: number
}

export type Tabs = ReturnType<typeof createTabs>

/**
 * What each run has open: one isolated context, and one more for each trusted site with the owner's session. They are closed
 * when the run has ended, and given back when nothing happened for a quarter of an hour.
 */
export function createTabs({ db, now, program, proxy, downloads, signedIn, idleMs = IDLE_MS }: TabsDeps) {
  const works = new Map<string, Work>()
  let watch: NodeJS.Timeout | undefined
  const endOf = db.prepare<[string], { endedAt: string | null }>('SELECT ended_at AS endedAt FROM runs WHERE id = ?')
  const readElsewhere = db.prepare<[string, string], { n: number }>(
    `SELECT count(*) AS n FROM steps WHERE run_id = ? AND kind = 'tool' AND tool_name <> 'browser' AND success = 1
       AND integrity = 'third_party' AND finished_at >= ?`,
  )

  async function leave(runId: string): Promise<void> {
    const work = works.get(runId)
    works.delete(runId)
    for (const { tab, release } of work?.tabs.values() ?? []) {
      await keepSession(work!.userId, tab).catch(() => {})
      await tab.close()
      release()
    }
    if (works.size === 0) {
      clearInterval(watch)
      watch = undefined
    }
  }

  async function keepSession(userId: string, { domain, context }: Tab): Promise<void> {
    if (domain === undefined) return
    const cookies = await context.cookies()
    signedIn.renew(userId, domain, cookies as StoredCookie[])
  }

  function sweep(): void {
    const late = now().getTime() - idleMs
    for (const [runId, { busy, usedAt }] of works) {
      if (busy > 0) continue
      if (usedAt < late || endOf.get(runId)?.endedAt !== null) void leave(runId)
    }
  }

  async function makeRoom(): Promise<void> {
    if (works.size < MOST_RUNS) return
    const [longest] = [...works].filter(([, { busy }]) => busy === 0).sort(([, a], [, b]) => a.usedAt - b.usedAt)
    if (longest) return leave(longest[0])
    throw new AppError('unavailable', `${MOST_RUNS} runs are using the browser at this moment. Try again in a while.`)
  }

  async function workOf({ runId, userId }: Pick<ToolContext, 'runId' | 'userId'>, labels: Labels): Promise<Work> {
    const known = works.get(runId)
    if (known) return known
    await makeRoom()
    watch ??= setInterval(sweep, LOOK_MS).unref()
    const fresh = { tabs: new Map(), current: undefined, busy: 0, strayed: false, line: Promise.resolve() }
    const began = now()
    const work: Work = {
      ...fresh,
      userId,
      usedAt: began.getTime(),
      began: began.toISOString(),
      wasClean: labels.integrity === 'owner',
    }
    works.set(runId, work)
    return work
  }

  async function tabFor(work: Work, host: string): Promise<Tab> {
    const site = signedIn.siteFor(work.userId, host)
    const key = site ?? ''
    const open = work.tabs.get(key)
    if (open && !open.tab.isDead() && (await open.tab.answers())) return open.tab
    await open?.tab.close()
    open?.release()
    work.tabs.delete(key)
    const { browser, release } = await program.use()
    try {
      const cookies = site === undefined ? undefined : signedIn.cookies(work.userId, site)
      const keep = downloads.forUser(work.userId)
      const tab = await openTab({ browser, proxy, domain: site, cookies, keep })
      if (cookies?.length) await tab.hold()
      work.tabs.set(key, { tab, release })
      return tab
    } catch (error) {
      release()
      if (error instanceof AppError) throw error
      throw new AppError('unavailable', 'Chromium ended while a page was being opened. Try again.', { cause: error })
    }
  }

  /** One call of a run after the other, with its requests decided by the call that goes on. */
  async function inLine<T>(work: Work, task: () => Promise<T>): Promise<T> {
    work.busy++
    const turn = work.line.then(() => within(CALL_MS, task()))
    work.line = turn.catch(() => {})
    try {
      return await turn
    } finally {
      work.busy--
      work.usedAt = now().getTime()
    }
  }

  return {
    /** What a run has open now. Throws `conflict` where that is nothing. */
    current(runId: string | undefined): Tab {
      const tab = works.get(runId ?? '')?.current
      if (tab && !tab.isDead()) return tab
      throw new AppError('conflict', GONE)
    },

    /**
     * Whether everything a run has read of others comes from the one trusted site it has open: nothing before, no other site,
     * and nothing by another tool since.
     */
    readOnlyIts(runId: string | undefined): boolean {
      const work = works.get(runId ?? '')
      if (!work?.wasClean || work.strayed) return false
      return readElsewhere.get(runId!, work.began)!.n === 0
    },

    /** Works in the page for an address, which is the run's page from then on. */
    async at<T>(context: ToolContext, url: string, task: (tab: Tab) => Promise<T>): Promise<T> {
      const work = await workOf(context, context.labels)
      return inLine(work, async () => {
        const tab = await tabFor(work, new URL(url).hostname)
        const elsewhere = work.current !== undefined && work.current.domain !== tab.domain
        if (tab.domain === undefined || elsewhere) work.strayed = true
        work.current = tab
        return tab.during(context, () => task(tab))
      })
    },

    /** Works in the page that is open. */
    async here<T>(context: ToolContext, task: (tab: Tab) => Promise<T>): Promise<T> {
      const tab = this.current(context.runId)
      return inLine(works.get(context.runId)!, () => tab.during(context, () => task(tab)))
    },

    async close(): Promise<void> {
      clearInterval(watch)
      await Promise.all([...works.keys()].map(leave))
    },
  }
}
