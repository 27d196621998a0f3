// Puts what a running Steward needs, and nothing else, into a folder: the bundle, the page, the schema and the packages
// with a binary of their own for this platform.
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..')
const NATIVE = ['better-sqlite3', '@node-rs/argon2']

/** Builders' leftovers inside better-sqlite3: sources, and binaries for other platforms. */
const LEFT_OUT = /\/(deps|src|docs|benchmark|test)(\/|$)/

export function writeImage(target) {
  for (const name of ['dist', 'public/dist', 'db', 'package.json']) copy(name, target)
  mkdirSync(join(target, 'node_modules'), { recursive: true })
  for (const name of withDependencies(NATIVE)) copy(join('node_modules', name), target)
}

function copy(name, target) {
  cpSync(join(ROOT, name), join(target, name), { recursive: true, filter: isNeeded })
}

function isNeeded(path) {
  if (!path.includes('/node_modules/better-sqlite3/')) return true
  const inside = path.split('/node_modules/better-sqlite3')[1]
  const binary = /\/prebuilds?\/([^/]+)/.exec(inside)?.[1]
  return (
    !LEFT_OUT.test(inside) &&
    (binary === undefined ||
      binary.startsWith(`${process.platform}-${process.arch}`) ||
      binary.includes(`${process.platform}-${process.arch}`))
  )
}

function withDependencies(names, seen = new Set()) {
  for (const name of names) {
    const manifest = join(ROOT, 'node_modules', name, 'package.json')
    if (seen.has(name) || !existsSync(manifest)) continue
    seen.add(name)
    const { dependencies = {}, optionalDependencies = {} } = JSON.parse(readFileSync(manifest, 'utf8'))
    withDependencies([...Object.keys(dependencies), ...Object.keys(optionalDependencies)], seen)
  }
  return [...seen]
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [target] = process.argv.slice(2)
  if (!target || (existsSync(target) && readdirSync(target).length > 0)) throw new Error('Name an empty folder.')
  writeImage(target)
}
