import { mkdir, rm } from 'node:fs/promises'
import type { Browser } from 'playwright-core'
import { AppError } from '../errors.ts'
import type { Log } from '../log.ts'
import type { Proxy } from '../outgoing/proxy.ts'
import { findChromium, INSTALL, isRoot, SWITCHES } from './chromium.ts'

const START_MS = 20_000
const IDLE_MS = 5 * 60_000
const NO_SANDBOX = /sandbox/i

export type ProgramDeps = {
  /** The path that was set, if any. */
  path: () => string | null | undefined
  /** A folder for what arrives before it is looked at; emptied at every start. */
  downloads: string
  proxy: Pick<Proxy, 'url'>
  log: Pick<Log, 'warn'>
  idleMs?: number
}

export type Program = ReturnType<typeof createProgram>

/**
 * The one Chromium of the house: started when it is first needed, ended when nobody has needed it for five minutes. It
 * hangs on a pipe of ours, so it ends with us however we end.
 */
export function createProgram({ path, downloads, proxy, log, idleMs = IDLE_MS }: ProgramDeps) {
  let starting: Promise<Browser> | undefined
  let users = 0
  let idle: NodeJS.Timeout | undefined
  let sandboxed: boolean | undefined

  async function launch(executablePath: string, chromiumSandbox: boolean): Promise<Browser> {
    const { chromium } = await import('playwright-core')
    return chromium.launch({
      executablePath,
      chromiumSandbox,
      args: SWITCHES,
      downloadsPath: downloads,
      proxy: { server: await proxy.url() },
      timeout: START_MS,
      handleSIGINT: false,
      handleSIGTERM: false,
      handleSIGHUP: false,
    })
  }

  async function begin(): Promise<Browser> {
    const executablePath = findChromium(path())
    if (executablePath === undefined)
      throw new AppError('unavailable', `There is no Chromium on this machine. ${INSTALL}`)
    await rm(downloads, { recursive: true, force: true })
    await mkdir(downloads, { recursive: true, mode: 0o700 })
    try {
      sandboxed = !isRoot()
      return await launch(executablePath, sandboxed)
    } catch (error) {
      if (!sandboxed || !NO_SANDBOX.test(String(error))) throw notStarted(error)
      log.warn('Chromium has no sandbox of its own on this machine and was started without')
      sandboxed = false
      return await launch(executablePath, false).catch((again: unknown) => Promise.reject(notStarted(again)))
    }
  }

  function started(): Promise<Browser> {
    clearTimeout(idle)
    starting ??= begin()
    const mine = starting
    mine.then(
      (browser) => browser.once('disconnected', () => starting === mine && (starting = undefined)),
      () => starting === mine && (starting = undefined),
    )
    return mine
  }

  async function stop(): Promise<void> {
    clearTimeout(idle)
    const running = starting
    starting = undefined
    await running?.then((browser) => browser.close()).catch(() => {})
  }

  return {
    /** Whether there is a Chromium to be started. */
    isThere: (): boolean => findChromium(path()) !== undefined,
    /** Whether its sandbox was on at the last start; undefined before the first. */
    sandboxed: (): boolean | undefined => sandboxed,
    isRunning: (): boolean => starting !== undefined,

    /** A browser that stays until `release`. Throws `unavailable` with what is to be done. */
    async use(): Promise<{ browser: Browser; release: () => void }> {
      users++
      let held = true
      const release = (): void => {
        if (!held) return
        held = false
        if (--users === 0) idle = setTimeout(() => void stop(), idleMs).unref()
      }
      try {
        return { browser: await started(), release }
      } catch (error) {
        release()
        throw error
      }
    },

    stop,
  }
}

function notStarted(error: unknown): AppError {
  return new AppError('unavailable', 'Chromium could not be started here. The owner can test it in the settings.', {
    cause: error,
  })
}
