import { existsSync } from 'node:fs'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { SCHEMA_VERSION } from './db/open.ts'
import { ConfigError, readConfig, type Config } from './services/config.ts'
import { examine, isContainer, type Report, type Rows } from './services/doctor/doctor.ts'
import type { Finding } from './services/doctor/finding.ts'
import { readEnvironment } from './services/environment.ts'
import { messageOf } from './services/errors.ts'

/** `npm run doctor`: what GET /api/doctor says, whether Steward runs or not. It reads and changes nothing; `--json` for programs. */

const MARKS = { critical: '!!', warning: ' !', info: '  ' }

function report(): Report {
  const config = configOrFinding()
  if ('id' in config) return { items: [config], ok: false }
  const now = new Date()
  const house = { config, now, nodeVersion: process.versions.node, inContainer: isContainer() }
  const file = join(config.dataDir, 'steward.sqlite')
  if (!existsSync(file)) return withFinding(examine(house, undefined), noDatabase(file))
  return withDatabase(file, (rows, version) =>
    version === SCHEMA_VERSION
      ? examine(house, rows)
      : withFinding(examine(house, undefined), otherVersion(file, version)),
  )
}

function configOrFinding(): Config | Finding {
  try {
    return readConfig(readEnvironment(process.env))
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    const title = 'Steward does not start with this environment.'
    return {
      id: 'environment',
      severity: 'critical',
      title,
      detail: error.message,
      fix: 'Change what the line above names.',
    }
  }
}

function withDatabase(file: string, work: (rows: Rows, version: number) => Report): Report {
  const db = new Database(file, { readonly: true, timeout: 5_000 })
  try {
    const version = db.pragma('user_version', { simple: true }) as number
    return work((sql, ...values) => db.prepare(sql).all(...values) as never, version)
  } finally {
    db.close()
  }
}

const noDatabase = (file: string): Finding => ({
  id: 'no-database',
  severity: 'info',
  title: 'There is no database here yet.',
  detail: `${file} does not exist.`,
  fix: 'Start Steward, or set DATA_DIR to the folder of the one you mean.',
})

const otherVersion = (file: string, version: number): Finding => ({
  id: 'other-version',
  severity: 'warning',
  title: 'The database is of another version, so what is in it was not looked at.',
  detail: `${file} has the schema ${version}; this version knows ${SCHEMA_VERSION}.`,
  fix:
    version < SCHEMA_VERSION
      ? 'Start this version of Steward once, then look again.'
      : 'Use the doctor of that version.',
})

const withFinding = ({ items, ok }: Report, more: Finding): Report => ({ items: [...items, more], ok })

function inWords({ items }: Report): string {
  const parts = items.map(({ severity, title, detail, fix }) =>
    [`${MARKS[severity]} ${severity}: ${title}`, `      ${detail}`, `      → ${fix}`].join('\n'),
  )
  const count = (wanted: string) => items.filter(({ severity }) => severity === wanted).length
  return [...parts, `${count('critical')} critical, ${count('warning')} warnings, ${count('info')} to know.`].join(
    '\n\n',
  )
}

try {
  const found = report()
  process.stdout.write(`${process.argv.includes('--json') ? JSON.stringify(found) : inWords(found)}\n`)
  process.exitCode = found.ok ? 0 : 1
} catch (error) {
  process.stderr.write(`The doctor could not look: ${messageOf(error)}\n`)
  process.exitCode = 1
}
