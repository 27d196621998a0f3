import Database from 'better-sqlite3'

/** The rows of a SELECT, each when it is asked for. */
export type Snapshot = {
  rows: <T>(sql: string, ...values: unknown[]) => IterableIterator<T>
  all: <T>(sql: string, ...values: unknown[]) => T[]
  /** `user_version`. */
  version: () => number
  /** How many rows each table has. */
  counts: () => Record<string, number>
  /** What SQLite finds wrong with the file; nothing where it is whole. */
  damage: () => string[]
  /** Writes the same into another file, which stands alone: no write-ahead log goes with it. */
  copyTo: (file: string) => Promise<void>
  close: () => void
}

const PAGES_AT_ONCE = 2_000

/**
 * A database file as it is at this moment, whatever this and other processes write to it meanwhile (one read transaction; while
 * it is open, their write-ahead log cannot start anew). It is only read.
 */
export function openSnapshot(file: string): Snapshot {
  const db = new Database(file, { readonly: true, timeout: 5_000 })
  try {
    db.exec('BEGIN')
    db.prepare('SELECT count(*) FROM sqlite_schema').get()
  } catch (error) {
    db.close()
    throw error
  }
  const all = <T>(sql: string, ...values: unknown[]): T[] => db.prepare(sql).all(...values) as T[]
  return {
    all,
    rows: <T>(sql: string, ...values: unknown[]) => db.prepare(sql).iterate(...values) as IterableIterator<T>,
    version: () => db.pragma('user_version', { simple: true }) as number,
    counts: () => Object.fromEntries(tablesOf(all).map((name) => [name, countOf(all, name)])),
    damage: () =>
      [...db.prepare('PRAGMA integrity_check(20)').pluck().all()].map(String).filter((line) => line !== 'ok'),
    async copyTo(target) {
      await db.backup(target, { progress: () => PAGES_AT_ONCE })
      standAlone(target)
    },
    close: () => db.close(),
  }
}

type All = Snapshot['all']

/** The tables that rows are written to; not those in which SQLite keeps the full-text index. */
function tablesOf(all: All): string[] {
  return all<{ name: string }>(
    `SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name`,
  ).map(({ name }) => name)
}

const countOf = (all: All, table: string): number => all<{ n: number }>(`SELECT count(*) AS n FROM "${table}"`)[0]!.n

function standAlone(file: string): void {
  const db = new Database(file)
  try {
    db.pragma('journal_mode = DELETE')
  } finally {
    db.close()
  }
}
