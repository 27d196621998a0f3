/** What mail programs make clickable by its scheme. */
const SCHEME = /\b([a-z][a-z0-9+.-]*):(?=\/\/|\S+@)/gi
const WORD = /[\p{L}\p{N}._@%+-]+/gu
/** Labels with dots between them, the last of which begins with a letter: a host, as far as a mail program can tell. */
const HOST = /^(?:[\p{L}\p{N}_-]+\.)+\p{L}[\p{L}\p{N}-]+\.?$/u

/**
 * A text with nothing in it that a mail program would make a link of: `https[:]//evil[.]example/x`. Addresses of people stay
 * as they are.
 */
export function withoutLinks(text: string): string {
  return text
    .replace(SCHEME, '$1[:]')
    .replace(WORD, (word) => (HOST.test(word) ? word.replace(/\.(?=[\p{L}\p{N}_-])/gu, '[.]') : word))
}
