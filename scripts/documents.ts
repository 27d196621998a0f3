import assert from 'node:assert'
import { writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Tool } from '../services/agent/tool.ts'
import { openDb } from '../db/open.ts'
import { endpoints } from '../routes/index.ts'
import { openApiDocument } from '../routes/openapi.ts'
import { newId } from '../services/ids.ts'
import { createBashTool } from '../services/tools/bash.ts'
import { createBrainTool } from '../services/tools/brain.ts'
import { createBrowserTool } from '../services/tools/browser.ts'
import { createCaldavTool } from '../services/tools/caldav.ts'
import { createContactsTool } from '../services/tools/contacts.ts'
import { createTools } from '../services/tools/index.ts'
import { toolSchemas } from '../services/tools/schemas.ts'
import { createWebhooks } from '../services/webhooks/webhooks.ts'

/** Whom a tool would need to act, which none does here. */
const NOBODY = {
  version: '',
  privateHosts: new Set<string>(),
  vault: { seal: () => '', open: () => '' },
  audit: { record: () => {} },
  alsoMask: () => () => {},
  maskValue: (value: unknown) => value,
  paused: () => true,
  notify: () => {},
  deliverTelegram: async () => ({ to: '', state: 'held' }) as const,
  log: { error: () => {}, warn: () => {} },
  mail: () => assert.fail('Nobody sends here.'),
}

/** Stands for whatever tools work with: their schemas need none of it. */
const ABSENT: any = new Proxy(() => ABSENT, {
  get: (_of, name) => (name === Symbol.toPrimitive ? () => '' : ABSENT),
})

/** In the order in which the house has them (services/families.ts). */
const ofFamilies = (): Tool[] => [
  createBashTool(ABSENT),
  createBrowserTool(ABSENT),
  createCaldavTool(ABSENT),
  createContactsTool(ABSENT),
  createBrainTool(ABSENT),
]

/** Writes what is the same for every start: the OpenAPI document and the tools' JSON schemas. */
export function writeDocuments(root: string, out: string): void {
  writeFileSync(join(out, 'openapi.json'), JSON.stringify(openApiDocument(endpoints)))
  const db = openDb(':memory:', { schemaDir: join(root, 'db'), backupDir: tmpdir() })
  const base = { db, now: () => new Date(), newId }
  const { tools } = createTools({
    ...base,
    webhooks: createWebhooks({ ...base, ...NOBODY }),
    trashDir: tmpdir(),
    version: '',
    privateHosts: new Set(),
    pageWorker: new URL('file:///none'),
    folders: () => [],
    ownFolder: () => undefined,
    searchEngine: () => ({ kind: 'duckduckgo' }),
    timezone: 'UTC',
    mail: () => assert.fail('Nobody has mail here.'),
    telegramChats: { list: () => [], find: () => undefined },
    whitelists: { web: () => [], addWeb: () => {}, removeWeb: () => {} },
    isAdmin: () => false,
    offeredTo: () => [],
    otherAgents: { names: () => [], ask: () => assert.fail('Nobody asks here.') },
  })
  writeFileSync(join(out, 'tools.json'), JSON.stringify(toolSchemas([...tools, ...ofFamilies()])))
  db.close()
}
