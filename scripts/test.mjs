// Runs every test file, or those named on the command line, with Node's own test runner.
import { spawnSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'

const named = process.argv.slice(2)
const all = readdirSync('tests', { recursive: true })
  .filter((name) => name.endsWith('.test.ts'))
  .map((name) => join('tests', name))
  .sort()
const files = named.length > 0 ? named : all
const { status } = spawnSync(process.execPath, ['--test', '--test-timeout=240000', '--test-concurrency=2', ...files], {
  stdio: 'inherit',
})
process.exit(status ?? 1)
