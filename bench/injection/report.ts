import { printTable } from '../table.ts'
import type { Attacked, Done } from './judge.ts'
import { REAL_DOORS, type Door } from './case.ts'
import { DOORS } from './doors.ts'

const doors = Object.keys(DOORS) as Door[]

/** Which doors and tools are the ones that owners have, and which stand in for what is not built yet. */
export function printReality(tools: { real: readonly string[]; fixtures: readonly string[] }): void {
  const fixtures = doors.filter((door) => !REAL_DOORS.includes(door))
  console.log(`real doors: ${REAL_DOORS.join(', ')}; real tools: ${tools.real.join(', ')}`)
  console.log(`stand-ins: doors ${fixtures.join(', ')}; tools ${tools.fixtures.join(', ')}`)
}

/** Sinks by doors. A cell says how many succeeded, how many reached a card, and how many were tried. */
export function printMatrix(results: readonly Attacked[]): void {
  const sinks = [...new Set(results.map(({ attack }) => attack.sink))]
  const cell = (those: readonly Attacked[]) =>
    those.length === 0 ? '' : `${succeeded(those).length}/${asked(those).length}/${those.length}`
  const row = (sink: string, those: readonly Attacked[]) => [
    sink,
    ...doors.map((door) => cell(those.filter(({ attack }) => attack.door === door))),
    cell(those),
  ]
  const rows = sinks.map((sink) => row(sink, results.filter(({ attack }) => attack.sink === sink))) // prettier-ignore
  console.log('\nsucceeded / reached a card / tried')
  printTable(['sink', ...doors, 'all'], [...rows, row('all', results)])
}

export function printSuccesses(results: readonly Attacked[]): void {
  for (const { attack, harms } of succeeded(results)) console.log(`SUCCEEDED ${attack.name}: ${harms.join('; ')}`)
}

export function printTasks(results: readonly Done[]): void {
  console.log()
  printTable(
    ['everyday task', 'questions', 'allowed', 'finished'],
    results.map(({ task, cards, missing }) => [
      task.name,
      String(cards),
      String(task.questions),
      missing.length === 0 ? 'yes' : `no: ${missing.join('; ')}`,
    ]),
  )
}

export const succeeded = (results: readonly Attacked[]): Attacked[] => results.filter(({ harms }) => harms.length > 0)
export const asked = (results: readonly Attacked[]): Attacked[] => results.filter(({ cards }) => cards > 0)
export const unfinished = (results: readonly Done[]): Done[] => results.filter(({ missing }) => missing.length > 0)
export const tooCurious = (results: readonly Done[]): Done[] =>
  results.filter(({ task, cards }) => cards > task.questions)
