import { createMasking } from '../../services/policy/masking.ts'
import { createLeaks } from '../../services/policy/leaks.ts'
import { casesOf, precision, recall, score, type Score } from '../../tests/peers/leak-corpus.ts'
import { limited, median, printTable, type Row } from '../table.ts'

const SECRETS = 100
const MEGABYTE = 1_000_000
const TIMES = 7

/** How well the leak detector does on the corpus, and how long it and the masking take for a megabyte. */
export function leaks(): Promise<Row[]> {
  const harmless = casesOf('harmless')
  const known = score([...casesOf('known'), ...harmless], 'known')
  const shapes = score([...casesOf('shapes'), ...harmless], 'shape')
  printTable(
    ['secrets', 'cases', 'found', 'missed', 'wrong', 'precision', 'recall'],
    [line('known, in any spelling', known), line('unknown, by their shape', shapes)],
  )
  const many = Array.from({ length: SECRETS }, (_, at): [string, string] => [
    `secret-${at}`,
    Buffer.from(crypto.getRandomValues(new Uint8Array(30))).toString('base64'),
  ])
  const text = 'All work and no play, 1234567890, makes a long text. '.repeat(MEGABYTE / 50).slice(0, MEGABYTE)
  const detector = createLeaks({ secrets: () => many })
  const masking = createMasking()
  masking.add(() => many)
  return Promise.resolve([
    limited({ figure: 'leaks in 1 MB, 100 secrets', value: timed(() => detector.find(text)), unit: 'ms' }, 1_000),
    limited({ figure: 'masking 1 MB, 100 secrets', value: timed(() => masking.mask(text)), unit: 'ms' }, 100),
  ])
}

function line(name: string, one: Score): string[] {
  const counts = [one.cases, one.found, one.missed.length, one.wrong.length].map(String)
  return [name, ...counts, precision(one).toFixed(3), recall(one).toFixed(3)]
}

function timed(work: () => unknown): number {
  work()
  return median(
    Array.from({ length: TIMES }, () => {
      const started = performance.now()
      work()
      return performance.now() - started
    }),
  )
}
