import type { Needle } from './needles.ts'

/** A secret that is known, and what it is called. */
export type Secret = readonly [name: string, value: string]

/**
 * The ways in which a value is written when it is written down whole: as it is, as JSON and addresses write it, in base64
 * (RFC 4648, both alphabets, wherever in a longer text it begins) and in hex.
 */
export function writtenForms([name, value]: Secret): Needle[] {
  const forms: [form: string, text: string][] = [
    ['plain', value],
    ['json', JSON.stringify(value).slice(1, -1)],
    ['url', urlEncoded(value)],
    ...base64Cores(value).flatMap((core): [string, string][] => [
      ['base64', core],
      ['base64', core.replaceAll('+', '-').replaceAll('/', '_')],
    ]),
    ['hex', hexOf(value)],
    ['hex', hexOf(value).toUpperCase()],
  ]
  const texts = new Map(forms.map(([form, text]) => [text, form]).reverse() as [string, string][])
  return [...texts].map(([text, form]) => ({ text, name, form }))
}

/** In base64 a value looks different at each of three alignments; the characters that its neighbours share are left out. */
export function base64Cores(value: string): string[] {
  return [0, 1, 2].map((before) => {
    const bytes = Buffer.concat([Buffer.alloc(before), Buffer.from(value)])
    const from = Math.ceil((before * 8) / 6)
    const to = Math.floor((bytes.length * 8) / 6)
    return bytes.toString('base64').slice(from, to)
  })
}

export const hexOf = (value: string): string => Buffer.from(value).toString('hex')

/** @NOTE half a surrogate pair cannot be written in an address. */
const urlEncoded = (value: string): string => encodeURIComponent(value.toWellFormed())

/** Percent signs as RFC 3986 means them; what is none stays as it is. */
export function percentDecoded(text: string): string {
  return text.replace(/(?:%[0-9a-f]{2})+/gi, (run) => Buffer.from(run.replaceAll('%', ''), 'hex').toString('utf8'))
}

const ESCAPES: Record<string, string> = { n: '\n', r: '\r', t: '\t', b: '\b', f: '\f' }

/** Backslashes as JSON and its neighbours mean them: \n, \u0041, \x41, and any other character for itself. */
export function unescaped(text: string): string {
  return text.replace(
    /\\(?:u([0-9a-f]{4})|x([0-9a-f]{2})|([^]))/gi,
    (_all, unicode?: string, hex?: string, one = '') => {
      const code = unicode ?? hex
      return code === undefined ? (ESCAPES[one] ?? one) : String.fromCharCode(parseInt(code, 16))
    },
  )
}

/** Numbered characters of HTML, and the five that have names everywhere. */
export function entitiesDecoded(text: string): string {
  const NAMED: Record<string, string> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" }
  return text.replace(/&(?:#x([0-9a-f]{1,6})|#(\d{1,7})|(amp|lt|gt|quot|apos));/gi, (all, hex, decimal, name) => {
    if (name !== undefined) return NAMED[(name as string).toLowerCase()] ?? all
    const code = hex === undefined ? Number(decimal) : parseInt(hex as string, 16)
    return code > 0 && code <= 0x10ffff ? String.fromCodePoint(code) : all
  })
}

/** What the base64 runs of a text say, one a line; only what is text again. */
export function base64Decoded(text: string): string {
  const runs = text.match(/[A-Za-z0-9+/_-]{12,}/g) ?? []
  return runs
    .map((run) => Buffer.from(run, 'base64').toString('utf8'))
    .filter((said) => said.length > 0 && !/[^\t\n\r\x20-\x7e\u00a0-\ufffc]/.test(said))
    .join('\n')
}

/** Without what is put between characters to split them: spaces, what nobody sees, dashes, dots, strokes. */
export const joinedUp = (text: string): string => text.replace(/[\s\p{C}\p{Pd}._,;|·•*]+/gu, '')

/** Letters and digits of ASCII alone: what splits a secret (spaces, invisible characters, dashes) is gone. */
export const squeezed = (text: string): string => text.replace(/[^A-Za-z0-9]+/g, '')
