import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { restoreBackup, type Restored } from './services/backups/restore.ts'
import { ConfigError, readConfig } from './services/config.ts'
import { readEnvironment } from './services/environment.ts'
import { AppError } from './services/errors.ts'

/** `npm run restore -- FROM [--data-dir DIR] [--force]`: puts a backup into a data folder on which no Steward runs; `--json` for programs. */

const USAGE =
  'Say which backup: npm run restore -- FROM [--data-dir DIR] [--force]. FROM is a folder, the name of one in DATA_DIR/backups, or newest.'

const json = process.argv.includes('--json')
/** @NOTE npm runs this elsewhere than where it was called. */
const cwd = process.env.INIT_CWD ?? process.cwd()

function order() {
  const options = { 'data-dir': { type: 'string' }, force: { type: 'boolean' }, json: { type: 'boolean' } } as const
  const { values, positionals } = parsed(options)
  const [from, ...more] = positionals
  if (from === undefined || more.length > 0) throw new AppError('invalid', USAGE)
  const config = readConfig(readEnvironment(process.env))
  const given = values['data-dir']
  const dataDir = given === undefined ? config.dataDir : resolve(cwd, given)
  return { from, dataDir, force: values.force === true, masterKey: config.masterKey, cwd }
}

function parsed<T extends Record<string, { type: 'string' | 'boolean' }>>(options: T) {
  try {
    return parseArgs({ options, allowPositionals: true })
  } catch {
    throw new AppError('invalid', USAGE)
  }
}

function inWords({ folder, manifest, movedAside }: Restored, dataDir: string): string {
  const rows = Object.values(manifest.counts).reduce((sum, count) => sum + count, 0)
  return [
    `Restored ${folder} into ${dataDir}`,
    `It shows ${manifest.created_at}: ${rows} rows, ${manifest.files.length - 1} files. The master key fits.`,
    ...(movedAside ? [`What was there before is in ${movedAside}; remove it when you no longer need it.`] : []),
    'Sessions and API keys that were ended since then are back: look through them once Steward runs.',
  ].join('\n')
}

try {
  process.umask(0o077)
  const asked = order()
  const restored = await restoreBackup(asked)
  const { folder, manifest, movedAside } = restored
  const told = { folder, data_dir: asked.dataDir, created_at: manifest.created_at, counts: manifest.counts, files: manifest.files.length - 1, moved_aside: movedAside ?? null } // prettier-ignore
  process.stdout.write(`${json ? JSON.stringify(told) : inWords(restored, asked.dataDir)}\n`)
} catch (error) {
  const expected = error instanceof ConfigError || error instanceof AppError
  const words = expected ? error.message : error instanceof Error ? error.stack : String(error)
  process.stderr.write(`${json ? JSON.stringify({ error: words }) : `Nothing was restored: ${words}`}\n`)
  process.exitCode = 1
}
