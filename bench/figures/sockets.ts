import { join } from 'node:path'
import { pause, rss, scratch, startControl, startHouse, startModel } from '../processes.ts'
import { limited, printTable, show, type Row } from '../table.ts'
import { closeAll, openMany, sideOf, stewardSide, type Side } from '../talk.ts'

const SOCKETS = 2_000
const SETTLE_MS = 3_000

/** What sockets that are open and silent hold: each on a conversation of its own, in Steward's case signed in. */
export async function sockets(): Promise<Row[]> {
  await using model = await startModel(10)
  const folder = scratch()
  await using steward = await startHouse(model.url, join(folder, 'data'))
  await using control = await startControl(model.url, join(folder, 'control.sqlite'))
  const lines: string[][] = []
  const more: number[] = []
  for (const side of [stewardSide(steward), sideOf('control', control)]) {
    const { before, after, ms } = await held(side)
    lines.push([side.name, show(before), show(after), show(ms / SOCKETS)])
    more.push(after - before)
  }
  printTable([`${SOCKETS} sockets`, 'before MiB', 'with them MiB', 'ms to open one'], lines)
  return [limited({ figure: `${SOCKETS} idle sockets`, value: more[0]!, control: more[1]!, unit: 'MiB more' }, 150)]
}

async function held(side: Side): Promise<{ before: number; after: number; ms: number }> {
  await pause(SETTLE_MS)
  const before = rss(side.pid)
  const started = performance.now()
  const open = await openMany(side, SOCKETS)
  const ms = performance.now() - started
  await pause(SETTLE_MS)
  const after = rss(side.pid)
  await closeAll(open)
  return { before, after, ms }
}
