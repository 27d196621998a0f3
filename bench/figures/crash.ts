import { randomInt } from 'node:crypto'
import { crash } from '../../tests/peers/crashing.ts'
import { printTable, type Row } from '../table.ts'

const KILLS = 500

/** What becomes of runs that write files and send messages, in a process that is killed again and again. */
export async function crashes(): Promise<Row[]> {
  const seed = randomInt(2 ** 31)
  console.log(`seed ${seed}`)
  const { kills, fates, ...report } = await crash({ seed, seconds: 0, kills: KILLS, log: (line) => console.log(line) })
  const count = (of: (fate: (typeof fates)[number]) => boolean) => String(fates.filter(of).length)
  printTable(
    ['kills', 'runs', 'succeeded', 'interrupted', 'asked about', 'sent twice', 'lost', 'gaps', 'integrity'],
    [
      [
        String(kills),
        String(fates.length),
        count(({ status }) => status === 'succeeded'),
        count(({ status }) => status === 'interrupted'),
        count(({ asked }) => asked),
        count(({ sent }) => sent > 1),
        count(({ status, sent, files }) => status === 'succeeded' && (sent === 0 || !files.every(Boolean))),
        String(report.gaps),
        report.integrity,
      ],
    ],
  )
  return []
}
