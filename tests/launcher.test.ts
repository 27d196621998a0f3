import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { HEAP } from './steward.ts'

/** `npm start` and its kin, in a copy of the house whose npm only writes down what it was asked for. */

const LAUNCHER = join(import.meta.dirname, '..', 'scripts', 'launch.mjs')
const SCRIPTS = Object.keys(JSON.parse(readFileSync(join(import.meta.dirname, '..', 'package.json'), 'utf8')).scripts).sort() // prettier-ignore
const FAKE_NPM = `
  import { appendFileSync, existsSync, mkdirSync } from 'node:fs'
  appendFileSync('npm.log', process.argv.slice(2).join(' ') + '\\n')
  mkdirSync('node_modules', { recursive: true })
  process.exit(existsSync('npm-fails') ? 1 : 0)`

/** What `npm install --prefix .node` leaves behind, with the Node at hand for the one that was asked for. */
const BRING_NODE = `
  const wanted = /(node-.+)@(.+)/.exec(process.argv.at(-1))
  if (wanted) {
    const { symlinkSync, writeFileSync } = await import('node:fs')
    const home = '.node/node_modules/' + wanted[1]
    mkdirSync(home + '/bin', { recursive: true })
    symlinkSync(process.execPath, home + '/bin/node')
    writeFileSync(home + '/package.json', JSON.stringify({ version: wanted[2] }))
  }
  process.exit`

let house: string

beforeEach(() => {
  house = mkdtempSync(join(tmpdir(), 'launch-'))
  for (const folder of ['scripts', 'dist', 'tools']) mkdirSync(join(house, folder))
  copyFileSync(LAUNCHER, join(house, 'scripts', 'launch.mjs'))
  put('package-lock.json', '{"lockfileVersion":3}')
  put('tools/npm-cli.mjs', FAKE_NPM)
  put('scripts/build.mjs', says('build'))
  put('dist/server.js', says('server'))
})

afterEach(() => rmSync(house, { recursive: true, force: true }))

const put = (name: string, content: string): void => writeFileSync(join(house, name), content)
const says = (name: string): string => `console.log(${JSON.stringify(name)}, ...process.argv.slice(2))\n`
const npmWasAsked = (): string[] =>
  existsSync(join(house, 'npm.log')) ? readFileSync(join(house, 'npm.log'), 'utf8').trim().split('\n') : []

function launch(...args: string[]) {
  const child = spawn(process.execPath, [join(house, 'scripts', 'launch.mjs'), ...args], {
    cwd: tmpdir(),
    env: { PATH: process.env.PATH ?? '', npm_execpath: join(house, 'tools', 'npm-cli.mjs') },
  })
  let stdout = ''
  let stderr = ''
  const told = new Promise<void>((resolve) => child.stdout.on('data', (chunk) => (stdout += String(chunk), resolve()))) // prettier-ignore
  child.stderr.on('data', (chunk) => (stderr += String(chunk)))
  const ended = new Promise<{ code: number | null; signal: string | null; stdout: string; stderr: string }>((resolve) =>
    child.on('close', (code, signal) => resolve({ code, signal, stdout, stderr })),
  )
  return { child, ended, told }
}

const run = (...args: string[]) => launch(...args).ended

