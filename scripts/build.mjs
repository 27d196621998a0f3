// Builds everything that runs: the server bundle, the page, the OpenAPI document and the tools' JSON schemas.
import { rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { buildPage } from './build-page.mjs'

const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..')
const OUT = join(ROOT, 'dist')

/** Packages with a binary of their own stay outside of the bundle. */
const NATIVE = ['better-sqlite3', '@node-rs/argon2']

export async function buildServer() {
  rmSync(OUT, { recursive: true, force: true })
  await build({
    entryPoints: [join(ROOT, 'server.ts')],
    outdir: OUT,
    bundle: true,
    splitting: true,
    platform: 'node',
    format: 'esm',
    target: 'node22.18',
    chunkNames: 'chunks/[name]-[hash]',
    external: NATIVE,
    legalComments: 'none',
    minifySyntax: true,
    sourcemap: false,
    // Bundled CommonJS packages ask for Node's own modules by require.
    banner: { js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);" },
    logLevel: 'warning',
  })
}

export async function writeDocuments() {
  const { openApiDocument } = await import('../routes/openapi.ts')
  const { endpoints } = await import('../routes/index.ts')
  const { toolSchemas } = await import('../services/tools/schemas.ts')
  const { toolCatalogue } = await import('../services/tools/index.ts')
  writeFileSync(join(OUT, 'openapi.json'), JSON.stringify(openApiDocument(endpoints)))
  writeFileSync(join(OUT, 'tools.json'), JSON.stringify(toolSchemas(toolCatalogue())))
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await Promise.all([buildServer(), buildPage({ root: ROOT })])
  await writeDocuments()
}
