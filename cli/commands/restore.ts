import { resolve } from 'node:path'
import { restoreBackup, type Restored } from '../../services/backups/restore.ts'
import { readConfig } from '../../services/config.ts'
import { command, EXIT, textOf, type Call } from '../command.ts'
import { saying } from '../house.ts'

export default command({
  usage: 'FROM [--data-dir DIR] [--force]',
  help: `Puts a backup into a data folder on which no Steward runs. FROM is a folder, the name of one in DATA_DIR/backups, or newest.
What was there is moved aside, not removed.`,
  options: {
    'data-dir': { type: 'string', value: 'DIR', help: 'into this folder instead of DATA_DIR' },
    force: { type: 'boolean', help: 'also where a database is already' },
  },
  words: [1, 1],
  run: restore,
})

async function restore({ env, cwd, words, values, out }: Call): Promise<number> {
  const config = readConfig(env)
  const given = textOf(values, 'data-dir')
  const dataDir = given === undefined ? config.dataDir : resolve(cwd, given)
  const order = { from: words[0]!, dataDir, force: values.force === true, masterKey: config.masterKey, cwd }
  const restored = await saying('Nothing was restored', () => restoreBackup(order))
  if (out.json) out.value(shown(restored, dataDir))
  else out.line(inWords(restored, dataDir))
  return EXIT.ok
}

function shown({ folder, manifest, movedAside }: Restored, dataDir: string): object {
  const { created_at, counts, files } = manifest
  return { folder, data_dir: dataDir, created_at, counts, files: files.length - 1, moved_aside: movedAside ?? null }
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
