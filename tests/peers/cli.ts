import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** The built command line as a process of its own, with a home and a working directory that nobody else has. */

const PROGRAM = join(import.meta.dirname, '..', '..', 'dist', 'cli.js')

export type Ended = { code: number | null; stdout: string; stderr: string }

export type Started = {
  process: ChildProcess
  stdout: () => string
  stderr: () => string
  /** Resolves once what was written to stdout or stderr holds this. */
  said: (words: string | RegExp) => Promise<void>
  type: (text: string) => void
  ended: Promise<Ended>
}

export type Home = Disposable & {
  dir: string
  env: Record<string, string>
  start: (args: string[], options?: { env?: Record<string, string>; input?: string }) => Started
  cli: (args: string[], options?: { env?: Record<string, string>; input?: string }) => Promise<Ended>
  /** The same at a terminal (a pty of util-linux's script); what it shows is in `stdout`. */
  terminal: (args: string[], env?: Record<string, string>) => Started
}

/** Why a terminal cannot be tried here; false where it can. */
export const NO_TERMINAL = spawnSync('script', ['--version']).error ? 'script of util-linux is not installed' : false

export function newHome(env: Record<string, string> = {}): Home {
  const dir = mkdtempSync(join(tmpdir(), 'home-'))
  const own = { PATH: process.env.PATH ?? '', HOME: dir, XDG_CONFIG_HOME: join(dir, 'config'), TERM: 'dumb', ...env }

  function start(args: string[], { env: more = {}, input }: { env?: Record<string, string>; input?: string } = {}) {
    const child = spawn(process.execPath, [PROGRAM, ...args], { cwd: dir, env: { ...own, ...more } })
    child.stdin.on('error', () => {})
    child.stdin.end(input ?? '')
    return watched(child)
  }

  function terminal(args: string[], more: Record<string, string> = {}) {
    const quoted = [process.execPath, PROGRAM, ...args].map((word) => `'${word.replaceAll("'", `'\\''`)}'`).join(' ')
    const child = spawn('script', ['-qec', quoted, '/dev/null'], { cwd: dir, env: { ...own, ...more } })
    return watched(child)
  }

  return {
    dir,
    env: own,
    start,
    terminal,
    cli: (args, options) => start(args, options).ended,
    [Symbol.dispose]: () => rmSync(dir, { recursive: true, force: true }),
  }
}

function watched(child: ChildProcess): Started {
  let [stdout, stderr] = ['', '']
  const looks = new Set<() => void>()
  const heard = () => looks.forEach((look) => look())
  child.stdout!.setEncoding('utf8').on('data', (chunk: string) => ((stdout += chunk), heard()))
  child.stderr!.setEncoding('utf8').on('data', (chunk: string) => ((stderr += chunk), heard()))
  const ended = new Promise<Ended>((resolve) => child.on('close', (code) => resolve({ code, stdout, stderr })))

  function said(words: string | RegExp): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => fail('did not say'), 20_000)
      const done = (tell: () => void) => (clearTimeout(timer), looks.delete(look), tell())
      const fail = (why: string) => done(() => reject(new Error(`${why} ${String(words)}:\n${stdout}\n--\n${stderr}`)))
      function look(): void {
        const all = `${stdout}\n${stderr}`
        if (typeof words === 'string' ? all.includes(words) : words.test(all)) done(resolve)
      }
      looks.add(look)
      void ended.then(() => (look(), looks.has(look) && fail('ended without saying')))
      look()
    })
  }

  return {
    process: child,
    stdout: () => stdout,
    stderr: () => stderr,
    said,
    type: (text) => void child.stdin!.write(text),
    ended,
  }
}
