import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Config } from '../config.ts'
import type { Deps } from '../deps.ts'
import { messageOf } from '../errors.ts'
import { readSettings } from '../settings.ts'
import { backupResults } from './backups.ts'
import { browserSandbox } from './browser.ts'
import { addresses, encryption, privateHosts } from './exposure.ts'
import { backups, dataFolder, disk, masterKey } from './files.ts'
import { SEVERITIES, type Check, type Finding, type House } from './finding.ts'
import { domains, folders } from './lists.ts'
import { clock, node } from './machine.ts'
import { agents, apiKeys, grants, oneFactor } from './rights.ts'
import { amounts, guards, timeouts } from './settings.ts'
import { setupToken } from './setup-token.ts'

/** `ok` until something is critical. The worst comes first. */
export type Report = { items: Finding[]; ok: boolean }

export type Doctor = ReturnType<typeof createDoctor>

/**
 * Everything that is looked at. A further matter (such as MCP servers whose version is not fixed, once there are MCP servers)
 * is one more value in one of these lists.
 */
const CHECKS = { encryption, addresses, privateHosts, dataFolder, masterKey, disk, backups, node }
const CHECKS_OF_RECORDS = {
  backupResults,
  browserSandbox,
  guards,
  timeouts,
  amounts,
  apiKeys,
  oneFactor,
  agents,
  grants,
  folders,
  domains,
  setupToken,
  clock,
}

/** Reads a database; never writes. */
export type Rows = <T>(sql: string, ...values: unknown[]) => T[]

/** Looks for what exposes the house, and says how to mend it. `rows` reads its database, if there is one. */
export function examine(house: House, rows: Rows | undefined): Report {
  const found = rows ? [...all(CHECKS, house), ...ofRecords(house, rows)] : all(CHECKS, house)
  const items = SEVERITIES.flatMap((severity) => found.filter((finding) => finding.severity === severity))
  return { items, ok: !items.some(({ severity }) => severity === 'critical') }
}

function ofRecords(house: House, rows: Rows): Finding[] {
  return all(CHECKS_OF_RECORDS, { ...house, rows, settings: readSettings(rows) })
}

function all<H>(checks: Record<string, Check<H>>, house: H): Finding[] {
  return Object.entries(checks).flatMap(([name, check]) => attempt(name, check, house))
}

/** A matter that cannot be looked at is a finding itself, and keeps nobody from looking at the others. */
function attempt<H>(name: string, check: Check<H>, house: H): Finding[] {
  try {
    return check(house)
  } catch (error) {
    return [
      {
        id: `not-checked-${name}`,
        severity: 'warning',
        title: 'Something could not be looked at.',
        detail: `${name}: ${messageOf(error)}`,
        fix: 'Look whether Steward may read its data folder, and whether its database is of this version.',
      },
    ]
  }
}

/** Where Docker and Podman leave their mark. */
export function isContainer(): boolean {
  return existsSync('/.dockerenv') || existsSync(join('/run', '.containerenv'))
}

/** The doctor of a running house. */
export function createDoctor({ db, now, config }: Deps & { config: Config }) {
  const rows: Rows = (sql, ...values) => db.prepare(sql).all(...values) as never
  const house = () => ({ config, now: now(), nodeVersion: process.versions.node, inContainer: isContainer() })
  return { examine: (): Report => examine(house(), rows) }
}
