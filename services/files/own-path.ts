import { invalidField } from '../errors.ts'

const MOST_NAME_BYTES = 255
export const MOST_PATH_BYTES = 3_000
const MOST_LEVELS = 100

/** Names under which Steward itself keeps what is not finished. */
const RESERVED = /^\.steward-/i
const WINDOWS_DEVICES = /^(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(\.|$)/i
const MISLEADING = /[\p{Cc}\p{Bidi_Control}\u2028\u2029\ufffd]/u

/**
 * The names on the way to a place in somebody's own folder, as a page or script writes it: "/photos/2026". Nothing is
 * decoded, followed or tidied up: `..` and the like are refused (`invalid`).
 */
export function segmentsOf(path: string): string[] {
  const names = path.split('/').filter((name) => name !== '')
  if (Buffer.byteLength(path) > MOST_PATH_BYTES || names.length > MOST_LEVELS) refuse('This path is too long.')
  for (const name of names) checkSegment(name)
  return names
}

/** How a place is written for people and scripts. */
export const shownAs = (segments: readonly string[]): string => `/${segments.join('/')}`

/** Whether a name is one of ours and no part of what somebody keeps. */
export const isReserved = (name: string): boolean => RESERVED.test(name)

/** Refuses (`invalid`) what may not be the name of a new file or folder; `field` is how the caller calls it. */
export function checkNewName(name: string, field: string): void {
  const problem = problemOf(name)
  if (problem !== undefined) throw invalidField(field, problem)
}

function problemOf(name: string): string | undefined {
  if (name === '') return 'Give it a name.'
  if (/[/\\]/.test(name)) return 'A name has no slashes.'
  if (name === '.' || name === '..') return 'A name is more than dots.'
  if (MISLEADING.test(name) || !name.isWellFormed()) return 'A name has no line breaks or invisible marks.'
  if (Buffer.byteLength(name) > MOST_NAME_BYTES) return 'This name is too long; 255 bytes fit.'
  if (isReserved(name)) return 'Names that begin with ".steward-" are Steward’s own.'
  if (WINDOWS_DEVICES.test(name)) return 'Windows cannot keep files of this name. Choose another.'
  if (/^\s|[\s.]$/u.test(name)) return 'A name neither begins nor ends with a space, nor ends with a dot.'
  return undefined
}

function checkSegment(name: string): void {
  if (name === '.' || name === '..') refuse('A path goes down only, without "." and "..".')
  if (/[\\\p{Cc}\ufffd]/u.test(name) || !name.isWellFormed())
    refuse('A path is UTF-8, without backslashes and control characters.')
  if (Buffer.byteLength(name) > MOST_NAME_BYTES) refuse('A name in this path is too long.')
  if (isReserved(name)) refuse('Names that begin with ".steward-" are Steward’s own.')
}

function refuse(message: string): never {
  throw invalidField('path', message)
}
