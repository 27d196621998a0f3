// Runs the sources as they are: the page is rebuilt and the server restarted when a file changes.
import { spawn } from 'node:child_process'
import { watch } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { buildPage } from './build-page.mjs'

const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..')
const SETTLE_MS = 100

await buildPage({ root: ROOT, minify: false })
let timer
watch(join(ROOT, 'public', 'app'), { recursive: true }, () => {
  clearTimeout(timer)
  timer = setTimeout(
    () => buildPage({ root: ROOT, minify: false }).catch((error) => console.error(error.message)),
    SETTLE_MS,
  )
})

const server = spawn(process.execPath, ['--watch', '--watch-preserve-output', 'server.ts'], {
  cwd: ROOT,
  stdio: 'inherit',
})
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => server.kill(signal))
server.on('exit', (code) => process.exit(code ?? 0))
