import { chmodSync, existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { ConfigError } from './config.ts'
import { messageOf } from './errors.ts'

export type DataFolder = {
  dir: string
  database: string
  files: string
  /** Uploads that are not there yet; on the disk of `files`, out of everybody's reach. */
  uploads: string
  trash: string
  backups: string
  release: () => void
}

/** Stands in a data folder while what is in it is exchanged for a backup. */
export const UNFINISHED_RESTORE = 'restore.unfinished'

/**
 * Makes the data folder and takes it for this process alone. The lock is an operating-system file lock (held by SQLite),
 * so it goes with the process, however that ends. Throws ConfigError when the folder cannot be used or is taken, and where a
 * restore into it was cut off, unless it is for the next one.
 */
export function takeDataFolder(dir: string, { restoring = false } = {}): DataFolder {
  const folder = {
    dir,
    database: join(dir, 'steward.sqlite'),
    files: join(dir, 'files'),
    uploads: join(dir, 'files', '.uploads'),
    trash: join(dir, 'trash'),
    backups: join(dir, 'backups'),
  }
  try {
    for (const path of [dir, folder.files, folder.uploads, folder.trash, folder.backups])
      mkdirSync(path, { recursive: true, mode: 0o700 })
  } catch (error) {
    throw new ConfigError(
      `DATA_DIR=${dir} cannot be used (${messageOf(error)}); expected a folder this user may write to.`,
    )
  }
  const release = lock(dir)
  if (!restoring && existsSync(join(dir, UNFINISHED_RESTORE))) {
    release()
    throw new ConfigError(
      `A restore into ${dir} was cut off. Run it again (npm run restore -- FROM); the data from before is in ${dir}/before-restore-….`,
    )
  }
  return { ...folder, release }
}

function lock(dir: string): () => void {
  const release = lockFile(join(dir, 'steward.lock'))
  if (release) return release
  throw new ConfigError(
    `Another Steward is already running on ${dir}. Stop it first, or give this one another DATA_DIR.`,
  )
}

/** Takes a lock that goes with the process, however that ends; undefined where somebody else has it. Answers how to let go. */
export function lockFile(file: string): (() => void) | undefined {
  const db = new Database(file, { timeout: 0 })
  try {
    db.pragma('journal_mode = MEMORY')
    db.exec('BEGIN EXCLUSIVE')
    chmodSync(file, 0o600)
  } catch (error) {
    db.close()
    if ((error as { code?: string }).code !== 'SQLITE_BUSY') throw error
    return undefined
  }
  return () => db.close()
}
