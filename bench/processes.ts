import { execFileSync, spawn, type ChildProcess } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { build } from 'esbuild'
import { BUNDLE } from '../scripts/bundle.ts'
import { startSteward, type Steward } from '../tests/steward.ts'

/** The processes that are measured, and those they talk to. All listen on loopback and end with `stop`. */

const ROOT = join(import.meta.dirname, '..')
const START_MS = 15_000

export type Running = AsyncDisposable & { url: string; pid: number; stop: () => Promise<void> }

const children = new Set<ChildProcess>()
process.on('exit', () => {
  for (const child of children) child.kill('SIGKILL')
})

/** A folder that goes when the bench ends. */
export function scratch(): string {
  const folder = mkdtempSync(join(tmpdir(), 'steward-bench-'))
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }))
  return folder
}

let controls: Promise<string> | undefined

/** The folder of the bundled controls. It lies where the packages that stay outside of a bundle are found. */
function builtControls(): Promise<string> {
  return (controls ??= buildControls())
}

async function buildControls(): Promise<string> {
  const cache = join(ROOT, 'node_modules', '.cache')
  mkdirSync(cache, { recursive: true })
  const outdir = mkdtempSync(join(cache, 'bench-'))
  process.on('exit', () => rmSync(outdir, { recursive: true, force: true }))
  const entryPoints = ['control.ts', 'control-list.ts', 'relay.ts', 'pipe.ts'].map((name) =>
    join(import.meta.dirname, name),
  )
  await build({ ...BUNDLE, entryPoints, outdir })
  return outdir
}

export const startModel = (deltas: number): Promise<Running> =>
  launch([join(import.meta.dirname, 'model-server.ts'), String(deltas)])

export async function startControl(modelUrl: string, database: string): Promise<Running> {
  return launch([join(await builtControls(), 'control.js'), modelUrl, database])
}

/** A bare server over that database, for one user's list of agents. */
export async function startListControl(database: string, userId: string): Promise<Running> {
  return launch([join(await builtControls(), 'control-list.js'), database, userId])
}

export async function startRelay(modelUrl: string): Promise<Running> {
  return launch([join(await builtControls(), 'relay.js'), modelUrl])
}

export async function startPipe(file: string): Promise<Running> {
  return launch([join(await builtControls(), 'pipe.js'), file])
}

/** Steward with that model as its Anthropic; the data folder is the caller's. */
export async function startHouse(
  modelUrl: string,
  dataDir: string,
  setUp = true,
  further: Record<string, string> = {},
): Promise<Steward> {
  const env = { ANTHROPIC_API_KEY: 'bench', ANTHROPIC_BASE_URL: modelUrl, ...further }
  const steward = await startSteward({ dataDir, env, setUp })
  children.add(steward.process)
  steward.process.once('exit', () => children.delete(steward.process))
  return steward
}

async function launch(args: string[]): Promise<Running> {
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  children.add(child)
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  void exited.then(() => children.delete(child))
  const url = await listening(child)
  const stop = async (): Promise<void> => {
    child.kill('SIGTERM')
    await exited
  }
  return { url, pid: child.pid!, stop, [Symbol.asyncDispose]: stop }
}

function listening(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let output = ''
    const timer = setTimeout(() => reject(new Error(`${child.spawnargs[1]} did not start`)), START_MS)
    child.once('exit', (code) => reject(new Error(`${child.spawnargs[1]} ended with ${code}`)))
    child.stdout!.on('data', (chunk) => {
      output += String(chunk)
      const url = /"url":"([^"]+)"/.exec(output)?.[1]
      if (url === undefined) return
      clearTimeout(timer)
      resolve(url)
    })
  })
}

const MIB = 1024 * 1024

/** Resident memory of a process in MiB. */
export function rss(pid: number): number {
  const file = `/proc/${pid}/status`
  if (existsSync(file)) return (Number(/VmRSS:\s+(\d+)/.exec(readFileSync(file, 'utf8'))?.[1]) * 1024) / MIB
  return (Number(execFileSync('ps', ['-o', 'rss=', '-p', String(pid)])) * 1024) / MIB
}

export const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))
