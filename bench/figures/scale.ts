import { randomUUID } from 'node:crypto'
import { cpSync } from 'node:fs'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { newAgent, worked } from '../../tests/peers/agents.ts'
import type { Client } from '../../tests/steward.ts'
import { scratch, startHouse, startModel } from '../processes.ts'
import { compared, median, type Row } from '../table.ts'

const RUNS = 100_000
const EVENTS_A_RUN = 10
const LOOKS = 200

type House = { owner: Client; runId: string; agentId: string }

/** The same questions to a house with a long past and to one with hardly any, in turns. */
export async function scale(): Promise<Row[]> {
  await using model = await startModel(10)
  const folder = scratch()
  const [small, large] = [join(folder, 'small'), join(folder, 'large')]
  const begun = await begin(model.url, small)
  cpSync(small, large, { recursive: true })
  fill(join(large, 'steward.sqlite'), begun)
  await using few = await startHouse(model.url, small)
  await using many = await startHouse(model.url, large)
  const houses = [few, many].map(({ owner }) => ({ owner, ...begun }))
  const rows: Row[] = []
  for (const [figure, path] of Object.entries(paths(begun))) {
    const times: [number[], number[]] = [[], []]
    for (let look = 0; look < LOOKS; look++)
      for (const [at, { owner }] of houses.entries()) {
        const started = performance.now()
        await owner.get(path)
        times[at]!.push(performance.now() - started)
      }
    const measured = { figure: `${figure}, p50`, value: median(times[1]), control: median(times[0]), unit: 'ms' }
    rows.push(compared(measured, { atMost: 2 }))
  }
  return rows
}

const paths = ({ runId, agentId }: Omit<House, 'owner'>) => ({
  'list of runs': '/api/runs?limit=20',
  'failed runs': '/api/runs?limit=20&status=failed',
  "an agent's runs": `/api/runs?limit=20&agent_id=${agentId}`,
  'one run': `/api/runs/${runId}`,
  'events of a run': `/api/runs/${runId}/events?after=0`,
  'events of an agent': `/api/agents/${agentId}/events?after=0&limit=50`,
  'an agent': `/api/agents/${agentId}`,
  conversations: '/api/conversations?per_page=20',
})

async function begin(modelUrl: string, dataDir: string): Promise<Omit<House, 'owner'>> {
  await using steward = await startHouse(modelUrl, dataDir)
  const { id: agentId } = await newAgent(steward.owner)
  let runId = ''
  for (let n = 0; n < 60; n++) runId = (await worked(steward.owner, agentId)).id
  return { agentId, runId }
}

/** Copies of what is there, with ids of their own. */
function fill(file: string, { runId }: { runId: string }): void {
  const db = new Database(file)
  db.pragma('synchronous = OFF')
  const columns = (table: string, without: string[]) =>
    (db.pragma(`table_info(${table})`) as { name: string }[])
      .map(({ name }) => name)
      .filter((n) => !without.includes(n))
  const run = columns('runs', ['number', 'id', 'conversation_id', 'status'])
  const conversation = columns('conversations', ['id'])
  const event = columns('events', ['seq', 'run_id', 'conversation_id'])
  const addConversation = db.prepare(
    `INSERT INTO conversations (id, ${conversation}) SELECT ?, ${conversation} FROM conversations WHERE id = (SELECT conversation_id FROM runs WHERE id = ?)`,
  )
  const addRun = db.prepare(
    `INSERT INTO runs (id, conversation_id, status, ${run}) SELECT ?, ?, ?, ${run} FROM runs WHERE id = ?`,
  )
  const addEvent = db.prepare(
    `INSERT INTO events (run_id, conversation_id, ${event}) SELECT ?, ?, ${event} FROM events WHERE run_id = ? LIMIT 1`,
  )
  db.transaction(() => {
    for (let n = 0; n < RUNS; n++) {
      const [id, place] = [randomUUID(), randomUUID()]
      addConversation.run(place, runId)
      addRun.run(id, place, n % 50 === 0 ? 'failed' : 'succeeded', runId)
      for (let e = 0; e < EVENTS_A_RUN; e++) addEvent.run(id, place, runId)
    }
  })()
  db.close()
}
