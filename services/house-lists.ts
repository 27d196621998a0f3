import { realpathSync } from 'node:fs'
import { join } from 'node:path'
import { houseBounds } from './bounds.ts'
import { createBrowserTrusted } from './browser-trusted.ts'
import { createFolderBrowser } from './folder-browser.ts'
import { hostKeys } from './outgoing/addresses.ts'
import type { Lists } from './policy/decide.ts'
import type { ListDeps } from './whitelists/entries.ts'
import { createWhitelists } from './whitelists/whitelists.ts'

export type HouseListsDeps = ListDeps & {
  dataDir: string
  programDir: string
  filesDir: string
  allowedPrivateHosts: ReadonlySet<string>
}

/** Every list of what may be reached, and what of them holds for a run. */
export function createHouseLists({ dataDir, programDir, filesDir, allowedPrivateHosts, ...deps }: HouseListsDeps) {
  const bounds = houseBounds(dataDir, programDir)
  const whitelists = createWhitelists({ ...deps, bounds })
  const files = realpathSync(filesDir)
  const privateHosts = hostKeys(allowedPrivateHosts)

  return {
    whitelists,
    browserTrusted: createBrowserTrusted(deps),
    folderBrowser: createFolderBrowser(bounds),

    /** What a run of this user is held against. */
    listsOf: (userId: string): Lists => ({
      domains: whitelists.web().map((entry) => ({ domain: entry.domain, privateOk: entry.private_ok })),
      folders: whitelists.folders(),
      neverPaths: [...bounds.neverPaths, files],
      ownFiles: join(files, userId),
      privateHosts,
    }),
  }
}
