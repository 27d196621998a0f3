import { copyFileSync, existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Database from 'better-sqlite3'

/** A database file that is only read. */
export type Reading = {
  prepare: Database.Database['prepare']
  /** `user_version`. */
  version: () => number
}

/**
 * One look at a database file, whether a Steward runs on it or not: what is written meanwhile is not seen. Nothing is changed,
 * not even where SQLite would like to write beside the file: there a copy elsewhere is read.
 */
export async function readDatabase<T>(file: string, work: (db: Reading) => T | Promise<T>): Promise<T> {
  const { db, away } = opened(file)
  try {
    db.exec('BEGIN')
    const version = () => db.pragma('user_version', { simple: true }) as number
    return await work({ prepare: db.prepare.bind(db) as Database.Database['prepare'], version })
  } finally {
    db.close()
    away()
  }
}

function opened(file: string): { db: Database.Database; away: () => void } {
  try {
    return { db: readonly(file), away: () => {} }
  } catch (error) {
    if (!/^SQLITE_(CANTOPEN|READONLY)/.test((error as { code?: string }).code ?? '')) throw error
  }
  const folder = mkdtempSync(join(tmpdir(), 'steward-read-'))
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
