import { cpus, totalmem } from 'node:os'
import { audit } from './figures/audit.ts'
import { crashes } from './figures/crash.ts'
import { engine } from './figures/engine.ts'
import { files } from './figures/files.ts'
import { injection } from './figures/injection.ts'
import { install } from './figures/install.ts'
import { leaks } from './figures/leaks.ts'
import { lists } from './figures/lists.ts'
import { mail } from './figures/mail.ts'
import { pausing } from './figures/pause.ts'
import { prompt } from './figures/prompt.ts'
import { rest } from './figures/rest.ts'
import { scale } from './figures/scale.ts'
import { schedules } from './figures/schedules.ts'
import { sockets } from './figures/sockets.ts'
import { start } from './figures/start.ts'
import { stream } from './figures/stream.ts'
import { telegram } from './figures/telegram.ts'
import { turn } from './figures/turn.ts'
import { printRows, type Row } from './table.ts'

/**
 * `npm run bench` measures everything, `npm run bench -- turn stream` some of it. Each figure stands beside a control
 * measured in the same run. It judges nothing: it fails only where something could not be measured, or where an attack
 * succeeded (`npm run bench -- injection`; with `--guard=off` that is what must happen).
 */

const FIGURES: Record<string, () => Promise<Row[]>> = {
  start,
  turn,
  stream,
  sockets,
  prompt,
  install,
  engine,
  pause: pausing,
  schedules,
  rest,
  lists,
  scale,
  audit,
  files,
  crash: crashes,
  injection,
  leaks,
  mail,
  telegram,
}
const LONGEST_RUN_MS = 30 * 60_000

const named = process.argv.slice(2).filter((word) => !word.startsWith('--'))
const wanted = named.length > 0 ? named : Object.keys(FIGURES)
const unknown = wanted.filter((name) => !Object.hasOwn(FIGURES, name))
if (unknown.length > 0) {
  console.error(`There is no figure ${unknown.join(', ')}. There are: ${Object.keys(FIGURES).join(', ')}.`)
  process.exit(1)
}

setTimeout(() => {
  console.error('The bench took too long and was ended.')
  process.exit(1)
}, LONGEST_RUN_MS).unref()
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1))

const machine = `${cpus().length} × ${cpus()[0]?.model ?? 'CPU'}, ${Math.round(totalmem() / 2 ** 30)} GiB`
console.log(`Node ${process.versions.node}, ${process.platform} ${process.arch}, ${machine}`)

const rows: Row[] = []
let failed = false
for (const name of wanted) {
  console.log(`\n${name}`)
  try {
    rows.push(...(await FIGURES[name]!()))
  } catch (error) {
    failed = true
    console.error(`${name} could not be measured:`, error)
  }
}
console.log()
printRows(rows)
process.exit(failed ? 1 : 0)
