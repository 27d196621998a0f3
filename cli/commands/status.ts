import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { cleanLine } from '../clean.ts'
import { command, CommandError, EXIT, SERVER_OPTIONS, type Call } from '../command.ts'
import { databaseIn } from '../house.ts'
import { connect, namedUrl, type Server } from '../server.ts'
import type { ToldQueue, ToldReport } from '../told.ts'

export default command({
  usage: '',
  help: `Whether Steward runs and is in order, what goes on and what waits. Where none answers on this machine, the data folder is
looked at (and it ends with 3). Without a sign-in or key it says what anybody may know.`,
  options: SERVER_OPTIONS,
  words: [0, 0],
  run: status,
})

async function status(call: Call): Promise<number> {
  const server = connect(call)
  try {
    return await ofServer(server, call)
  } catch (error) {
    const isAway = error instanceof CommandError && error.exit === EXIT.unreachable
    if (!isAway || namedUrl(call) !== undefined) throw error
    return ofFolder(server, error, call)
  }
}

async function ofServer(server: Server, { out }: Call): Promise<number> {
  const { version } = await server.get<{ version: string }>('/health')
  const ready = (await server.ask('GET', '/ready')).body as ToldReport
  const known = server.identity.by === 'nobody' ? undefined : await whoMayKnow(server)
  const told = { running: true, url: server.url, version, ...ready, ...known }
  if (out.json) out.value(told)
  else for (const line of inWords(told)) out.line(line)
  if (!known && !out.json) out.say('Sign in (steward login) or give a key to see what goes on.')
  return ready.status === 'unhealthy' ? EXIT.failed : EXIT.ok
}

async function whoMayKnow(server: Server): Promise<House> {
  const [house, queue, approvals] = await Promise.all([
    server.get<{ paused: boolean; agent_name: string }>('/api/status'),
    server.get<ToldQueue>('/api/queue'),
    server.get<{ total: number }>('/api/approvals?state=pending&limit=1'),
  ])
  return { ...house, queue, approvals_pending: approvals.total }
}

type House = { paused: boolean; queue: ToldQueue; approvals_pending: number }

function inWords(told: ToldReport & { url: string; version: string } & Partial<House>): string[] {
  const { url, version, status: state, warnings, issues, queue, approvals_pending, paused } = told
  const notes = [...issues, ...warnings].map((note) => `  ${cleanLine(note)}`)
  const head = `Steward ${version} runs at ${url}: ${state}${paused === true ? ', paused' : ''}.`
  if (queue === undefined) return [head, ...notes]
  const waiting = queue.items.map((item) => `  ${item.run_id}  ${item.status}: ${cleanLine(item.reason)}`)
  return [
    head,
    ...notes,
    `${queue.running} runs go, ${queue.queued} are queued, ${queue.waiting} wait for an answer, ${queue.paused} are held.`,
    ...waiting,
    `${approvals_pending} ${approvals_pending === 1 ? 'question waits' : 'questions wait'} for you.`,
  ]
}

/** What the data folder says of a Steward that does not answer. */
async function ofFolder(server: Server, away: CommandError, { env, out }: Call): Promise<number> {
  const { readConfig } = await import('../../services/config.ts')
  const { dataDir } = readConfig(env)
  const file = databaseIn(dataDir)
  if (!existsSync(file))
    throw new CommandError(EXIT.unreachable, `${away.message} There is no database at ${file} either.`)
  const told = { running: false, url: server.url, data_dir: dataDir, ...(await look(dataDir)) }
  if (out.json) out.value(told)
  else for (const line of folderInWords(told)) out.line(line)
  return EXIT.unreachable
}

async function look(dataDir: string) {
  const { readDatabase } = await import('../../db/reading.ts')
  const { SCHEMA_VERSION } = await import('../../db/open.ts')
  const { lockFile } = await import('../../services/data-folder.ts')
  const lock = join(dataDir, 'steward.lock')
  const free = existsSync(lock) ? lockFile(lock) : () => {}
  free?.()
  const found = await readDatabase(databaseIn(dataDir), ({ prepare, version }) => {
    if (version() !== SCHEMA_VERSION) return { schema: version() }
    const count = (sql: string) => (prepare(sql).get() as { n: number }).n
    return {
      schema: version(),
      runs_unfinished: count(
        `SELECT count(*) AS n FROM runs WHERE status IN ('queued', 'running', 'waiting', 'paused')`,
      ),
      approvals_pending: count(`SELECT count(*) AS n FROM approvals WHERE state = 'pending'`),
    }
  })
  return { in_use: free === undefined, ...found }
}

function folderInWords(
  told: { url: string; data_dir: string; in_use: boolean; schema: number } & Record<string, unknown>,
): string[] {
  const { url, data_dir, in_use, schema, runs_unfinished, approvals_pending } = told
  const head = in_use
    ? `A Steward runs on ${data_dir}, but none answers at ${url}. Set STEWARD_URL or --url to where it listens.`
    : `Steward does not run on ${data_dir}, and none answers at ${url}.`
  if (runs_unfinished === undefined)
    return [head, `Its database has the schema ${schema}, which is not that of this version.`]
  return [head, `${String(runs_unfinished)} runs are unfinished, ${String(approvals_pending)} questions wait.`]
}
