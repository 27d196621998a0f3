import { join } from 'node:path'
import { pause, rss, scratch, startControl, startHouse, startModel } from '../processes.ts'
import { compared, median, printTable, quantile, show, type Row } from '../table.ts'
import { ask, sideOf, stewardSide } from '../talk.ts'

const STARTS = 15
const IDLE_STARTS = 3
const IDLE_MS = 3_000
const TURNS_BEFORE = 20

type Place = { modelUrl: string; dataDir: string; database: string }

/** From the start of the process to its listening, with a database that is there; and what it holds when idle. */
export async function start(): Promise<Row[]> {
  await using model = await startModel(10)
  const folder = scratch()
  const place = { modelUrl: model.url, dataDir: join(folder, 'data'), database: join(folder, 'control.sqlite') }
  await fill(place)
  const times = { steward: [] as number[], control: [] as number[] }
  for (let n = 0; n < STARTS; n++) {
    times.steward.push(await timed(() => startHouse(place.modelUrl, place.dataDir, false)))
    times.control.push(await timed(() => startControl(place.modelUrl, place.database)))
  }
  const idle = await idleMemory(place)
  printTable(
    ['start to listening, ms', 'fastest', 'median', 'slowest'],
    Object.entries(times).map(([name, all]) => [name, ...[0, 0.5, 1].map((share) => show(quantile(all, share)))]),
  )
  return [
    compared(
      { figure: 'start to listening', value: median(times.steward), control: median(times.control), unit: 'ms' },
      { atMost: 2 },
    ),
    compared({ figure: `resident after ${IDLE_MS / 1000} s idle`, ...idle, unit: 'MiB' }, { atMost: 1.6 }),
  ]
}

/** The databases hold something, and the caches of compiled code are warm on both sides. */
async function fill({ modelUrl, dataDir, database }: Place): Promise<void> {
  await using steward = await startHouse(modelUrl, dataDir)
  await using control = await startControl(modelUrl, database)
  for (const side of [stewardSide(steward), sideOf('control', control)]) {
    for (let n = 0; n < TURNS_BEFORE; n++) {
      const socket = await side.open()
      await ask(socket, 'Is everything all right?')
      socket.close()
    }
  }
}

async function timed(begin: () => Promise<{ stop: () => Promise<unknown> }>): Promise<number> {
  const started = performance.now()
  const running = await begin()
  const ms = performance.now() - started
  await running.stop()
  return ms
}

async function idleMemory({ modelUrl, dataDir, database }: Place): Promise<{ value: number; control: number }> {
  const seen = { steward: [] as number[], control: [] as number[] }
  for (let n = 0; n < IDLE_STARTS; n++) {
    await using steward = await startHouse(modelUrl, dataDir, false)
    await using control = await startControl(modelUrl, database)
    await pause(IDLE_MS)
    seen.steward.push(rss(steward.process.pid!))
    seen.control.push(rss(control.pid))
  }
  return { value: median(seen.steward), control: median(seen.control) }
}
