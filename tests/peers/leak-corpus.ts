import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createLeaks } from '../../services/policy/leaks.ts'

/**
 * The labelled corpus: values with known secrets written in every way, values with secrets that only their shape tells,
 * and values that merely look dangerous. Everything in it was made up for it.
 */

export type Case = { how: string; expect: string[]; value: unknown }
export type Score = { cases: number; found: number; missed: Case[]; wrong: Case[] }

const FOLDER = join(import.meta.dirname, '..', 'fixtures', 'leaks')

export const secrets = JSON.parse(readFileSync(join(FOLDER, 'secrets.json'), 'utf8')) as [string, string][]

export function casesOf(name: 'known' | 'shapes' | 'harmless'): Case[] {
  const lines = readFileSync(join(FOLDER, `${name}.jsonl`), 'utf8')
    .trim()
    .split('\n')
  return lines.map((line) => JSON.parse(line) as Case)
}

const leaks = createLeaks({ secrets: () => secrets })
const isKnown = (name: string): boolean => secrets.some(([known]) => known === name)

/** How well the detector does on some cases, counting only known secrets, or only those found by shape. */
export function score(cases: readonly Case[], which: 'known' | 'shape'): Score {
  const counts = (name: string) => isKnown(name) === (which === 'known')
  const result: Score = { cases: cases.length, found: 0, missed: [], wrong: [] }
  for (const one of cases) {
    const wanted = new Set(one.expect.filter(counts))
    const got = new Set(
      leaks
        .find(one.value)
        .map(({ name }) => name)
        .filter(counts),
    )
    for (const name of wanted) {
      if (got.has(name)) result.found++
      else result.missed.push(one)
    }
    for (const name of got) if (!wanted.has(name)) result.wrong.push(one)
  }
  return result
}

export const precision = ({ found, wrong }: Score): number => found / (found + wrong.length)
export const recall = ({ found, missed }: Score): number => found / (found + missed.length)
