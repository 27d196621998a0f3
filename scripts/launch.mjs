// Runs a command of package.json on any machine with some Node from 18 up: brings the locked dependencies when they are
// missing or stale, brings a newer Node when this one is too old, then runs the command with it and ends as it ends.
import { spawn, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { constants } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..')
const NEEDED_NODE = [22, 18]
const RUNTIME = `node-${process.platform}-${process.arch}`
const RUNTIME_VERSION = '24.21.0'

// The part of the heap where everything begins, which V8 would let grow to 128 MiB under load and never give back.
const HEAP = '--max-semi-space-size=16'

const COMMANDS = {
  start: [['scripts/build.mjs'], [HEAP, 'dist/server.js']],
  dev: [['scripts/dev.mjs']],
  build: [['scripts/build.mjs']],
  check: [['scripts/check.mjs']],
  test: [['scripts/build.mjs'], ['scripts/test.mjs']],
  steward: [['cli.ts']],
  doctor: [['cli.ts', 'doctor']],
  'reset-password': [['cli.ts', 'reset-password']],
  'rotate-key': [['cli.ts', 'rotate-key']],
  'audit:verify': [['cli.ts', 'audit', 'verify']],
  backup: [['cli.ts', 'backup']],
  restore: [['cli.ts', 'restore']],
  update: [['scripts/update.mjs']],
  bench: [['scripts/build.mjs'], ['bench/run.ts']],
  format: [['node_modules/prettier/bin/prettier.cjs', '--write', '--log-level', 'warn', '.']],
}

const [command = '', ...rest] = process.argv.slice(2)
const steps = Object.hasOwn(COMMANDS, command) ? COMMANDS[command] : undefined
if (!steps) fail(`There is no command "${command}". Use one of: ${Object.keys(COMMANDS).join(', ')}.`)

bringDependencies()
const node = bringRuntime()
for (const [index, step] of steps.entries()) {
  const status = await run(node, index === steps.length - 1 ? [...step, ...rest] : step)
  if (status !== 0) process.exit(status)
}

function bringDependencies() {
  const marker = join(ROOT, 'node_modules', '.locked')
  const wanted = createHash('sha256')
    .update(readFileSync(join(ROOT, 'package-lock.json')))
    .digest('hex')
  if (existsSync(marker) && readFileSync(marker, 'utf8') === wanted) return
  say('Installing the locked dependencies …')
  npm(['ci', '--include=dev', '--loglevel=error'], 'The dependencies could not be installed.')
  writeFileSync(marker, wanted)
}

function bringRuntime() {
  const [major, minor] = process.versions.node.split('.').map(Number)
  if (major > NEEDED_NODE[0] || (major === NEEDED_NODE[0] && minor >= NEEDED_NODE[1])) return process.execPath
  const home = join(ROOT, '.node', 'node_modules', RUNTIME)
  const binary = join(home, 'bin', process.platform === 'win32' ? 'node.exe' : 'node')
  const manifest = join(home, 'package.json')
  if (existsSync(binary) && JSON.parse(readFileSync(manifest, 'utf8')).version === RUNTIME_VERSION) return binary
  say(`Node ${process.versions.node} is too old here; bringing Node ${RUNTIME_VERSION} into .node/ …`)
  npm(
    ['install', '--no-save', '--loglevel=error', '--prefix', '.node', `${RUNTIME}@${RUNTIME_VERSION}`],
    `Node ${RUNTIME_VERSION} could not be brought. Install Node ${NEEDED_NODE.join('.')} or newer by hand.`,
  )
  return binary
}

function npm(args, onFailure) {
  const cli = process.env.npm_execpath
  const [file, prefix] = cli && /npm-cli\.[cm]?js$/.test(cli) ? [process.execPath, [cli]] : ['npm', []]
  const { status } = spawnSync(file, [...prefix, ...args], {
    cwd: ROOT,
    stdio: ['ignore', 2, 2],
    shell: process.platform === 'win32' && file === 'npm',
  })
  if (status !== 0) fail(onFailure)
}

function run(file, args) {
  return new Promise((resolve) => {
    const path = `${dirname(file)}${process.platform === 'win32' ? ';' : ':'}${process.env.PATH ?? ''}`
    const child = spawn(file, args, { cwd: ROOT, stdio: 'inherit', env: { ...process.env, PATH: path } })
    const pass = (signal) => child.kill(signal)
    process.on('SIGINT', pass).on('SIGTERM', pass)
    child.on('error', (error) => fail(error.message))
    child.on('exit', (code, signal) => {
      process.off('SIGINT', pass).off('SIGTERM', pass)
      resolve(code ?? 128 + (constants.signals[signal] ?? 0))
    })
  })
}

function say(line) {
  process.stderr.write(`${line}\n`)
}

function fail(line) {
  say(line)
  process.exit(1)
}
