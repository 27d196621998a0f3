import { existsSync, readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { enableCompileCache } from 'node:module'
import type { AddressInfo } from 'node:net'
import { basename, extname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { DatabaseRefused, openDb } from './db/open.ts'
import { buildApp, sessionHandler } from './routes/index.ts'
import { inTurns } from './routes/turns.ts'
import { serveChat } from './routes/chat-socket.ts'
import { boundStrangers, refuseBroken, SERVER_OPTIONS } from './routes/connections.ts'
import { addressReader } from './routes/sign-in.ts'
import { ConfigError, readConfig, type Config } from './services/config.ts'
import { takeDataFolder } from './services/data-folder.ts'
import { readEnvironment } from './services/environment.ts'
import type { Tool } from './services/agent/tool.ts'
import { createServices } from './services/index.ts'
import { createLog, type Log } from './services/log.ts'
import type { Mailer } from './services/mailer.ts'
import type { NetworkEdge } from './services/outgoing/connect.ts'

/** How long a stop waits for what goes on; the whole stop is over within ten seconds. */
const GRACE_MS = 5_000
const LONGEST_STOP_MS = 9_000

/** So many may knock in one moment; beyond it the system lets them wait for seconds before they may knock again. */
const BACKLOG = 4_096

const HERE = import.meta.dirname
const PROGRAM_DIR = basename(HERE) === 'dist' ? join(HERE, '..') : HERE

/** A thread's own file, built or not. */
const workerAt = (path: string): URL => new URL(`./${path}${extname(import.meta.filename)}`, import.meta.url)

export type Steward = { url: string; log: Log; services: ReturnType<typeof createServices>; stop: () => Promise<void> }

/**
 * Tools beside those of the house; they are declared, offered and decided like any other. `edge` stands in for the system's
 * name server and for the patience with foreign servers; `mailer` sends what the house itself has to say, in place of its mail accounts.
 * `idle`: it answers, and does no work by itself; so a new version is tried on a copy of a database (scripts/update.mjs).
 */
export type Further = { tools?: readonly Tool[]; edge?: NetworkEdge; mailer?: Mailer; idle?: boolean }

/** Starts everything, from what knows nothing to what knows the most; resolves once it listens. */
export async function start(
  config: Config,
  now: () => Date = () => new Date(),
  further: Further = {},
): Promise<Steward> {
  const folder = takeDataFolder(config.dataDir)
  const db = openDb(folder.database, { schemaDir: join(PROGRAM_DIR, 'db'), backupDir: folder.backups })
  let mask = (line: string) => line
  const log = createLog(config.logLevel, (line) => mask(line))
  const services = createServices({
    config,
    folder,
    db,
    log,
    now,
    version: (JSON.parse(readFileSync(join(PROGRAM_DIR, 'package.json'), 'utf8')) as { version: string }).version,
    programDir: PROGRAM_DIR,
    toolSchemaFile: join(PROGRAM_DIR, 'dist', 'tools.json'),
    furtherTools: further.tools ?? [],
    edge: further.edge,
    mailer: further.mailer,
    workers: {
      page: workerAt('services/web/worker'),
      backup: workerAt('services/backups/worker'),
      mail: workerAt('services/mail/parse-worker'),
      calendar: workerAt('services/dav/ical/worker'),
    },
  })
  mask = services.credentials.mask

  const session = sessionHandler(services, config)
  const documentFile = join(PROGRAM_DIR, 'dist', 'openapi.json')
  const app = buildApp({ services, config, log, session, pageDir: join(PROGRAM_DIR, 'public', 'dist'), documentFile })
  const server = createServer(SERVER_OPTIONS, inTurns(app))
  const vouch = boundStrangers(server, config)
  refuseBroken(server)
  const closeSockets = serveChat(server, { services, config, log, session, vouch, addressOf: addressReader(app) })
  const url = await listen(server, config)
  if (!further.idle) services.start()
  announce(url, config, services.setup.token())

  async function stop(): Promise<void> {
    const closed = new Promise((resolve) => server.close(resolve))
    server.closeIdleConnections()
    await services.stop(GRACE_MS)
    closeSockets()
    server.closeAllConnections()
    await closed
    db.close()
    folder.release()
  }
  return { url, log, services, stop }
}

async function listen(server: ReturnType<typeof createServer>, config: Config): Promise<string> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) =>
      reject(new ConfigError(`Cannot listen on HOST=${config.host} PORT=${config.port}: ${error.message}`)),
    )
    server.listen(config.port, config.host, BACKLOG, resolve)
  })
  const { port } = server.address() as AddressInfo
  const wild: Record<string, string> = { '0.0.0.0': '127.0.0.1', '::': '[::1]' }
  const host = wild[config.host] ?? (config.host.includes(':') ? `[${config.host}]` : config.host)
  return `http://${host}:${port}`
}

function announce(url: string, config: Config, token: string | undefined): void {
  const line = JSON.stringify({ level: 'info', time: new Date().toISOString(), msg: 'listening', url })
  const place = config.publicUrl?.origin ?? url
  process.stdout.write(token === undefined ? `${line}\n` : `${line}\nOpen ${place}/setup?token=${token}\n`)
}

async function main(): Promise<void> {
  enableCompileCache()
  // @NOTE whatever is written, the database too, is for this user of the machine alone.
  process.umask(0o077)
  const config = readConfig(readEnvironment(process.env))
  const started = start(config, () => new Date(), { idle: process.argv.includes('--check') })
  let stopping = false
  const end = () => {
    if (stopping) return
    stopping = true
    setTimeout(() => process.exit(0), LONGEST_STOP_MS).unref()
    started.then(({ stop }) => stop()).then(() => process.exit(0), fatal)
  }
  // @NOTE before it says that it listens, so that whoever reads that line may stop it.
  process.on('SIGTERM', end).on('SIGINT', end)
  // @NOTE work that nobody waits for must not end the process; what it was is on disk and in the log.
  process.on(
    'unhandledRejection',
    (error) => void started.then(({ log }) => log.error({ err: error }, 'nobody waited for this')),
  )
  await started
}

function fatal(error: unknown): never {
  const expected = error instanceof ConfigError || error instanceof DatabaseRefused
  process.stderr.write(
    `${expected ? error.message.replace(/\s+/g, ' ') : error instanceof Error ? error.stack : String(error)}\n`,
  )
  process.exit(1)
}

if (
  process.argv[1] !== undefined &&
  existsSync(process.argv[1]) &&
  fileURLToPath(import.meta.url).startsWith(process.argv[1].replace(/\.[jt]s$/, ''))
) {
  main().catch(fatal)
}
