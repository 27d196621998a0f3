import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { openDb, type Db } from '../db/open.ts'
import { createAudit } from './audit.ts'
import { ConfigError, type Config } from './config.ts'
import { createEndings } from './endings.ts'
import { borrowVault } from './master-key.ts'
import { createPasswordChanges } from './password-changes.ts'
import { hashPassword } from './passwords.ts'
import { createRecoveryCodes } from './recovery-codes.ts'
import { createSessions } from './sessions.ts'
import { createSettings } from './settings.ts'
import { createTotp } from './totp.ts'
import { createUsers, type User } from './users.ts'

export type Rescue = {
  /** The only administrator, where nobody is named. */
  username?: string | undefined
  password: string
  disableTwoFactor?: boolean
}

/** Whom it was done for, and how else they can still come in. */
export type Rescued = { username: string; twoFactor: boolean; passkeys: number; apiKeys: number }

const BY = { userId: null, name: 'system' }

/** Opens the database of a data folder, whether Steward runs on it or not. Throws ConfigError where there is none. */
function withDatabase<T>({ dataDir }: Config, programDir: string, work: (db: Db) => T): T {
  const file = join(dataDir, 'steward.sqlite')
  if (!existsSync(file))
    throw new ConfigError(`There is no database at ${file}. Set DATA_DIR to the data folder of your Steward.`)
  const db = openDb(file, { schemaDir: join(programDir, 'db'), backupDir: join(dataDir, 'backups') })
  try {
    return work(db)
  } finally {
    db.close()
  }
}

function userNamed(db: Db, username: string | undefined): User {
  const users = createUsers({ db, now: () => new Date(), audit: { record: () => {} }, endings: createEndings() })
  if (username !== undefined) {
    const user = users.findByName(username)
    if (user) return user
    throw new ConfigError(`There is no user ${username} here.`)
  }
  const admins = users.activeAdmins()
  if (admins.length === 1) return admins[0]!
  const names = admins.map((user) => user.username).join(', ')
  throw new ConfigError(
    names ? `Say for whom, with --user: ${names}.` : 'Nobody is set up here yet. Start Steward first.',
  )
}

/** Whose password `rescue` would set; asked before anybody types one. Throws ConfigError. */
export function whomToRescue(config: Config, programDir: string, username?: string): string {
  return withDatabase(config, programDir, (db) => userNamed(db, username).username)
}

/**
 * Sets a password by somebody who has the data folder in hand: all sessions of the user end, also those of a Steward that
 * runs meanwhile. Throws ConfigError, or `invalid` for a password that is too short.
 */
export async function rescue(config: Config, programDir: string, wish: Rescue): Promise<Rescued> {
  const hash = await hashPassword(wish.password)
  return withDatabase(config, programDir, (db) => db.transact(() => rescueIn(db, config, wish, hash)))
}

function rescueIn(db: Db, { dataDir, masterKey }: Config, wish: Rescue, hash: string): Rescued {
  const base = { db, now: () => new Date() }
  const endings = createEndings()
  const vault = borrowVault({ db, dataDir, fromEnvironment: masterKey })
  const audit = createAudit({ ...base, vault, settings: createSettings(base) })
  const users = createUsers({ ...base, audit, endings })
  const sessions = createSessions({ ...base, endings })
  const totp = createTotp({ ...base, vault, audit, recoveryCodes: createRecoveryCodes(base) })
  const user = userNamed(db, wish.username)
  createPasswordChanges({ ...base, audit, users, sessions }).put(user, hash, {
    by: BY,
    action: 'password reset on the host',
  })
  if (wish.disableTwoFactor) totp.disable(user, BY)
  const count = (table: 'passkeys' | 'api_keys') =>
    db.prepare<[string], { n: number }>(`SELECT count(*) AS n FROM ${table} WHERE user_id = ?`).get(user.id)!.n
  return {
    username: user.username,
    twoFactor: totp.isActive(user.id),
    passkeys: count('passkeys'),
    apiKeys: count('api_keys'),
  }
}
