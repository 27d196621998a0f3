import { join } from 'node:path'
import Database from 'better-sqlite3'
import { newAgent } from '../../tests/peers/agents.ts'
import { startInside } from '../../tests/peers/inside.ts'
import { say, startModelApi } from '../../tests/peers/model-api.ts'
import { startSteward } from '../../tests/steward.ts'
import { pause, startModel } from '../processes.ts'
import { compared, limited, median, printTable, quantile, show, type Row } from '../table.ts'

const SUBMITS = 200
const RUNS = 1_000
const PLACES = 20

/** How soon a run reaches the model on an idle server, and how many trivial runs a second it works through. */
export async function engine(): Promise<Row[]> {
  const times = await submits()
  printTable(
    ['from submit to the first model request, ms', 'p50', 'p95', 'slowest'],
    [['one at a time', ...[0.5, 0.95, 1].map((share) => show(quantile(times, share)))]],
  )
  const { runs, bare } = await sustained()
  return [
    limited({ figure: 'submit to model request, p50', value: median(times), unit: 'ms' }, 5),
    compared({ figure: 'runs with full journal', value: runs, control: bare, unit: 'runs/s' }, { atLeast: 0.5 }),
  ]
}

async function submits(): Promise<number[]> {
  await using api = await startModelApi()
  let arrived = () => {}
  api.answer(() => (arrived(), say('Done.')))
  await using steward = await startSteward({ env: { ...api.env, LOG_LEVEL: 'error' } })
  const { id } = await newAgent(steward.owner)
  const times: number[] = []
  for (let n = 0; n < SUBMITS; n++) {
    const { promise, resolve } = Promise.withResolvers<void>()
    arrived = resolve
    const started = performance.now()
    void steward.owner.post(`/api/agents/${id}/run`)
    await promise
    times.push(performance.now() - started)
    await pause(20)
  }
  return times.slice(SUBMITS / 10)
}

/** Runs a second; and how many a bare better-sqlite3 allows that commits as often, on the same disk. */
async function sustained(): Promise<{ runs: number; bare: number }> {
  await using model = await startModel(1)
  await using steward = await startInside({ ANTHROPIC_API_KEY: 'bench', ANTHROPIC_BASE_URL: model.url })
  const { owner, services } = steward
  await owner.post('/api/settings/limits', { max_concurrent_runs: PLACES })
  const { id } = await newAgent(owner)
  await owner.post('/api/pause')
  for (let n = 0; n < RUNS; n++) await owner.post(`/api/agents/${id}/run`)
  const before = services.db.commits()
  const started = performance.now()
  await owner.post('/api/resume')
  while (Object.values(services.runStore.counts()).some((count) => count > 0)) await pause(10)
  const runs = RUNS / ((performance.now() - started) / 1000)
  const commitsARun = (services.db.commits() - before) / RUNS
  const bare = commitsASecond(join(steward.dataDir, 'bare.sqlite'), RUNS) / commitsARun
  console.log(`${commitsARun.toFixed(2)} commits a run`)
  return { runs, bare }
}

function commitsASecond(file: string, count: number): number {
  const db = new Database(file)
  db.pragma('journal_mode = WAL')
  db.pragma('synchronous = FULL')
  db.exec('CREATE TABLE steps (id INTEGER PRIMARY KEY, content TEXT NOT NULL) STRICT')
  const insert = db.prepare('INSERT INTO steps (content) VALUES (?)')
  const started = performance.now()
  for (let n = 0; n < count; n++) insert.run('x'.repeat(500))
  const rate = count / ((performance.now() - started) / 1000)
  db.close()
  return rate
}
