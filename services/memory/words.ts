/** Words that stand in every sentence of English and say nothing about it; those of other languages are known by being common. */
const EMPTY = new Set(
  `about after again all also and any are because been before being between both but can could did does doing done down each
  ever few for from get got had has have having her here hers him his how into its just know let like many may me might mine
  more most much must my myself need not now off once only other our ours out over own please remember remind same say she
  should some such tell than that the their theirs them then there these they thing things this those through too under until
  use used very was way were what when where which while who whom whose why will with without would you your yours yes thanks
  thank hello ok okay want wants give gave make made going there's what's it's i'm don't doesn't didn't`.split(/\s+/),
)

const MOST_WORDS = 24
const LEAST_STEM = 4

/** A text without case and accents, as the index has its words. */
export function folded(text: string): string {
  return text
    .normalize('NFKD')
    .replace(/\p{M}+/gu, '')
    .toLowerCase()
}

/** The words of a question that say what it is about, folded, each once, in their order. */
export function wordsOf(text: string): string[] {
  const all =
    folded(text)
      .replace(/[’']s\b/gu, '')
      .match(/[\p{L}\p{N}]+/gu) ?? []
  const telling = all.filter((word) => (word.length > 2 || /\p{N}|\p{Script=Han}/u.test(word)) && !EMPTY.has(word))
  return [...new Set(telling)].slice(0, MOST_WORDS)
}

/** What a word and its other forms begin with. */
export function stemOf(word: string): string {
  const stem = word.replace(/(?:ies|ing|ed|es|s|y|e)$/u, '')
  return stem.length >= LEAST_STEM ? stem : word
}

/** A question in FTS5's language: any of the words, in any of their forms; undefined where there are none. */
export function matchOf(words: readonly string[]): string | undefined {
  if (words.length === 0) return undefined
  return words.map((word) => `"${stemOf(word)}"${word.length > LEAST_STEM - 1 ? '*' : ''}`).join(' OR ')
}
