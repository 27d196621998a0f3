import { existsSync, statSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { SCHEMA_VERSION } from '../../db/open.ts'
import { readDatabase } from '../../db/reading.ts'
import { auditKeysOf, keyIn } from '../../services/audit/keys.ts'
import { verifyChain, type Verdict } from '../../services/audit/verify.ts'
import { readConfig, type Config } from '../../services/config.ts'
import { messageOf } from '../../services/errors.ts'
import { command, CommandError, EXIT, SERVER_OPTIONS, usageError, type Call } from '../command.ts'
import { databaseIn } from '../house.ts'
import { connect, namedUrl } from '../server.ts'

export default command({
  usage: 'verify [PATH]',
  help: `Whether the audit log is whole: of the data folder here, or of a database or data folder at PATH (any copy), whether Steward
runs or not; with --url or STEWARD_URL and no PATH, of the Steward there (a key needs the scope read). Only reads. The
master key is that of the environment, or the file master.key beside the database or in DATA_DIR.`,
  options: SERVER_OPTIONS,
  words: [1, 2],
  run: audit,
})

async function audit(call: Call): Promise<number> {
  const { words, out } = call
  const [verb, path] = words
  if (verb !== 'verify') throw usageError('Use: steward audit verify [PATH].')
  const remote = path === undefined && namedUrl(call) !== undefined
  const verdict: Verdict = remote ? await connect(call).get('/api/audit/verify') : await verifyHere(path, call)
  if (out.json) out.value(verdict)
  else out.line(inWords(verdict))
  return verdict.ok ? EXIT.ok : EXIT.failed
}

async function verifyHere(path: string | undefined, call: Call): Promise<Verdict> {
  try {
    return await verify(path, call)
  } catch (error) {
    throw new CommandError(EXIT.failed, `The audit log could not be verified: ${messageOf(error)}`)
  }
}

async function verify(path: string | undefined, { env, cwd }: Call): Promise<Verdict> {
  const config = readConfig(env)
  const file = databaseAt(path === undefined ? config.dataDir : resolve(cwd, path))
  const masterKeys = keysFor(file, config)
  return readDatabase(file, (db) => {
    if (db.version() !== SCHEMA_VERSION)
      throw new Error(`${file} has the schema ${db.version()}; this version of Steward reads ${SCHEMA_VERSION}.`)
    const keys = auditKeysOf(db, masterKeys)
    if (keys) return verifyChain(db, keys)
    throw new Error(
      `No master key at hand fits ${file}. Put master.key beside it, or set STEWARD_MASTER_KEY or STEWARD_MASTER_KEY_FILE.`,
    )
  })
}

function keysFor(file: string, { masterKey, dataDir }: Config): Buffer[] {
  const files = [...new Set([dirname(file), dataDir])].flatMap((folder) =>
    ['master.key', 'master.key.new'].map((name) => join(folder, name)),
  )
  return [...(masterKey ? [masterKey] : []), ...files.flatMap(keyIn)]
}

function databaseAt(path: string): string {
  const file = existsSync(path) && statSync(path).isDirectory() ? databaseIn(path) : path
  if (!existsSync(file)) throw new Error(`There is no database at ${file}.`)
  return file
}

function inWords({ ok, entries, first_broken, problem }: Verdict): string {
  const stand = `${entries} ${entries === 1 ? 'entry' : 'entries'}`
  if (ok) return `The audit log is whole: ${stand}.`
  return `The audit log is broken at entry ${first_broken}: ${problem} ${stand} before it stand.`
}
