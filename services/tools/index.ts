import type { Db } from '../../db/open.ts'
import type { Tool } from '../agent/tool.ts'
import { createFileChanges } from '../files/change.ts'
import { createFileLabels } from '../files/labels.ts'
import { createTrash } from '../files/trash.ts'
import { createOutgoing } from '../outgoing/client.ts'
import type { NetworkEdge } from '../outgoing/connect.ts'
import { createPageReader } from '../web/reader.ts'
import type { Webhooks } from '../webhooks/webhooks.ts'
import { createAgentTool, type AgentToolDeps } from './agent.ts'
import { createCatalogue, type CatalogueDeps } from './catalogue.ts'
import { createEmailTool, type EmailToolDeps } from './email.ts'
import { createEmailHandlingTool, type EmailHandlingToolDeps } from './email-handling.ts'
import { createFilesystemTool, type OpenedFolder } from './filesystem.ts'
import type { SearchEngine } from './search-engines.ts'
import { createTelegramTool, type TelegramToolDeps } from './telegram.ts'
import { createWebTool } from './web.ts'
import { createWebhookTool } from './webhook.ts'
import { createWhitelistTool, type WhitelistToolDeps } from './whitelist.ts'

export type ToolsDeps = {
  db: Db
  now: () => Date
  newId: () => string
  trashDir: string
  version: string
  privateHosts: ReadonlySet<string>
  edge?: NetworkEdge | undefined
  /** The file of the worker thread that takes pages apart. */
  pageWorker: URL
  folders: () => readonly OpenedFolder[]
  /** The folder a user keeps files in; undefined while there is none. */
  ownFolder: (userId: string) => string | undefined
  searchEngine: () => SearchEngine
  webhooks: Pick<Webhooks, 'targets' | 'outbox'>
  otherAgents: AgentToolDeps
} & Pick<EmailToolDeps, 'mail' | 'timezone'> &
  Pick<TelegramToolDeps, 'telegramChats'> &
  Pick<EmailHandlingToolDeps, 'mail'> &
  WhitelistToolDeps &
  CatalogueDeps

/** Every tool there is, with what they share. */
export function createTools(deps: ToolsDeps) {
  const fileLabels = createFileLabels(deps)
  const trash = createTrash({ ...deps, dir: deps.trashDir, fileLabels })
  const outgoing = createOutgoing({ ...deps.edge, allowedPrivateHosts: deps.privateHosts, version: deps.version })
  const reader = createPageReader({ file: deps.pageWorker })
  const changes = createFileChanges({ trash, fileLabels })
  const tools: Tool[] = [
    createWebTool({ outgoing, reader, searchEngine: deps.searchEngine }),
    createFilesystemTool({ folders: deps.folders, ownFolder: deps.ownFolder, trash, fileLabels }),
    createEmailTool({ ...deps, changes }),
    createTelegramTool({ ...deps, outbox: deps.webhooks.outbox }),
    createEmailHandlingTool(deps),
    createWebhookTool({ now: deps.now, ...deps.webhooks }),
    createAgentTool(deps.otherAgents),
    createWhitelistTool(deps),
    createCatalogue(deps),
  ]
  return { tools, trash, fileLabels, outgoing, reader }
}
