import { randomBytes } from 'node:crypto'
import { existsSync, readFileSync, renameSync } from 'node:fs'
import type { Actor, Audit } from './audit.ts'
import type { Deps } from './deps.ts'
import { AppError } from './errors.ts'
import { CHECK, keyFiles, keyText, RETIRED, storeValue } from './master-key.ts'
import { syncFolder, writePrivateFile } from './private-file.ts'
import { createVault, type RetiredKeys, type Vault } from './vault.ts'

/** Every column that holds sealed values: the column, and how its Place is called. */
const SEALED = [
  { table: 'credentials', id: 'key', column: 'sealed', field: 'value' },
  { table: 'webhook_targets', id: 'id', column: 'sealed', field: 'secret' },
  { table: 'users', id: 'id', column: 'totp_sealed', field: 'totp' },
  { table: 'email_accounts', id: 'id', column: 'imap_sealed', field: 'imap_password' },
  { table: 'email_accounts', id: 'id', column: 'smtp_sealed', field: 'smtp_password' },
  { table: 'telegram_bots', id: 'user_id', column: 'sealed', field: 'token' },
  { table: 'browser_sessions', id: 'id', column: 'sealed', field: 'cookies' },
] as const

/** `resealed` values are under the new key; `unreadable` ones could not be opened before and stay as they were. */
export type Rotated = { recoveryKey: string; resealed: number; unreadable: number }

export type RotationDeps = Deps & {
  vault: Vault
  audit: Pick<Audit, 'record'>
  dataDir: string
  /** The master key comes from the environment, where we cannot write. */
  keyInEnvironment: boolean
  /** Ends whoever is signed in by the old key, in the transaction. */
  endSessions?: (keepId: string | undefined) => void
}

export type Rotation = ReturnType<typeof createRotation>

/**
 * Changes the master key. Everything sealed is sealed anew in one transaction; what was signed before stays verifiable by
 * the keys the vault keeps (`deriveAll`). The new key is on disk beside the old one before the transaction and takes its
 * place after it, so that after a crash at any instant the key that fits is there (services/master-key.ts).
 */
export function createRotation(deps: RotationDeps) {
  const { db, now, vault } = deps

  function reseal({ table, id, column, field }: (typeof SEALED)[number], next: Vault): { done: number; lost: number } {
    const all = db.prepare<[], { row: string; sealed: string }>(
      `SELECT ${id} AS row, ${column} AS sealed FROM ${table} WHERE ${column} IS NOT NULL`,
    )
    const put = db.prepare(`UPDATE ${table} SET ${column} = ? WHERE ${id} = ?`)
    let lost = 0
    const rows = all.all()
    for (const { row, sealed } of rows) {
      const value = readable(() => vault.open(sealed, { table, row, field }))
      if (value === undefined) lost++
      else put.run(next.seal(value, { table, row, field }), row)
    }
    return { done: rows.length - lost, lost }
  }

  /** The entry is the last one that the old key signs. */
  function resealAll(key: Buffer, retired: RetiredKeys[], by: Actor, keepSession: string | undefined): Rotated {
    const next = createVault(key)
    return db.transact(() => {
      db.afterCommit(() => vault.become(key, retired))
      const counts = SEALED.map((place) => reseal(place, next))
      storeValue(db, CHECK.row, next.seal('steward', CHECK), now())
      storeValue(db, RETIRED.row, next.seal(JSON.stringify(retired), RETIRED), now())
      deps.endSessions?.(keepSession)
      deps.audit.record({ kind: 'credential', action: 'rotated', subject: 'master key', by })
      const sum = (which: 'done' | 'lost') => counts.reduce((total, count) => total + count[which], 0)
      return { recoveryKey: key.toString('base64'), resealed: sum('done'), unreadable: sum('lost') }
    })
  }

  /** Old sealed values must not be found in the write-ahead log either. */
  const forgetOld = (): void => void db.sqlite.pragma('wal_checkpoint(TRUNCATE)')

  /** @NOTE a key that is in use is never written over, also where it could not take its place the last time. */
  function finishEarlier(): void {
    const { present, next } = keyFiles(deps.dataDir)
    if (existsSync(next) && readFileSync(next, 'utf8').trim() === vault.recoveryKey()) renameSync(next, present)
  }

  function withKeyFile(work: (key: Buffer) => Rotated): Rotated {
    const { present, next } = keyFiles(deps.dataDir)
    const key = randomBytes(32)
    finishEarlier()
    writePrivateFile(next, keyText(key))
    syncFolder(deps.dataDir)
    const rotated = work(key)
    renameSync(next, present)
    syncFolder(deps.dataDir)
    return rotated
  }

  return {
    /** A key of our own making, into the key file. Throws `conflict` where the key comes from the environment. */
    rotate(by: Actor, keepSession?: string): Rotated {
      if (deps.keyInEnvironment)
        throw new AppError(
          'conflict',
          'The master key comes from STEWARD_MASTER_KEY, which Steward cannot change. Stop Steward, run npm run rotate-key with the new key in NEW_STEWARD_MASTER_KEY, and start it with that one.',
        )
      const retired = vault.retire()
      const rotated = withKeyFile((key) => resealAll(key, retired, by, keepSession))
      forgetOld()
      return rotated
    },

    /** A key that the owner made, which will come from the environment from now on. */
    rotateTo(key: Buffer, by: Actor): Rotated {
      const rotated = resealAll(key, vault.retire(), by, undefined)
      forgetOld()
      return rotated
    },
  }
}

function readable(open: () => string): string | undefined {
  try {
    return open()
  } catch {
    return undefined
  }
}
