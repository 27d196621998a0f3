import { join } from 'node:path'
import { pause, rss, scratch, startControl, startHouse, startModel } from '../processes.ts'
import { compared, median, printTable, quantile, show, type Row } from '../table.ts'
import { ask, closeAll, openMany, sideOf, stewardSide, type Side } from '../talk.ts'

/** Together 1,000 turns a side. */
const WARM_UP = 50
const TURNS = 500
const ROUNDS = 5
const TURNS_A_ROUND = 90
const PARALLEL = 5

const DELTAS = 10
const QUESTION = 'What is the capital of France?'

/** From the message frame to the `done` frame, each in a conversation of its own, in turns with the control. */
export async function turn(): Promise<Row[]> {
  await using model = await startModel(DELTAS)
  const folder = scratch()
  await using steward = await startHouse(model.url, join(folder, 'data'))
  await using control = await startControl(model.url, join(folder, 'control.sqlite'))
  const sides: [Side, Side] = [stewardSide(steward), sideOf('control', control)]
  await pause(3_000)
  const idle = sides.map(memory)
  await alternate(sides, WARM_UP)
  const [ours, theirs] = await alternate(sides, TURNS)
  const speeds = await parallel(sides)
  await pause(3_000)
  const used = sides.map(memory)
  print(sides, [ours, theirs], idle, used)
  return [
    compared(
      { figure: 'one turn, p50', value: quantile(ours, 0.5), control: quantile(theirs, 0.5), unit: 'ms' },
      { atMost: 3 },
    ),
    compared(
      { figure: 'one turn, p95', value: quantile(ours, 0.95), control: quantile(theirs, 0.95), unit: 'ms' },
      { atMost: 4 },
    ),
    compared(
      { figure: `${PARALLEL} at a time`, value: speeds[0], control: speeds[1], unit: 'turns/s' },
      { atLeast: 0.5 },
    ),
    compared(
      { figure: 'resident after 1,000 turns', value: used[0]!, control: used[1]!, unit: 'MiB' },
      { atMost: 2.5 },
    ),
  ]
}

async function alternate(sides: readonly [Side, Side], count: number): Promise<[number[], number[]]> {
  const times: [number[], number[]] = [[], []]
  for (let n = 0; n < count; n++) {
    for (const [at, side] of sides.entries()) {
      const socket = await side.open()
      times[at]!.push((await ask(socket, QUESTION)).ms)
      await closeAll([socket])
    }
  }
  return times
}

/** Turns a second with so many going at a time; the sockets are open before. The median of some rounds in turns. */
async function parallel(sides: readonly [Side, Side]): Promise<[number, number]> {
  const speeds: [number[], number[]] = [[], []]
  for (let round = 0; round < ROUNDS; round++) {
    for (const [at, side] of sides.entries()) speeds[at]!.push(await oneRound(side))
  }
  return [median(speeds[0]), median(speeds[1])]
}

async function oneRound(side: Side): Promise<number> {
  const sockets = await openMany(side, TURNS_A_ROUND)
  const waiting = [...sockets]
  const started = performance.now()
  await Promise.all(
    Array.from({ length: PARALLEL }, async () => {
      for (let socket = waiting.pop(); socket; socket = waiting.pop()) await ask(socket, QUESTION)
    }),
  )
  const seconds = (performance.now() - started) / 1000
  await closeAll(sockets)
  return TURNS_A_ROUND / seconds
}

const memory = ({ pid }: Side): number => rss(pid)

function print(
  sides: readonly Side[],
  times: readonly number[][],
  idle: readonly number[],
  used: readonly number[],
): void {
  printTable(
    [`a turn of ${DELTAS} deltas`, 'p50 ms', 'p95 ms', 'slowest ms', 'idle MiB', 'after 1,000 turns MiB'],
    sides.map(({ name }, at) => [
      name,
      ...[0.5, 0.95, 1].map((share) => show(quantile(times[at]!, share))),
      show(idle[at]!),
      show(used[at]!),
    ]),
  )
}
