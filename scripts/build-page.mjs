import { cp, mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { build } from 'esbuild'

const SWAGGER_FILES = ['swagger-ui.css', 'swagger-ui-bundle.js']
const COPIED = ['manifest.webmanifest', 'icons', 'docs']

/**
 * Builds the page from `public/` into `public/dist/`: hashed code and styles under `assets/`, `index.html` that names
 * them, the manifest, the icons and the API documentation. Nothing in it is inline and nothing is loaded from elsewhere.
 */
export async function buildPage({ root, minify = true }) {
  const from = join(root, 'public')
  const to = join(from, 'dist')
  await rm(to, { recursive: true, force: true })
  await mkdir(join(to, 'assets'), { recursive: true })
  const [outputs] = await Promise.all([bundle(root, from, to, minify), copyAsIs(from, to)])
  await copySwagger(root, to)
  await writeIndex(from, to, outputs)
  return { outputs }
}

/** Without it esbuild cuts a file for every set of pages that share a module: thirty requests instead of three. */
const oneSharedChunk = {
  name: 'one shared chunk',
  setup({ onLoad }) {
    onLoad({ filter: /public\/app\/(main|views\/[a-z-]+)\.tsx$/ }, async ({ path }) => {
      const shared = path.includes('/views/') ? '../shared.ts' : './shared.ts'
      return { contents: `import '${shared}'\n${await readFile(path, 'utf8')}`, loader: 'tsx' }
    })
  },
}

async function bundle(root, from, to, minify) {
  const shared = {
    absWorkingDir: root,
    bundle: true,
    minify,
    metafile: true,
    target: ['es2022', 'chrome123', 'firefox120', 'safari17.5'],
    outdir: join(to, 'assets'),
    entryNames: '[name]-[hash]',
    chunkNames: '[name]-[hash]',
    assetNames: '[name]-[hash]',
    legalComments: 'none',
    logLevel: 'warning',
  }
  const [page, first] = await Promise.all([
    build({
      ...shared,
      entryPoints: [join(from, 'app/main.tsx'), join(from, 'app/styles/main.css')],
      format: 'esm',
      splitting: true,
      plugins: [oneSharedChunk],
      jsx: 'automatic',
      jsxImportSource: 'preact',
      sourcemap: minify ? false : 'linked',
    }),
    build({ ...shared, entryPoints: [join(from, 'app/first.ts')], format: 'iife' }),
  ])
  return { ...page.metafile.outputs, ...first.metafile.outputs }
}

async function copyAsIs(from, to) {
  await Promise.all(COPIED.map((name) => cp(join(from, name), join(to, name), { recursive: true })))
}

async function copySwagger(root, to) {
  const source = join(root, 'node_modules/swagger-ui-dist')
  await Promise.all(SWAGGER_FILES.map((name) => cp(join(source, name), join(to, 'docs', name))))
}

/** Puts the hashed names into the page; chunks that the first script needs at once are fetched beside it. */
async function writeIndex(from, to, outputs) {
  const html = await readFile(join(from, 'index.html'), 'utf8')
  const main = nameOf(outputs, 'app/main.tsx')
  const preloads = outputs[main].imports
    .filter(({ kind }) => kind === 'import-statement')
    .map(({ path }) => `<link rel="modulepreload" href="/assets/${basename(path)}" />`)
  const filled = html
    .replace('/assets/first.js', `/assets/${basename(nameOf(outputs, 'app/first.ts'))}`)
    .replace('/assets/main.css', `/assets/${basename(nameOf(outputs, 'app/styles/main.css'))}`)
    .replace('/assets/main.js', `/assets/${basename(main)}`)
    .replace('<!-- preloads -->', preloads.join('\n    '))
  await writeFile(join(to, 'index.html'), filled)
}

function nameOf(outputs, entry) {
  const found = Object.entries(outputs).find(([, output]) => output.entryPoint?.endsWith(entry))
  if (!found) throw new Error(`the page's build has no output for ${entry}`)
  return found[0]
}

if (import.meta.main) {
  const started = performance.now()
  const { outputs } = await buildPage({
    root: join(import.meta.dirname, '..'),
    minify: !process.argv.includes('--debug'),
  })
  const bytes = Object.values(outputs).reduce((sum, output) => sum + output.bytes, 0)
  console.log(`page built: ${Math.round(bytes / 1024)} KiB in ${Math.round(performance.now() - started)} ms`)
}
