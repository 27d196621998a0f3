import { chmodSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { ConfigError } from './config.ts'
import { messageOf } from './errors.ts'

export type DataFolder = {
  dir: string
  database: string
  files: string
  trash: string
  backups: string
  release: () => void
}

/**
 * Makes the data folder and takes it for this process alone. The lock is an operating-system file lock (held by SQLite),
 * so it goes with the process, however that ends. Throws ConfigError when the folder cannot be used or is taken.
 */
export function takeDataFolder(dir: string): DataFolder {
  const folder = {
    dir,
    database: join(dir, 'steward.sqlite'),
    files: join(dir, 'files'),
    trash: join(dir, 'trash'),
    backups: join(dir, 'backups'),
  }
  try {
    for (const path of [dir, folder.files, folder.trash, folder.backups])
      mkdirSync(path, { recursive: true, mode: 0o700 })
  } catch (error) {
    throw new ConfigError(
      `DATA_DIR=${dir} cannot be used (${messageOf(error)}); expected a folder this user may write to.`,
    )
  }
  return { ...folder, release: lock(dir) }
}

function lock(dir: string): () => void {
  const file = join(dir, 'steward.lock')
  const db = new Database(file, { timeout: 0 })
  try {
    db.pragma('journal_mode = MEMORY')
    db.exec('BEGIN EXCLUSIVE')
    chmodSync(file, 0o600)
  } catch (error) {
    db.close()
    if ((error as { code?: string }).code !== 'SQLITE_BUSY') throw error
    throw new ConfigError(
      `Another Steward is already running on ${dir}. Stop it first, or give this one another DATA_DIR.`,
    )
  }
  return () => db.close()
}
