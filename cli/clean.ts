/**
 * What others wrote, fit for a terminal. Escape sequences could move the cursor over what stands there, rename the window,
 * or paste for the reader; direction marks could make a card read other than it is.
 */

/** Controls but the line feed and the tab, marks that turn text around, tag characters, and what is no character. */
const HARMFUL =
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\u{e0000}-\u{e007f}\u{fff9}-\u{fffb}]/gu

/** Besides those, whatever else nobody sees. */
const UNSEEN = /[\u007f-\u009f\p{Default_Ignorable_Code_Point}\p{Bidi_Control}\u2028\u2029]/gu

/** Controls become the pictures that Unicode has for them, so that one sees that there was something; returns vanish. */
export function clean(text: string): string {
  return text.replace(/\r/g, '').replace(HARMFUL, picture).toWellFormed()
}

/** The same in one line. */
export const cleanLine = (text: string): string => clean(text.replace(/\s+/g, ' ')).trim()

/** JSON in which whatever a terminal would act on, or nobody would see, is spelt out; it parses to the same value. */
export function cleanJson(value: unknown, indent?: number): string {
  return JSON.stringify(value, undefined, indent).replace(UNSEEN, spelt)
}

function picture(character: string): string {
  const code = character.codePointAt(0)!
  if (code < 0x20) return String.fromCodePoint(0x2400 + code)
  return code === 0x7f ? '\u2421' : '\ufffd'
}

const spelt = (character: string): string =>
  Array.from(
    { length: character.length },
    (_, at) => `\\u${character.charCodeAt(at).toString(16).padStart(4, '0')}`,
  ).join('')
