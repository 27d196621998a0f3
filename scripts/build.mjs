// Builds everything that runs: the server bundle, the page, the OpenAPI document and the tools' JSON schemas.
import { rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { buildPage } from './build-page.mjs'
import { BUNDLE } from './bundle.ts'

const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..')
const OUT = join(ROOT, 'dist')

export async function buildServer() {
  rmSync(OUT, { recursive: true, force: true })
  const names = [
    'server',
    'cli',
    'services/web/worker',
    'services/backups/worker',
    'services/mail/parse-worker',
    'services/dav/ical/worker',
  ]
  const entryPoints = names.map((name) => join(ROOT, `${name}.ts`))
  await build({ ...BUNDLE, entryPoints, outbase: ROOT, outdir: OUT })
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await Promise.all([buildServer(), buildPage({ root: ROOT })])
  const { writeDocuments } = await import('./documents.ts')
  writeDocuments(ROOT, OUT)
}
