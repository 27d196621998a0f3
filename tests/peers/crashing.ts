import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { startSteward, type Client, type Steward } from '../steward.ts'
import { newAgent } from './agents.ts'
import { withDatabase } from './database.ts'
import { say, startModelApi, use, write, type Reply, type Request } from './model-api.ts'
import { startReceiver } from './receiver.ts'

/** Runs that write files and send messages, in a process that is killed again and again; what became of each. */

export type CrashPlan = { seed: number; seconds: number; kills: number; log?: (line: string) => void }

export type Fate = {
  status: string
  files: boolean[]
  /** How often its message arrived. */
  sent: number
  /** The owner was asked whether it had. */
  asked: boolean
}

export type CrashReport = {
  kills: number
  fates: Fate[]
  /** Messages that belong to no run. */
  strangers: number
  /** Files that were written more than once. */
  overwritten: number
  unfinished: number
  gaps: number
  headless: number
  integrity: string
}

const SLOWEST_START_MS = 700
const QUIET_MS = 90_000

/**
 * Kills for at least so many seconds and times, then lets everything come to its end, answering what is asked: yes where
 * the message arrived, once more where it did not.
 */
export async function crash(plan: CrashPlan): Promise<CrashReport> {
  const random = generator(plan.seed)
  const dataDir = mkdtempSync(join(tmpdir(), 'steward-crash-'))
  const folder = mkdtempSync(join(tmpdir(), 'papers-'))
  await using receiver = await startReceiver()
  await using api = await startModelApi()
  api.answer((request) => scripted(request, folder))
  const start = (): Promise<Steward> => startSteward({ dataDir, env: { ...api.env, LOG_LEVEL: 'error' } })
  const agentId = await prepare(await start(), folder, receiver.url)
  const runs = new Map<string, string>()
  let number = 0

  async function submitNext(owner: Client): Promise<void> {
    const key = `run-${++number}`
    while (!runs.has(key)) {
      const { body } = await owner.post(
        `/api/agents/${agentId}/run`,
        { message: `Do ${key}.` },
        { headers: { 'idempotency-key': key } },
      )
      if (body.run_id) runs.set(key, body.run_id)
      else await sleep(20)
    }
  }

  async function submit(owner: Client): Promise<void> {
    for (;;) {
      await submitNext(owner)
      await sleep(random() * 120)
    }
  }

  const until = Date.now() + plan.seconds * 1000
  let kills = 0
  for (; kills < plan.kills || Date.now() < until; kills++) {
    const steward = await start()
    // @NOTE a request that the death of the server broke off is made again with its key after the next start.
    const going = submit(steward.owner).catch(() => number--)
    await sleep(random() * SLOWEST_START_MS)
    await steward.kill()
    await going
    if (kills % 25 === 24) plan.log?.(`${kills + 1} kills, ${runs.size} runs`)
  }

  await using steward = await start()
  await submitNext(steward.owner)
  const counted = (id: string) => receiver.received.filter((one) => one.id === id).length
  const unfinished = await quiet(steward.owner, counted)
  const fates = await Promise.all([...runs].map(([key, id]) => fateOf(steward.owner, { key, id, folder, counted })))
  const calls = new Set(fates.flatMap(({ calls: ids }) => ids))
  const strangers = receiver.received.filter(({ id }) => !calls.has(id)).length
  const { total } = (await steward.owner.get('/api/trash')).body
  await steward.kill()
  const record = withDatabase(dataDir, (db) => ({
    gaps: db.prepare('SELECT max(seq) - min(seq) + 1 - count(*) AS n FROM events').pluck().get() as number,
    headless: db
      .prepare(
        `SELECT count(*) FROM runs WHERE NOT EXISTS (SELECT 1 FROM events WHERE seq = runs.first_seq AND type = 'user_message' AND run_id = runs.id)
           OR (ended_at IS NOT NULL AND (SELECT type FROM events WHERE run_id = runs.id ORDER BY seq DESC LIMIT 1) NOT IN ('done', 'error'))`,
      )
      .pluck()
      .get() as number,
    integrity: db.pragma('integrity_check', { simple: true }) as string,
  }))
  for (const place of [dataDir, folder]) rmSync(place, { recursive: true, force: true })
  return { kills, fates, strangers, overwritten: total, unfinished, ...record }
}

async function prepare(steward: Steward, folder: string, url: string): Promise<string> {
  const { owner } = steward
  await owner.post('/api/filesystem-whitelist', { path: folder, written_by: 'me' })
  await owner.post('/api/webhook-targets', { name: 'sink', url, owner: true })
  const { id } = await newAgent(owner, { allowed_tools: ['filesystem', 'webhook'] })
  await steward.stop()
  return id
}

/** What each run does follows from what it was told and how far it is, so that it is the same after every start. */
function scripted(request: Request, folder: string): Reply {
  const key = /Do (run-\d+)\./.exec(JSON.stringify(request.messages[0]))![1]!
  const turn = request.messages.filter(({ role }) => role === 'assistant').length
  if (turn === 0) return write(join(folder, `${key}.first`), key)
  if (turn === 1) return write(join(folder, `${key}.second`), key)
  if (turn === 2) return use('webhook', { operation: 'send_to_target', target: 'sink', body: { key } })
  return say(`${key} is done.`)
}

/** How many runs are still not over when nothing moves any more. */
async function quiet(owner: Client, counted: (id: string) => number): Promise<number> {
  const until = Date.now() + QUIET_MS
  let left = Infinity
  while (left > 0 && Date.now() < until) {
    const { items } = (await owner.get('/api/approvals?state=pending&limit=200')).body
    for (const { id, kind, call_id } of items)
      if (kind === 'uncertain')
        await owner.post(`/api/approvals/${id}`, { decision: counted(call_id) > 0 ? 'done' : 'again' })
    const { running, queued, waiting, paused } = (await owner.get('/api/queue')).body
    left = running + queued + waiting + paused
    await sleep(50)
  }
  return left
}

type Traced = { key: string; id: string; folder: string; counted: (id: string) => number }

async function fateOf(owner: Client, { key, id, folder, counted }: Traced): Promise<Fate & { calls: string[] }> {
  const { body } = await owner.get(`/api/runs/${id}`)
  const calls: string[] = body.calls
    .filter((call: any) => call.tool_name === 'webhook')
    .map((call: any) => call.call_id)
  const files = ['first', 'second'].map((name) => {
    const file = join(folder, `${key}.${name}`)
    return existsSync(file) && readFileSync(file, 'utf8') === key
  })
  const approvals = (await owner.get(`/api/approvals?limit=200`)).body.items
  const asked = approvals.some((one: any) => one.run_id === id && one.kind === 'uncertain')
  return { status: body.status, files, sent: calls.reduce((sum, call) => sum + counted(call), 0), asked, calls }
}

/** The same numbers for the same seed (mulberry32). */
function generator(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}
