import { existsSync, readFileSync } from 'node:fs'
import { createVault, type Place } from '../vault.ts'
import type { Rows } from './chain.ts'

const CHECK: Place = { table: 'settings', row: 'vault_check', field: 'value' }
const RETIRED: Place = { table: 'settings', row: 'vault_retired', field: 'value' }

/**
 * The audit keys of a database that is only read: those of the first of these master keys that fits it, and of the master keys
 * before that one. Undefined where none fits.
 */
export function auditKeysOf(db: Rows, masterKeys: readonly Buffer[]): Buffer[] | undefined {
  const stored = db.prepare<[string], { value: string }>('SELECT value FROM settings WHERE name = ?')
  const check = stored.get(CHECK.row)?.value
  const vault = masterKeys.map((key) => createVault(key)).find((one) => check && opened(() => one.open(check, CHECK)))
  if (!vault) return undefined
  const sealed = stored.get(RETIRED.row)?.value
  const retired = sealed === undefined ? undefined : opened(() => vault.open(sealed, RETIRED))
  const earlier = JSON.parse(retired ?? '[]') as { audit: string }[]
  return [vault.derive('audit'), ...earlier.map(({ audit }) => Buffer.from(audit, 'base64'))]
}

/** The key in a file; none where there is no such file or no key in it. */
export function keyIn(file: string): Buffer[] {
  if (!existsSync(file)) return []
  const key = Buffer.from(readFileSync(file, 'utf8').trim(), 'base64')
  return key.length === 32 ? [key] : []
}

function opened(open: () => string): string | undefined {
  try {
    return open()
  } catch {
    return undefined
  }
}
