import { existsSync } from 'node:fs'
import { SCHEMA_VERSION } from '../../db/open.ts'
import { readDatabase } from '../../db/reading.ts'
import { ConfigError, readConfig, type Config } from '../../services/config.ts'
import { examine, isContainer, type Report } from '../../services/doctor/doctor.ts'
import type { Finding } from '../../services/doctor/finding.ts'
import { messageOf } from '../../services/errors.ts'
import { command, CommandError, EXIT, SERVER_OPTIONS, type Call } from '../command.ts'
import { databaseIn } from '../house.ts'
import { connect, namedUrl } from '../server.ts'

const MARKS = { critical: '!!', warning: ' !', info: '  ' }

export default command({
  usage: '',
  help: `What exposes the house and how to mend it: of the data folder here (DATA_DIR), whether Steward runs or not; with --url or
STEWARD_URL, of the Steward there (a key needs the scope admin). Only reads. Ends with 1 where something is critical.`,
  options: SERVER_OPTIONS,
  words: [0, 0],
  run: doctor,
})

async function doctor(call: Call): Promise<number> {
  const { out } = call
  const found: Report = namedUrl(call) === undefined ? await reportHere(call) : await connect(call).get('/api/doctor')
  if (out.json) out.value({ items: found.items, ok: found.ok })
  else out.line(inWords(found))
  return found.ok ? EXIT.ok : EXIT.failed
}

async function reportHere(call: Call): Promise<Report> {
  try {
    return await report(call)
  } catch (error) {
    throw new CommandError(EXIT.failed, `The doctor could not look: ${messageOf(error)}`)
  }
}

async function report({ env }: Call): Promise<Report> {
  const config = configOrFinding(env)
  if ('id' in config) return { items: [config], ok: false }
  const house = { config, now: new Date(), nodeVersion: process.versions.node, inContainer: isContainer() }
  const file = databaseIn(config.dataDir)
  if (!existsSync(file)) return withFinding(examine(house, undefined), noDatabase(file))
  return readDatabase(file, ({ prepare, version }) =>
    version() === SCHEMA_VERSION
      ? examine(house, (sql, ...values) => prepare(sql).all(...values) as never)
      : withFinding(examine(house, undefined), otherVersion(file, version())),
  )
}

function configOrFinding(env: Call['env']): Config | Finding {
  try {
    return readConfig(env)
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    const title = 'Steward does not start with this environment.'
    const fix = 'Change what the line above names.'
    return { id: 'environment', severity: 'critical', title, detail: error.message, fix }
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
