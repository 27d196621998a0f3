import { randomBytes } from 'node:crypto'
import { existsSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { Db } from '../db/open.ts'
import { ConfigError } from './config.ts'
import { syncFolder, writePrivateFile } from './private-file.ts'
import { createVault, type Place, type RetiredKeys, type Vault } from './vault.ts'

/** What shows whether a master key fits: sealed with it when the database was made, and at each rotation. */
export const CHECK: Place = { table: 'settings', row: 'vault_check', field: 'value' }
/** What is kept of earlier master keys, sealed with the present one. */
export const RETIRED: Place = { table: 'settings', row: 'vault_retired', field: 'value' }

const DOES_NOT_FIT =
  'The master key does not fit this database. Set STEWARD_MASTER_KEY to the recovery key shown at set-up (or at the last rotation), or put the right master.key back into DATA_DIR.'

type Opening = { db: Db; dataDir: string; fromEnvironment: Buffer | undefined }

/**
 * The vault under its master key: from the environment, else from DATA_DIR/master.key, else made now (never when the
 * database already holds sealed values). A rotation that was cut off is finished or taken back here: of master.key and
 * master.key.new, the one that fits the database stays. Throws ConfigError when no key fits.
 */
export function openVault({ db, dataDir, fromEnvironment }: Opening): Vault {
  const check = storedValue(db, CHECK.row)
  const key = fromEnvironment ?? keyFromFiles(dataDir, check)
  const vault = createVault(key, check === undefined ? [] : retiredKeys(db, key))
  if (check === undefined) storeValue(db, CHECK.row, vault.seal('steward', CHECK), new Date())
  else if (!fits(key, check)) throw new ConfigError(DOES_NOT_FIT)
  return vault
}

/**
 * The same vault for a process beside the one that owns the data folder: it only looks, and makes, moves or removes no key.
 * Throws ConfigError when no key at hand fits.
 */
export function borrowVault({ db, dataDir, fromEnvironment }: Opening): Vault {
  const check = storedValue(db, CHECK.row)
  const { present, next } = keyFiles(dataDir)
  const files = [present, next].filter((file) => existsSync(file))
  const keys = fromEnvironment ? [fromEnvironment] : files.map(parseKey)
  const key = keys.find((one) => check !== undefined && fits(one, check))
  if (!key) throw new ConfigError(DOES_NOT_FIT)
  return createVault(key, retiredKeys(db, key))
}

/** Where the master key lies, and where the next one lies until the database is sealed with it. */
export const keyFiles = (dataDir: string) => {
  const present = join(dataDir, 'master.key')
  return { present, next: `${present}.new` }
}

/** 32 bytes as the key file and the environment hold them. */
export const keyText = (key: Buffer): string => `${key.toString('base64')}\n`

function keyFromFiles(dataDir: string, check: string | undefined): Buffer {
  const { present, next } = keyFiles(dataDir)
  if (check === undefined) return existsSync(present) ? parseKey(present) : newKey(present)
  const [old, made] = [present, next].map((file) => (existsSync(file) ? parseKey(file) : undefined))
  if (made && !(old && fits(old, check)) && fits(made, check)) {
    renameSync(next, present)
    syncFolder(dataDir)
    return made
  }
  if (!old) {
    throw new ConfigError(
      `${present} is missing, and without it the credentials in this database cannot be read. Put it back, or set STEWARD_MASTER_KEY to the recovery key shown at set-up.`,
    )
  }
  if (made && fits(old, check)) rmSync(next)
  return old
}

function newKey(file: string): Buffer {
  const key = randomBytes(32)
  writePrivateFile(file, keyText(key))
  return key
}

function parseKey(file: string): Buffer {
  const key = Buffer.from(readFileSync(file, 'utf8').trim(), 'base64')
  if (key.length === 32) return key
  throw new ConfigError(`${file} does not hold a key; expected 32 bytes in base64.`)
}

/** Whether a master key is the one that the stored value CHECK of a database is sealed with. */
export function fits(key: Buffer, check: string): boolean {
  try {
    createVault(key).open(check, CHECK)
    return true
  } catch {
    return false
  }
}

function retiredKeys(db: Db, key: Buffer): RetiredKeys[] {
  const sealed = storedValue(db, RETIRED.row)
  try {
    return sealed === undefined ? [] : (JSON.parse(createVault(key).open(sealed, RETIRED)) as RetiredKeys[])
  } catch {
    return []
  }
}

function storedValue(db: Db, name: string): string | undefined {
  return db.prepare<[string], { value: string }>('SELECT value FROM settings WHERE name = ?').get(name)?.value
}

export function storeValue(db: Db, name: string, value: string, at: Date): void {
  db.prepare(
    `INSERT INTO settings (name, value, updated_at) VALUES (?, ?, ?)
     ON CONFLICT (name) DO UPDATE SET value = excluded.value, updated_at = excluded.updated_at`,
  ).run(name, value, at.toISOString())
}
