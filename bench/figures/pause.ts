import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { newAgent } from '../../tests/peers/agents.ts'
import { read, startModelApi } from '../../tests/peers/model-api.ts'
import { startSteward } from '../../tests/steward.ts'
import { pause as wait } from '../processes.ts'
import { limited, printTable, quantile, show, type Row } from '../table.ts'

const RUNS = 20
const ROUNDS = 100

/** From the moment that everything is paused until the last model call of twenty busy runs has begun. */
export async function pausing(): Promise<Row[]> {
  await using api = await startModelApi()
  const folder = mkdtempSync(join(tmpdir(), 'papers-'))
  writeFileSync(join(folder, 'a.txt'), 'Hello')
  let last = 0
  api.answer(() => {
    last = performance.now()
    return read(join(folder, 'a.txt'))
  })
  await using steward = await startSteward({ env: { ...api.env, LOG_LEVEL: 'error' } })
  const { owner } = steward
  await owner.post('/api/filesystem-whitelist', { path: folder })
  await owner.post('/api/settings/limits', { max_concurrent_runs: RUNS, max_tool_calls: 1000 })
  const { id } = await newAgent(owner, { max_tool_calls: 1000 })
  const late: number[] = []
  for (let round = 0; round < ROUNDS; round++) {
    if (round % 5 === 0) {
      await owner.post(`/api/agents/${id}/stop`)
      for (let n = 0; n < RUNS; n++) await owner.post(`/api/agents/${id}/run`, { message: 'Read on and on' })
    }
    await owner.post('/api/resume')
    await wait(150)
    const asked = performance.now()
    await owner.post('/api/pause')
    await wait(300)
    late.push(Math.max(0, last - asked))
  }
  printTable(
    ['last model call after pausing, ms', 'p50', 'p99', 'slowest'],
    [[`${RUNS} runs going`, ...[0.5, 0.99, 1].map((share) => show(quantile(late, share)))]],
  )
  return [limited({ figure: 'pause holds, p99', value: quantile(late, 0.99), unit: 'ms' }, 250)]
}
