import { addressIn } from '../email-address.ts'
import { invalidField } from '../errors.ts'

const LONGEST_LIST = 10_000
/** Controls, line ends, whatever is not seen, and halves of characters. */
const UNSEEN =
  /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}\p{Noncharacter_Code_Point}\u{13430}-\u{13440}]/u

type Token = { kind: 'word' | 'quoted' | 'angle' | 'mark'; text: string }

/**
 * The bare addresses of a header-style list (RFC 5322, 3.4): with or without display names, groups and comments, separated by
 * commas or semicolons, domains beyond ASCII as punycode. Throws `invalid`, naming the field, for anything that is not clearly a
 * list of addresses, and for characters that nobody sees, such as the line end before a header of one's own.
 */
export function addressesIn(list: string, path: string): string[] {
  const refuse = (words: string) => invalidField(path, words)
  if (list.length > LONGEST_LIST) throw refuse('That is too long for a list of addresses.')
  if (UNSEEN.test(list))
    throw refuse('There is a line end or another character in it that nobody sees. Write it plainly.')
  const tokens = tokensOf(list)
  if (tokens === undefined)
    throw refuse('A quotation mark, bracket or parenthesis in it is never closed, or stands where none belongs.')
  return entriesOf(tokens).map((entry) => {
    const address = addressOf(entry)
    if (address === undefined)
      throw refuse(`${shown(entry)} is not an address; expected something like alice@example.org.`)
    return address
  })
}

/** Undefined where something is never closed. Comments are left out; they may hold comments. */
function tokensOf(list: string): Token[] | undefined {
  const tokens: Token[] = []
  let rest = list
  while (rest !== '') {
    const [found, kind] = next(rest)
    if (found === undefined || kind === undefined) return undefined
    if (kind !== 'space') tokens.push({ kind, text: found })
    rest = rest.slice(found.length)
  }
  return tokens
}

function next(rest: string): [string | undefined, Token['kind'] | 'space' | undefined] {
  const first = rest[0]!
  if (first === '(') return [commentAt(rest), 'space']
  if (first === '"') return [/^"(?:[^"\\]|\\.)*"/.exec(rest)?.[0], 'quoted']
  if (first === '<') return [/^<[^<>]*>/.exec(rest)?.[0], 'angle']
  if (',;:'.includes(first)) return [first, 'mark']
  if (/[)>]/.test(first)) return [undefined, undefined]
  if (/\s/.test(first)) return [/^\s+/.exec(rest)![0], 'space']
  return [/^[^\s"<>(),;:]+/.exec(rest)![0], 'word']
}

function commentAt(rest: string): string | undefined {
  let depth = 0
  for (let at = 0; at < rest.length; at++) {
    if (rest[at] === '\\') at++
    else if (rest[at] === '(') depth++
    else if (rest[at] === ')' && --depth === 0) return rest.slice(0, at + 1)
  }
  return undefined
}

/** What stands between the separators. The name of a group is no part of an entry; a group of nobody is none. */
function entriesOf(tokens: readonly Token[]): Token[][] {
  const entries: Token[][] = [[]]
  for (const token of tokens) {
    const entry = entries.at(-1)!
    if (token.kind !== 'mark') entry.push(token)
    else if (token.text !== ':') entries.push([])
    else if (entry.length > 0 && entry.every(({ kind, text }) => kind !== 'angle' && !text.includes('@')))
      entry.length = 0
    else entry.push(token)
  }
  return entries.filter((entry) => entry.length > 0)
}

/** One mailbox: `name <address>`, the last token in brackets, or nothing but the address. */
function addressOf(entry: readonly Token[]): string | undefined {
  if (entry.some(({ kind }) => kind === 'mark')) return undefined
  const angles = entry.filter(({ kind }) => kind === 'angle')
  if (angles.length > 1) return undefined
  if (angles.length === 0) return bare(entry.map(({ text }) => text))
  if (entry.at(-1) !== angles[0]) return undefined
  const inside = tokensOf(angles[0]!.text.slice(1, -1))
  return inside && bare(inside.map(({ text }) => text))
}

/** A word, or a quoted part before the @ that needs no quotes. @NOTE words side by side are no address. */
function bare(parts: readonly string[]): string | undefined {
  const [local, domain] = parts
  if (parts.length === 1) return local!.startsWith('"') ? undefined : addressIn(local!)
  const isQuoted = parts.length === 2 && local!.startsWith('"') && domain!.startsWith('@')
  return isQuoted ? addressIn(local!.slice(1, -1).replace(/\\(.)/g, '$1') + domain!) : undefined
}

function shown(entry: readonly Token[]): string {
  return JSON.stringify(
    entry
      .map(({ text }) => text)
      .join(' ')
      .slice(0, 100),
  )
}
