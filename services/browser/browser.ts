import { join } from 'node:path'
import type { Actor, Audit } from '../audit.ts'
import type { createCloseStack } from '../close.ts'
import type { Config } from '../config.ts'
import type { DataFolder } from '../data-folder.ts'
import { AppError, invalidField, messageOf } from '../errors.ts'
import type { Log } from '../log.ts'
import type { MyFiles } from '../my-files.ts'
import type { NetworkEdge } from '../outgoing/connect.ts'
import { createProxy } from '../outgoing/proxy.ts'
import type { Settings } from '../settings.ts'
import { findChromium, INSTALL, isProgram, isRoot } from './chromium.ts'
import { createDownloads } from './downloads.ts'
import { createProgram } from './program.ts'
import { createSignedIn, type SignedInDeps } from './signed-in.ts'
import { createTabs } from './tabs.ts'

export type BrowserDeps = Omit<SignedInDeps, 'audit'> & {
  config: Pick<Config, 'chromiumPath' | 'allowedPrivateHosts'>
  folder: Pick<DataFolder, 'dir'>
  settings: Settings
  audit: Pick<Audit, 'record'>
  myFiles: MyFiles
  edge?: NetworkEdge | undefined
  log: Pick<Log, 'warn'>
  closing: ReturnType<typeof createCloseStack>
}

/** How Chromium stands here. `reason`: why there is none, in a sentence that says what to do. */
export type BrowserState = {
  enabled: boolean
  path: string | null
  found: string | null
  reason: string | null
  sandbox: 'on' | 'off' | 'unknown'
  running: boolean
}

export type BrowserFamily = ReturnType<typeof createBrowser>

/** The system's Chromium as a tool, put together. Nothing of it is loaded or started before it is used. */
export function createBrowser(deps: BrowserDeps) {
  const { config, settings, audit, db, edge } = deps
  const path = () => settings.get('browser_path') ?? config.chromiumPath
  const proxy = createProxy({ ...edge, allowedPrivateHosts: config.allowedPrivateHosts })
  const program = createProgram({ path, downloads: join(deps.folder.dir, 'browser'), proxy, log: deps.log })
  const signedIn = createSignedIn(deps)
  const downloads = createDownloads(deps)
  const tabs = createTabs({ ...deps, program, proxy, downloads, signedIn })
  deps.closing.add('browser', async () => {
    await tabs.close()
    await program.stop()
    await proxy.close()
  })

  function reason(): string | null {
    if (program.isThere()) return null
    const named = path()
    return named ? `${named} is no program that can be started. ${INSTALL}` : `There is no Chromium here. ${INSTALL}`
  }

  function sandbox(): BrowserState['sandbox'] {
    const on = program.sandboxed() ?? (isRoot() ? false : undefined)
    return on === undefined ? 'unknown' : on ? 'on' : 'off'
  }

  return {
    tabs,
    signedIn,

    /** Whether runs may use it now. */
    isOffered: (): boolean => settings.get('browser_enabled') && program.isThere(),

    state: (): BrowserState => ({
      enabled: settings.get('browser_enabled'),
      path: settings.get('browser_path'),
      found: findChromium(path()) ?? null,
      reason: reason(),
      sandbox: sandbox(),
      running: program.isRunning(),
    }),

    /** Changes what is given. Throws `invalid` for a path at which nothing can be started. */
    change(values: { enabled?: boolean | undefined; path?: string | null | undefined }, by: Actor): void {
      if (values.path && !isProgram(values.path))
        throw invalidField('path', 'There is no program at this path that Steward may start. Give the whole path.')
      const changed = {
        ...(values.enabled === undefined ? {} : { browser_enabled: values.enabled }),
        ...(values.path === undefined ? {} : { browser_path: values.path }),
      }
      const named = Object.entries(changed).map(([name, value]) => `${name}: ${value}`)
      if (named.length === 0) return
      db.transact(() => {
        settings.change(changed)
        audit.record({ kind: 'setting', action: 'browser changed', subject: named.join(', '), by })
        db.afterCommit(() => void program.stop())
      })
    },

    /** Starts Chromium if need be and shows it an empty page. */
    async test(
      by: Actor,
    ): Promise<{ ok: boolean; version?: string; sandbox: BrowserState['sandbox']; error?: string }> {
      audit.record({ kind: 'setting', action: 'browser tested', subject: 'browser', by })
      try {
        const { browser, release } = await program.use()
        try {
          const context = await browser.newContext()
          await (await context.newPage()).setContent('<p>Steward</p>')
          await context.close()
          return { ok: true, version: browser.version(), sandbox: sandbox() }
        } finally {
          release()
        }
      } catch (error) {
        const words = error instanceof AppError ? messageOf(error) : 'Chromium ended right after its start.'
        return { ok: false, sandbox: sandbox(), error: error instanceof AppError ? withCause(words, error) : words }
      }
    },
  }
}

/** The first line of what Chromium itself said. */
function withCause(words: string, { cause }: AppError): string {
  const said = cause instanceof Error ? (/(?:ERROR|FATAL):[^\n]*\] ?([^\n]{1,200})/.exec(cause.message)?.[1] ?? '') : ''
  return said === '' ? words : `${words} It said: ${said}`
}
