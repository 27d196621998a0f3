import { writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openDb } from '../db/open.ts'
import { endpoints } from '../routes/index.ts'
import { openApiDocument } from '../routes/openapi.ts'
import { newId } from '../services/ids.ts'
import { createTools } from '../services/tools/index.ts'
import { toolSchemas } from '../services/tools/schemas.ts'

/** Writes what is the same for every start: the OpenAPI document and the tools' JSON schemas. */
export function writeDocuments(root: string, out: string): void {
  writeFileSync(join(out, 'openapi.json'), JSON.stringify(openApiDocument(endpoints)))
  const db = openDb(':memory:', { schemaDir: join(root, 'db'), backupDir: tmpdir() })
  const { tools } = createTools({
    db,
    now: () => new Date(),
    newId,
    trashDir: tmpdir(),
    version: '',
    privateHosts: new Set(),
    pageWorker: new URL('file:///none'),
    folders: () => [],
    searchEngine: () => ({ kind: 'duckduckgo' }),
  })
  writeFileSync(join(out, 'tools.json'), JSON.stringify(toolSchemas(tools)))
  db.close()
}
