import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import Database from 'better-sqlite3'

/** The schema version this program writes; the file's own is its `user_version`. */
export const SCHEMA_VERSION = 8

/**
 * The one connection. `transact` runs a synchronous function in a transaction (nested calls join the outer one);
 * `afterCommit` puts off telling the world until the outermost transaction has committed, and drops it on rollback.
 */
export type Db = {
  readonly sqlite: Database.Database
  prepare: Database.Database['prepare']
  transact: <T>(work: () => T) => T
  /** Reads that belong together: all of one instant, and for the price of one look. `work` writes nothing. */
  read: <T>(work: () => T) => T
  afterCommit: (tell: () => void) => void
  /** How many transactions have been committed through `transact`; the journal's frugality is tested by it. */
  commits: () => number
  close: () => void
}

/** How long the write-ahead log may grow (16 MiB) before it is folded in: pages that many commits touch are written once. */
const CHECKPOINT_PAGES = 4_000

/** Raised when the file cannot be used as it is; the message is for the owner's terminal. */
export class DatabaseRefused extends Error {}

/**
 * Opens the database file, makes it if missing, and brings an older one forward (after a copy in `backupDir`).
 * Throws DatabaseRefused for a file written by a newer version, which stays as it is, and for one that is no database.
 */
export function openDb(file: string, options: { schemaDir: string; backupDir: string }): Db {
  const sqlite = new Database(file)
  try {
    refuseNewer(sqlite, file)
    sqlite.pragma('journal_mode = WAL')
    sqlite.pragma('synchronous = FULL')
    sqlite.pragma('foreign_keys = ON')
    sqlite.pragma('busy_timeout = 5000')
    sqlite.pragma(`wal_autocheckpoint = ${CHECKPOINT_PAGES}`)
    prepareSchema(sqlite, options)
  } catch (error) {
    sqlite.close()
    throw isDamaged(error)
      ? new DatabaseRefused(
          `${file} cannot be used (${error.message}). Restore a backup, or move it away to start anew.`,
        )
      : error
  }
  return connection(sqlite)
}

function isDamaged(error: unknown): error is Error {
  return error instanceof Database.SqliteError && ['SQLITE_NOTADB', 'SQLITE_CORRUPT'].includes(error.code)
}

const versionOf = (sqlite: Database.Database) => sqlite.pragma('user_version', { simple: true }) as number

function refuseNewer(sqlite: Database.Database, file: string): void {
  const version = versionOf(sqlite)
  if (version <= SCHEMA_VERSION) return
  throw new DatabaseRefused(
    `${file} was written by a newer version of Steward (schema ${version}, this one knows ${SCHEMA_VERSION}). Start that version, or restore an older backup.`,
  )
}

function prepareSchema(
  sqlite: Database.Database,
  { schemaDir, backupDir }: { schemaDir: string; backupDir: string },
): void {
  const version = versionOf(sqlite)
  if (version === SCHEMA_VERSION) return
  if (version === 0) return create(sqlite, readFileSync(join(schemaDir, 'schema.sql'), 'utf8'))
  sqlite.exec(
    `VACUUM INTO '${join(backupDir, `before-schema-${SCHEMA_VERSION}-${Date.now()}.sqlite`).replaceAll("'", "''")}'`,
  )
  for (const step of migrationsAfter(version, join(schemaDir, 'migrations'))) migrate(sqlite, step)
}

function create(sqlite: Database.Database, schema: string): void {
  sqlite.transaction(() => {
    sqlite.exec(schema)
    sqlite.pragma(`user_version = ${SCHEMA_VERSION}`)
  })()
}

type Migration = { version: number; sql: string }

/** Files are named `0002-what-it-does.sql`; the number is the schema version they lead to. */
function migrationsAfter(version: number, dir: string): Migration[] {
  if (!existsSync(dir)) return []
  return readdirSync(dir)
    .filter((name) => /^\d{4}-.+\.sql$/.test(name))
    .map((name) => ({ version: Number(name.slice(0, 4)), sql: readFileSync(join(dir, name), 'utf8') }))
    .filter((step) => step.version > version && step.version <= SCHEMA_VERSION)
    .sort((a, b) => a.version - b.version)
}

function migrate(sqlite: Database.Database, step: Migration): void {
  sqlite.transaction(() => {
    sqlite.exec(step.sql)
    sqlite.pragma(`user_version = ${step.version}`)
  })()
}

function connection(sqlite: Database.Database): Db {
  let depth = 0
  let commits = 0
  let pending: (() => void)[] = []

  function transact<T>(work: () => T): T {
    if (depth > 0) return inner(work)
    depth++
    let result: T
    try {
      result = sqlite.transaction(work).immediate()
    } catch (error) {
      pending = []
      throw error
    } finally {
      depth--
    }
    commits++
    const tells = pending
    pending = []
    for (const tell of tells) tell()
    return result
  }

  /** What a part that is undone wanted to tell is not told, also where its failure is caught and the rest goes on. */
  function inner<T>(work: () => T): T {
    const told = pending.length
    try {
      return sqlite.transaction(work)()
    } catch (error) {
      pending.length = told
      throw error
    }
  }

  return {
    sqlite,
    prepare: sqlite.prepare.bind(sqlite) as Database.Database['prepare'],
    transact,
    read: (work) => (depth > 0 ? work() : sqlite.transaction(work).deferred()),
    afterCommit: (tell) => (depth > 0 ? void pending.push(tell) : tell()),
    commits: () => commits,
    close: () => sqlite.close(),
  }
}
