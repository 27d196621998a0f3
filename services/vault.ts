import { createCipheriv, createDecipheriv, createHash, hkdfSync, randomBytes } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Db } from '../db/open.ts'
import { ConfigError } from './config.ts'
import { writePrivateFile } from './private-file.ts'

/** Where a sealed value belongs; it opens nowhere else (bound as associated data, NIST SP 800-38D). */
export type Place = { table: string; row: string; field: string }

export type Vault = ReturnType<typeof createVault>

const NONCE_BYTES = 12
const TAG_BYTES = 16

/**
 * Encrypts what must not be read from a stolen database: AES-256-GCM with a random nonce,
 * `v1.<key id>.<nonce>.<data+tag>`, parts in base64url.
 * `seal` and `open` are inverse for the same Place; `open` throws for another place, another key or a changed byte.
 * `derive` gives 32 bytes for another purpose (RFC 5869, HKDF-SHA-256), so that no key serves two.
 */
export function createVault(masterKey: Buffer) {
  const derive = (purpose: string): Buffer => Buffer.from(hkdfSync('sha256', masterKey, '', `steward/${purpose}`, 32))
  const key = derive('vault')
  const keyId = createHash('sha256').update(derive('key-id')).digest('hex').slice(0, 8)

  function seal(value: string, place: Place): string {
    const nonce = randomBytes(NONCE_BYTES)
    const cipher = createCipheriv('aes-256-gcm', key, nonce)
    cipher.setAAD(boundTo(place))
    const sealed = Buffer.concat([cipher.update(value, 'utf8'), cipher.final(), cipher.getAuthTag()])
    return `v1.${keyId}.${nonce.toString('base64url')}.${sealed.toString('base64url')}`
  }

  function open(sealed: string, place: Place): string {
    const [version, id, nonce, data] = sealed.split('.')
    if (version !== 'v1' || id !== keyId || !nonce || !data) throw new Error(`Not sealed with this key: ${place.table}`)
    const bytes = Buffer.from(data, 'base64url')
    const decipher = createDecipheriv('aes-256-gcm', key, Buffer.from(nonce, 'base64url'))
    decipher.setAAD(boundTo(place))
    decipher.setAuthTag(bytes.subarray(-TAG_BYTES))
    return Buffer.concat([decipher.update(bytes.subarray(0, -TAG_BYTES)), decipher.final()]).toString('utf8')
  }

  return { keyId, derive, seal, open, recoveryKey: () => masterKey.toString('base64') }
}

function boundTo(place: Place): Buffer {
  return Buffer.from(JSON.stringify(['steward', place.table, place.row, place.field]))
}

const CHECK: Place = { table: 'settings', row: 'vault_check', field: 'value' }

/**
 * The master key: from the environment, else from DATA_DIR/master.key, else made now (never when the database already
 * holds sealed values). Throws ConfigError when the key does not fit the database.
 */
export function openVault(options: { db: Db; dataDir: string; fromEnvironment: Buffer | undefined }): Vault {
  const sealed = options.db
    .prepare<[], { value: string }>(`SELECT value FROM settings WHERE name = 'vault_check'`)
    .get()
  const vault = createVault(options.fromEnvironment ?? keyFile(options.dataDir, sealed !== undefined))
  if (sealed) return checked(vault, sealed.value)
  options.db
    .prepare(`INSERT INTO settings (name, value, updated_at) VALUES ('vault_check', ?, ?)`)
    .run(vault.seal('steward', CHECK), new Date().toISOString())
  return vault
}

function checked(vault: Vault, sealed: string): Vault {
  try {
    vault.open(sealed, CHECK)
    return vault
  } catch {
    throw new ConfigError(
      'The master key does not fit this database. Set STEWARD_MASTER_KEY to the recovery key shown at set-up, or put the right master.key back into DATA_DIR.',
    )
  }
}

function keyFile(dataDir: string, mustExist: boolean): Buffer {
  const file = join(dataDir, 'master.key')
  if (existsSync(file)) return parseKey(file)
  if (mustExist) {
    throw new ConfigError(
      `${file} is missing, and without it the credentials in this database cannot be read. Put it back, or set STEWARD_MASTER_KEY to the recovery key shown at set-up.`,
    )
  }
  const key = randomBytes(32)
  writePrivateFile(file, `${key.toString('base64')}\n`)
  return key
}

function parseKey(file: string): Buffer {
  const key = Buffer.from(readFileSync(file, 'utf8').trim(), 'base64')
  if (key.length === 32) return key
  throw new ConfigError(`${file} does not hold a key; expected 32 bytes in base64.`)
}
