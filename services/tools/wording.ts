/** Whatever looks like the end of a quotation. */
const QUOTES = /["“”„‟«»＂″‶‴❝❞〝〞〟ʺ˝ˮ᳓״]/gu

/**
 * Words that others may have chosen, fit to stand in a sentence of ours: in quotation marks, on one line, cut at
 * `max` characters, without marks that could end the quotation.
 */
export function quoted(text: string, max = 200): string {
  const line = text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\s]+/gu, ' ').replace(QUOTES, "'")
  return `"${line.length > max ? `${line.slice(0, max)}…` : line}"`.toWellFormed()
}

/** A path in a sentence: as it is when it is plain, otherwise quoted. */
export function shownPath(path: string): string {
  return /^[\p{L}\p{N}/._-]{1,300}$/u.test(path) ? path : quoted(path, 300)
}

/** A name in a list, such that it can be read back exactly: as it is when it is plain, otherwise as a JSON string. */
export function escapedName(name: string): string {
  if (/^[\p{L}\p{N} ._-]+$/u.test(name)) return name
  return JSON.stringify(name).replace(/[\p{Cf}\p{Zl}\p{Zp}]/gu, unicodeEscape)
}

function unicodeEscape(character: string): string {
  return Array.from({ length: character.length }, (_, index) => {
    return `\\u${character.charCodeAt(index).toString(16).padStart(4, '0')}`
  }).join('')
}

/** 1234 → `1,234`. */
export function grouped(count: number): string {
  return count.toLocaleString('en-US')
}

/** A part of a text. `next` is the offset to go on from; undefined at the end. */
export type Page = { text: string; next: number | undefined }

/** Ends a part before half a character (UTF-16 surrogates), so that the next part starts with a whole one. */
export function pageOf(cut: string, offset: number, total: number): Page {
  const halved = cut.length > 1 && /[\ud800-\udbff]$/.test(cut) && offset + cut.length < total
  const text = halved ? cut.slice(0, -1) : cut
  const next = offset + text.length
  return { text: text.toWellFormed(), next: next < total ? next : undefined }
}

/** The line under a part that tells the model where it is and how to go on; empty when the part is everything. */
export function pageLine({ text, next }: Page, offset: number, total: number, operation: string): string {
  if (next !== undefined) {
    return `\n\n[Characters ${grouped(offset)}–${grouped(next)} of ${grouped(total)}. Call ${operation} with offset ${next} to go on.]`
  }
  if (offset === 0) return total === 0 ? '[Nothing in it.]' : ''
  return text === '' ? `[There are only ${grouped(total)} characters.]` : '\n\n[End.]'
}

const MOST_NAMED = 20

/** What arguments may name, in one line; '' where that is nothing. */
export function named(what: string, names: readonly string[]): string {
  if (names.length === 0) return ''
  const shown = names.slice(0, MOST_NAMED).map((name) => JSON.stringify(name))
  return `${what}: ${shown.join(', ')}${names.length > MOST_NAMED ? ', …' : ''}`
}
