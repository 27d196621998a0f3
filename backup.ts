import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { makeBackup, type MadeBackup } from './services/backups/make.ts'
import { CAUSES, type Cause } from './services/backups/manifest.ts'
import { ConfigError, readConfig, type Config } from './services/config.ts'
import { readEnvironment } from './services/environment.ts'
import { AppError } from './services/errors.ts'

/** `npm run backup`: a backup of DATA_DIR into DATA_DIR/backups, whether Steward runs or not; `--json` for programs. */

const HERE = import.meta.dirname
const PROGRAM_DIR = HERE.endsWith('dist') ? join(HERE, '..') : HERE

const json = process.argv.includes('--json')

function cause(): Cause {
  const given = process.argv.find((word) => word.startsWith('--cause='))?.slice(8) as Cause | undefined
  return given && CAUSES.includes(given) ? given : 'command'
}

const whereTheKeyIs = ({ masterKey, masterKeyFile, dataDir }: Config): string =>
  masterKey === undefined
    ? join(dataDir, 'master.key')
    : (masterKeyFile ?? 'STEWARD_MASTER_KEY, in the environment of Steward')

function inWords({ folder, manifest, bytes }: MadeBackup, config: Config): string {
  const rows = Object.values(manifest.counts).reduce((sum, count) => sum + count, 0)
  return [
    `Backed up to ${folder}`,
    `${rows} rows in ${Object.keys(manifest.counts).length} tables, ${manifest.files.length - 1} files, ${(bytes / 1024 / 1024).toFixed(1)} MiB.`,
    `The master key is not in it, and without the key the backup cannot be used. The key is here: ${whereTheKeyIs(config)}`,
    'Keep a copy of the key in a third place, and a copy of the backup on another machine.',
  ].join('\n')
}

try {
  process.umask(0o077)
  const config = readConfig(readEnvironment(process.env))
  const { version } = JSON.parse(readFileSync(join(PROGRAM_DIR, 'package.json'), 'utf8')) as { version: string }
  const made = await makeBackup({ dataDir: config.dataDir, appVersion: version, cause: cause() })
  const { files, folders: _folders, ...manifest } = made.manifest
  const told = { name: made.name, folder: made.folder, ...manifest, files: files.length - 1, bytes: made.bytes, master_key: whereTheKeyIs(config) } // prettier-ignore
  process.stdout.write(`${json ? JSON.stringify(told) : inWords(made, config)}\n`)
} catch (error) {
  const expected = error instanceof ConfigError || error instanceof AppError
  const words = expected ? error.message : error instanceof Error ? error.stack : String(error)
  process.stderr.write(`${json ? JSON.stringify({ error: words }) : `No backup was made: ${words}`}\n`)
  process.exitCode = 1
}
