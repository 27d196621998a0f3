import { scratch, startHouse, startModel, startRelay } from '../processes.ts'
import { compared, median, printTable, show, type Row } from '../table.ts'
import { ask, closeAll, openMany, sideOf, stewardSide, type Side } from '../talk.ts'

const CONVERSATIONS = 100
const DELTAS = 400
const WARM_UP = 2
const ROUNDS = 6

/** Long answers to many at once, through to their sockets, in turns with a relay that does nothing else. */
export async function stream(): Promise<Row[]> {
  await using model = await startModel(DELTAS)
  await using steward = await startHouse(model.url, scratch())
  await using relay = await startRelay(model.url)
  const sides = [stewardSide(steward), sideOf('relay', relay)]
  const speeds: number[][] = sides.map(() => [])
  for (let round = 0; round < WARM_UP + ROUNDS; round++) {
    for (const [at, side] of sides.entries()) {
      const speed = await oneRound(side)
      if (round >= WARM_UP) speeds[at]!.push(speed)
    }
  }
  printTable(
    [`${CONVERSATIONS} × ${DELTAS} deltas`, 'deltas/s, every round'],
    sides.map(({ name }, at) => [name, speeds[at]!.map(show).join(' ')]),
  )
  const [value, control] = [median(speeds[0]!), median(speeds[1]!)]
  return [compared({ figure: `${CONVERSATIONS} streams at once`, value, control, unit: 'deltas/s' }, { atLeast: 0.4 })]
}

async function oneRound(side: Side): Promise<number> {
  const sockets = await openMany(side, CONVERSATIONS)
  const started = performance.now()
  const answers = await Promise.all(sockets.map((socket) => ask(socket, 'Tell me a long story.')))
  const seconds = (performance.now() - started) / 1000
  await closeAll(sockets)
  const deltas = answers.reduce((sum, answer) => sum + answer.deltas, 0)
  if (deltas !== CONVERSATIONS * DELTAS)
    throw new Error(`${side.name} passed ${deltas} deltas on, not ${CONVERSATIONS * DELTAS}`)
  return deltas / seconds
}
