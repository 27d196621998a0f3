import type { Tool } from './agent/tool.ts'
import type { Audit } from './audit.ts'
import { createBrowser } from './browser/browser.ts'
import type { createCloseStack } from './close.ts'
import type { Credentials } from './credentials.ts'
import { createDav } from './dav/dav.ts'
import { createMcp } from './mcp/mcp.ts'
import { createBrain, type BrainDeps } from './memory/memory.ts'
import type { NotificationDraft } from './notifications.ts'
import type { MyFiles } from './my-files.ts'
import type { Outgoing } from './outgoing/client.ts'
import type { ServicesDeps } from './services-deps.ts'
import type { Settings } from './settings.ts'
import { findBubblewrap } from './shell/sandbox.ts'
import { createShell } from './shell/shell.ts'
import { createBashTool } from './tools/bash.ts'
import { createBrainTool } from './tools/brain.ts'
import { createBrowserTool } from './tools/browser.ts'
import { createDavTools } from './tools/dav.ts'
import type { Vault } from './vault.ts'
import type { PageReader } from './web/reader.ts'
import type { Whitelists } from './whitelists/whitelists.ts'

export type FamiliesDeps = ServicesDeps & {
  newId: () => string
  vault: Vault
  audit: Audit
  settings: Settings
  credentials: Credentials
  outgoing: Outgoing
  closing: ReturnType<typeof createCloseStack>
  notify: (note: NotificationDraft) => void
  whitelists: Pick<Whitelists, 'folders' | 'address'>
  isAdmin: (userId: string) => boolean
  /** The folder a user keeps files in; undefined while there is none. */
  ownFolder: (userId: string) => string | undefined
  myFiles: MyFiles
  reader: PageReader
} & Pick<BrainDeps, 'models'>

/**
 * The families of tools that bring tables, routes or connections of their own. `tools` are theirs for the registry; `coming`
 * are tools that come and go; `parts` is what routes and the rest of the house use of them. Nothing of them is loaded or connected before its first use.
 */
export function createFamilies(deps: FamiliesDeps) {
  const { whitelists, folder, programDir } = deps
  const folders = () => whitelists.folders().map((entry) => ({ path: entry.path, writtenBy: entry.written_by }))
  const shell = createShell({
    ...deps,
    closed: [folder.dir, programDir],
    findSandbox: () => findBubblewrap(deps.config.programPath),
  })
  const dav = createDav(deps)
  const mcp = createMcp(deps)
  const browser = createBrowser(deps)
  const commands = createBashTool({ ...deps, shell, folders })
  const calendars = createDavTools(dav, { ...deps, entryOf: whitelists.address })
  const memory = createBrain(deps)
  const tools: Tool[] = [commands, createBrowserTool({ ...deps, browser }), ...calendars, createBrainTool(memory)]
  return { tools, coming: mcp.coming, parts: { dav, mcp, shell, browser, memory } }
}
