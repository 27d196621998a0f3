import { join } from 'node:path'
import { makeKey } from '../../tests/steward.ts'
import { newAgent } from '../../tests/peers/agents.ts'
import { load } from '../load.ts'
import { scratch, startHouse, startListControl, startModel } from '../processes.ts'
import { compared, limited, median, printTable, quantile, show, type Row } from '../table.ts'

const AGENTS = 50
const ROUNDS = 7
const REQUESTS = 600
const FEW = 8
const CROWD = 1_000
const CROWD_REQUESTS = 8_000

/** What a list costs over the same queries and JSON without anything around them, and how a crowd of clients fares. */
export async function rest(): Promise<Row[]> {
  await using model = await startModel(1)
  const dataDir = join(scratch(), 'data')
  await using steward = await startHouse(model.url, dataDir)
  const key = await makeKey(steward.owner, ['read'])
  const { id: userId } = (await steward.owner.get<{ id: string }>('/api/auth/me')).body
  for (let n = 0; n < AGENTS; n++)
    await newAgent(steward.owner, { name: `Agent ${n}`, schedule: '0 8 * * *', allowed_tools: ['web'] })
  await using control = await startListControl(join(dataDir, 'steward.sqlite'), userId)
  const list = { ours: `${steward.url}/api/agents`, theirs: `${control.url}/api/agents` }
  const headers = { 'x-api-key': key }
  await load(list.ours, headers, FEW, REQUESTS)
  await load(list.theirs, {}, FEW, REQUESTS)

  const speeds: [number[], number[]] = [[], []]
  for (let round = 0; round < ROUNDS; round++) {
    speeds[0].push((await load(list.ours, headers, FEW, REQUESTS)).perSecond)
    speeds[1].push((await load(list.theirs, {}, FEW, REQUESTS)).perSecond)
  }
  const crowd = await load(`${steward.url}/api/status`, headers, CROWD, CROWD_REQUESTS)
  const [p50, p99] = [quantile(crowd.ms, 0.5), quantile(crowd.ms, 0.99)]
  printTable(
    [`${CROWD} keep-alive clients`, 'p50 ms', 'p99 ms', 'slowest ms', 'answers/s', 'failed'],
    [['GET /api/status', ...[p50, p99, quantile(crowd.ms, 1), crowd.perSecond].map(show), String(crowd.failed)]],
  )
  return [
    compared(
      {
        figure: `GET /api/agents, ${AGENTS} rows`,
        value: median(speeds[0]),
        control: median(speeds[1]),
        unit: 'answers/s',
      },
      { atLeast: 0.5 },
    ),
    compared({ figure: `${CROWD} clients, p99 over p50`, value: p99, control: p50, unit: 'ms' }, { atMost: 10 }),
    limited({ figure: `${CROWD} clients, failed answers`, value: crowd.failed, unit: 'answers' }, 0),
  ]
}
