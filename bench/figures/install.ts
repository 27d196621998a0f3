import { execFileSync, spawn } from 'node:child_process'
import { cpSync, lstatSync, readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { scratch } from '../processes.ts'
import { limited, printTable, show, type Row } from '../table.ts'

const ROOT = join(import.meta.dirname, '../..')
const MIB = 1024 * 1024
const LONGEST_INSTALL_MS = 240_000

/** What an installation takes on the disk, and what of it an image holds. */
export async function install(): Promise<Row[]> {
  const image = scratch()
  execFileSync(process.execPath, [join(ROOT, 'scripts', 'image.mjs'), image])
  printTable(['in the image', 'MiB'], sizes(image, readdirSync(image)).map(line))
  const rows = [limited({ figure: 'image content', value: size(image) / MIB, unit: 'MiB' }, 80)]
  return [...(await installed()), ...rows]
}

async function installed(): Promise<Row[]> {
  const folder = scratch()
  for (const name of ['package.json', 'package-lock.json', '.npmrc']) cpSync(join(ROOT, name), join(folder, name))
  if ((await npm(['ci', '--omit=dev', '--loglevel=error'], folder)) !== 0) {
    console.log('npm ci --omit=dev was not measured: the registry could not be reached.')
    return []
  }
  const modules = join(folder, 'node_modules')
  const lock = JSON.parse(readFileSync(join(modules, '.package-lock.json'), 'utf8')) as { packages: object }
  const largest = sizes(modules, packagesIn(modules)).slice(0, 5)
  printTable(['largest installed packages', 'MiB'], largest.map(line))
  return [
    limited({ figure: 'npm ci --omit=dev', value: size(modules) / MIB, unit: 'MiB' }, 170),
    limited({ figure: 'npm ci --omit=dev', value: Object.keys(lock.packages).length, unit: 'packages' }, 210),
  ]
}

function npm(args: string[], cwd: string): Promise<number | null> {
  const cli = process.env.npm_execpath
  const own = cli !== undefined && /npm-cli\.[cm]?js$/.test(cli)
  const [file, all] = own ? [process.execPath, [cli, ...args]] : ['npm', args]
  const child = spawn(file, all, { cwd, stdio: ['ignore', 'ignore', 'inherit'], timeout: LONGEST_INSTALL_MS })
  return new Promise((resolve) => child.once('error', () => resolve(null)).once('exit', resolve))
}

function packagesIn(modules: string): string[] {
  const names = readdirSync(modules).filter((name) => !name.startsWith('.'))
  return names.flatMap((name) =>
    name.startsWith('@') ? readdirSync(join(modules, name)).map((inner) => `${name}/${inner}`) : [name],
  )
}

type Size = { name: string; bytes: number }

const sizes = (folder: string, names: string[]): Size[] =>
  names.map((name) => ({ name, bytes: size(join(folder, name)) })).sort((a, b) => b.bytes - a.bytes)

const line = ({ name, bytes }: Size): string[] => [name, show(bytes / MIB)]

/** Bytes on the disk, blocks counted whole where the system tells them. */
function size(path: string): number {
  const stat = lstatSync(path)
  const own = stat.blocks > 0 ? stat.blocks * 512 : stat.size
  return stat.isDirectory() ? readdirSync(path).reduce((sum, name) => sum + size(join(path, name)), own) : own
}
