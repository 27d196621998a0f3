import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { makeBackup, type MadeBackup } from '../../services/backups/make.ts'
import { CAUSES, type Cause } from '../../services/backups/manifest.ts'
import { readConfig, type Config } from '../../services/config.ts'
import { command, EXIT, textOf, usageError, type Call } from '../command.ts'
import { programDir, saying } from '../house.ts'

export default command({
  usage: '',
  help: `Makes a backup of the data folder (DATA_DIR) into DATA_DIR/backups, whether Steward runs or not. The master key is not in it.`,
  options: { cause: { type: 'string', value: 'CAUSE', help: `why, for the list of backups: ${CAUSES.join(', ')}` } },
  words: [0, 0],
  run: backup,
})

async function backup({ env, values, out }: Call): Promise<number> {
  const config = readConfig(env)
  const cause = (textOf(values, 'cause') ?? 'command') as Cause
  if (!CAUSES.includes(cause)) throw usageError(`There is no cause ${cause}. There are: ${CAUSES.join(', ')}.`)
  const { version } = JSON.parse(readFileSync(join(programDir(), 'package.json'), 'utf8')) as { version: string }
  const order = { dataDir: config.dataDir, appVersion: version, cause }
  const made = await saying('No backup was made', () => makeBackup(order))
  if (out.json) out.value(shown(made, config))
  else out.line(inWords(made, config))
  return EXIT.ok
}

function shown({ name, folder, manifest, bytes }: MadeBackup, config: Config): object {
  const { files, folders: _folders, ...rest } = manifest
  return { name, folder, ...rest, files: files.length - 1, bytes, master_key: whereTheKeyIs(config) }
}

function inWords({ folder, manifest, bytes }: MadeBackup, config: Config): string {
  const rows = Object.values(manifest.counts).reduce((sum, count) => sum + count, 0)
  return [
    `Backed up to ${folder}`,
    `${rows} rows in ${Object.keys(manifest.counts).length} tables, ${manifest.files.length - 1} files, ${(bytes / 1024 / 1024).toFixed(1)} MiB.`,
    `The master key is not in it, and without the key the backup cannot be used. The key is here: ${whereTheKeyIs(config)}`,
    'Keep a copy of the key in a third place, and a copy of the backup on another machine.',
  ].join('\n')
}

const whereTheKeyIs = ({ masterKey, masterKeyFile, dataDir }: Config): string =>
  masterKey === undefined
    ? join(dataDir, 'master.key')
    : (masterKeyFile ?? 'STEWARD_MASTER_KEY, in the environment of Steward')