describe('the launcher', () => {
  for (const args of [['fly'], [], ['constructor']]) {
    it(`names the commands there are when asked for ${args[0] ?? 'nothing'}`, async () => {
      const { code, stderr } = await run(...args)
      assert.equal(code, 1)
      const [, named] = /^There is no command ".*"\. Use one of: (.+)\.\n$/.exec(stderr) ?? []
      assert.deepEqual(named?.split(', ').sort(), SCRIPTS)
      assert.deepEqual(npmWasAsked(), [])
    })
  }

  it('brings the locked dependencies once, says so on stderr, and again when the lock file has changed', async () => {
    const { code, stdout, stderr } = await run('start')
    assert.equal(code, 0)
    assert.match(stderr, /Installing the locked dependencies/)
    assert.equal(stdout, 'build\nserver\n')
    assert.deepEqual(npmWasAsked(), ['ci --include=dev --loglevel=error'])
    assert.equal((await run('start')).stderr, '')
    assert.equal(npmWasAsked().length, 1)
    put('package-lock.json', '{"lockfileVersion":3,"packages":{}}')
    await run('start')
    assert.equal(npmWasAsked().length, 2)
  })

  it('installs over a node_modules that somebody else made', async () => {
    mkdirSync(join(house, 'node_modules'))
    await run('start')
    assert.equal(npmWasAsked().length, 1)
  })

  it('runs nothing when the dependencies could not be brought, and tries again the next time', async () => {
    put('npm-fails', '')
    const failed = await run('start')
    assert.equal(failed.code, 1)
    assert.match(failed.stderr, /could not be installed/)
    assert.equal(failed.stdout, '')
    rmSync(join(house, 'npm-fails'))
    assert.equal((await run('start')).stdout, 'build\nserver\n')
    assert.equal(npmWasAsked().length, 2)
  })

  it('hands further words to the last step, from whatever folder it is called', async () => {
    put('dist/server.js', 'console.log(process.cwd(), ...process.argv.slice(2))')
    const { stdout } = await run('start', '--one', 'two words')
    assert.equal(stdout, `build\n${house} --one two words\n`)
  })

  it('starts the server with a heap that stays small, as the image does and as it is measured', async () => {
    put('dist/server.js', 'console.log(...process.execArgv)')
    assert.equal((await run('start')).stdout, `build\n${HEAP}\n`)
    const image = readFileSync(join(import.meta.dirname, '..', 'Dockerfile'), 'utf8')
    assert.ok(image.includes(`CMD ["node", "${HEAP}", "dist/server.js"]`))
  })

  it('runs every step with the same Node, and puts it first for what they start', async () => {
    put('scripts/build.mjs', 'console.log(process.execPath, process.env.PATH.split(":")[0])')
    const { stdout } = await run('build')
    assert.equal(stdout.trim(), `${process.execPath} ${join(process.execPath, '..')}`)
  })

  it('ends as the step that failed, without the steps after it', async () => {
    put('scripts/build.mjs', 'process.exit(7)')
    const { code, stdout } = await run('start')
    assert.equal(code, 7)
    assert.equal(stdout, '')
  })

  it('keeps the exit status of the last step', async () => {
    put('dist/server.js', 'process.exit(3)')
    assert.equal((await run('start')).code, 3)
  })

  it('counts a step that a signal ended as 128 and its number', async () => {
    put('dist/server.js', `process.kill(process.pid, 'SIGKILL')`)
    assert.equal((await run('start')).code, 137)
  })

  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    it(`passes ${signal} on and waits for the end`, async () => {
      put(
        'dist/server.js',
        `process.on('${signal}', () => setTimeout(() => { console.log('drained'); process.exit(5) }, 100))
         setTimeout(() => process.exit(9), 10_000)
         console.log('ready')`,
      )
      put('scripts/build.mjs', '')
      const { child, told, ended } = launch('start')
      await told
      child.kill(signal)
      const { code, stdout } = await ended
      assert.equal(stdout, 'ready\ndrained\n')
      assert.equal(code, 5)
    })
  }

  it('brings a newer Node when the one at hand is too old, once, and runs the steps with it', async () => {
    put('scripts/launch.mjs', readFileSync(LAUNCHER, 'utf8').replace('[22, 18]', '[99, 0]'))
    put('tools/npm-cli.mjs', FAKE_NPM.replace('process.exit', BRING_NODE))
    put('scripts/build.mjs', 'console.log(process.argv0)')
    const first = await run('build')
    const brought = join(house, '.node', 'node_modules', `node-${process.platform}-${process.arch}`, 'bin', 'node')
    assert.equal(first.stdout.trim(), brought)
    assert.match(first.stderr, /is too old here; bringing Node \d+\.\d+\.\d+ into \.node\//)
    assert.match(npmWasAsked()[1]!, /^install --no-save .*--prefix \.node node-\w+-\w+@\d+\.\d+\.\d+$/)
    await run('build')
    assert.equal(npmWasAsked().length, 2)
  })

  it('is plain enough for Node 18: no syntax or module that came later', () => {
    const source = readFileSync(LAUNCHER, 'utf8')
    assert.doesNotMatch(source, /import\.meta\.(dirname|filename|main)|process\.loadEnvFile|\busing\b|with \{ type/)
    const modules = [...source.matchAll(/from '([^']+)'/g)].map((match) => match[1]!)
    assert.ok(
      modules.every((name) => name.startsWith('node:')),
      'it runs before anything is installed',
    )
  })
})
