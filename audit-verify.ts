import { copyFileSync, existsSync, mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import Database from 'better-sqlite3'
import { SCHEMA_VERSION } from './db/open.ts'
import { auditKeysOf, keyIn } from './services/audit/keys.ts'
import { verifyChain, type Verdict } from './services/audit/verify.ts'
import { readConfig } from './services/config.ts'
import { readEnvironment } from './services/environment.ts'
import { messageOf } from './services/errors.ts'

/**
 * `npm run audit:verify -- <database file or data folder>`: what GET /api/audit/verify says, of any copy and whether Steward
 * runs or not. It only reads. The master key is that of the environment, or the file master.key beside the database or in
 * DATA_DIR. Ends with 0 where the log is whole; `--json` for programs.
 */

const json = process.argv.includes('--json')

/** A fault of the question, not of the log. */
class Refused extends Error {}

async function verify(): Promise<Verdict> {
  const config = readConfig(readEnvironment(process.env))
  const file = databaseAt(process.argv.slice(2).find((word) => !word.startsWith('-')) ?? config.dataDir)
  const files = [...new Set([dirname(file), config.dataDir])].flatMap((folder) =>
    ['master.key', 'master.key.new'].map((name) => join(folder, name)),
  )
  const masterKeys = [...(config.masterKey ? [config.masterKey] : []), ...files.flatMap(keyIn)]
  return reading(file, async (db) => {
    const version = db.pragma('user_version', { simple: true })
    if (version !== SCHEMA_VERSION)
      throw new Refused(`${file} has the schema ${String(version)}; this version of Steward reads ${SCHEMA_VERSION}.`)
    const keys = auditKeysOf(db, masterKeys)
    if (!keys)
      throw new Refused(
        `No master key at hand fits ${file}. Put master.key beside it, or set STEWARD_MASTER_KEY or STEWARD_MASTER_KEY_FILE.`,
      )
    return verifyChain(db, keys)
  })
}

/** @NOTE npm runs this elsewhere than where it was called. */
function databaseAt(given: string): string {
  const path = resolve(process.env.INIT_CWD ?? process.cwd(), given)
  const file = existsSync(path) && statSync(path).isDirectory() ? join(path, 'steward.sqlite') : path
  if (!existsSync(file)) throw new Refused(`There is no database at ${file}.`)
  return file
}

/** One look at the file: what is written meanwhile is not seen. */
async function reading<T>(file: string, work: (db: Database.Database) => Promise<T>): Promise<T> {
  const { db, away } = opened(file)
  try {
    db.exec('BEGIN')
    return await work(db)
  } finally {
    db.close()
    away()
  }
}

/** SQLite wants to write beside a file even to read it; where it may not, a copy elsewhere is read. */
function opened(file: string): { db: Database.Database; away: () => void } {
  try {
    return { db: readonly(file), away: () => {} }
  } catch (error) {
    if (!/^SQLITE_(CANTOPEN|READONLY)/.test((error as { code?: string }).code ?? '')) throw error
  }
  const folder = mkdtempSync(join(tmpdir(), 'steward-audit-'))
  for (const part of ['', '-wal'])
    if (existsSync(file + part)) copyFileSync(file + part, join(folder, `copy.sqlite${part}`))
  return {
    db: readonly(join(folder, 'copy.sqlite')),
    away: () => rmSync(folder, { recursive: true, force: true }),
  }
}

function readonly(file: string): Database.Database {
  const db = new Database(file, { readonly: true, timeout: 5_000 })
  try {
    db.pragma('user_version')
    return db
  } catch (error) {
    db.close()
    throw error
  }
}

function inWords({ ok, entries, first_broken, problem }: Verdict): string {
  const stand = `${entries} ${entries === 1 ? 'entry' : 'entries'}`
  if (ok) return `The audit log is whole: ${stand}.`
  return `The audit log is broken at entry ${first_broken}: ${problem} ${stand} before it stand.`
}

try {
  const verdict = await verify()
  process.stdout.write(`${json ? JSON.stringify(verdict) : inWords(verdict)}\n`)
  process.exitCode = verdict.ok ? 0 : 1
} catch (error) {
  const words = `The audit log could not be verified: ${messageOf(error)}`
  process.stderr.write(`${json ? JSON.stringify({ error: words }) : words}\n`)
  process.exitCode = 1
}
