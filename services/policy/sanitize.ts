/**
 * Characters that hide text from people or turn it around: controls, whatever Unicode says a reader may leave out
 * (zero-width characters, variation selectors, tag characters, fillers, the soft hyphen), bidi marks, annotations,
 * hieroglyph joiners, and code points that are no characters.
 */
const HIDDEN =
  /[[\p{Cc}\p{Default_Ignorable_Code_Point}\p{Bidi_Control}\p{Noncharacter_Code_Point}\u{fff9}-\u{fffb}\u{13430}-\u{13440}]--[\t\n]]/gv

const LINE_ENDS = /\r\n?|[\u0085\u2028\u2029]/g

/** A text without characters that nobody sees, every line ended by `\n`, no half characters. */
export function visible(text: string): string {
  return text.replace(LINE_ENDS, '\n').replace(HIDDEN, '').toWellFormed()
}

/** At most `maxChars` characters, with a closing line that says so where there were more. */
export function capped(text: string, maxChars: number): string {
  if (text.length <= maxChars) return text
  const kept = text.slice(0, maxChars).replace(/[\uD800-\uDBFF]$/, '')
  return `${kept}\n[Cut here: the result has ${text.length} characters, ${maxChars} are shown.]`
}

/** What a tool brings in, made fit to be read: invisible characters are taken out and the length is capped. */
export function sanitize(text: string, maxChars: number): string {
  return capped(visible(text), maxChars)
}
