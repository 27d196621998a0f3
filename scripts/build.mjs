// Builds everything that runs: the server bundle, the page, the OpenAPI document and the tools' JSON schemas.
import { rmSync } from 'node:fs'
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
    entryPoints: [join(ROOT, 'server.ts'), join(ROOT, 'services/web/worker.ts')],
    outbase: ROOT,
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
    banner: {
      js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);",
    },
    logLevel: 'warning',
  })
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await Promise.all([buildServer(), buildPage({ root: ROOT })])
  const { writeDocuments } = await import('./documents.ts')
  writeDocuments(ROOT, OUT)
}
