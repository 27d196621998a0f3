import { visible } from './policy/sanitize.ts'

/** The words of a phrase, as `fits` looks for them. */
export function wordsOf(phrase: string): string[] {
  return folded(phrase)
    .split(/\s+/u)
    .filter((word) => word !== '')
}

/**
 * Whether every word of the phrase occurs in the text, in any order and any case. A word counts wherever its letters stand, so
 * that `invoice` also fits `invoices` and languages without spaces have words too. A phrase of '' fits everything.
 */
export function fits(phrase: string, text: string): boolean {
  const within = folded(text)
  return wordsOf(phrase).every((word) => within.includes(word))
}

/** One form for all ways to write the same: compatible forms as one (NFKC), no case (ß is ss, ς is σ), nothing invisible. */
function folded(text: string): string {
  return visible(text).normalize('NFKC').toUpperCase().toLowerCase().replaceAll('ς', 'σ').normalize('NFKC')
}
