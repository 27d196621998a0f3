import { domainToASCII } from 'node:url'

type Token = { text: string; mark: boolean }
type Field = { id: string | undefined; results: Result[] }
type Result = { method: string; result: string; properties: Map<string, string> }
type Verdict = { proven: boolean; reason: string }

/** So much of a field is looked at, so that none can hold up the house. */
const MOST_CHARS = 16_384

/**
 * Whether the server that the owner trusts vouches for the domain of the From address: an aligned DMARC pass (RFC 7489) in the
 * topmost Authentication-Results that carries its authserv-id (RFC 8601). What a sender wrote stands below that one;
 * what other servers added may stand above it. `fields`: all of them from the top.
 */
export function provenBy(fields: readonly string[], authservId: string, fromAddress: string): Verdict {
  const server = `the mail server “${authservId}”`
  const trusted = fields.map(fieldOf).find(({ id }) => id === authservId.toLowerCase())
  if (!trusted) return { proven: false, reason: `${server} says nothing of who sent it` }
  const domain = domainOf(fromAddress)
  const aligned = trusted.results.filter(
    ({ method, properties }) => method === 'dmarc' && domainOf(properties.get('header.from') ?? '') === domain,
  )
  if (domain === '' || aligned.length === 0)
    return { proven: false, reason: `${server} has no DMARC result for the sender’s domain` }
  if (aligned.some(({ result }) => result !== 'pass'))
    return { proven: false, reason: `${server} found that DMARC did not pass` }
  return { proven: true, reason: `${server} vouches for the sender’s domain (DMARC pass)` }
}

/** A field that cannot be read to its end has its name and no results. */
function fieldOf(value: string): Field {
  const { tokens, broken } = tokensOf(value.slice(0, MOST_CHARS))
  const [head = [], ...segments] = split(tokens)
  const id = head[1]?.text === '=' && head[1].mark ? undefined : head[0]?.text.toLowerCase()
  const versioned = head.length === 1 || (head.length === 2 && /^\d+$/.test(head[1]!.text))
  const whole = !broken && versioned && value.length <= MOST_CHARS
  return { id, results: whole ? segments.flatMap(resultOf) : [] }
}

function split(tokens: readonly Token[]): Token[][] {
  const segments: Token[][] = [[]]
  for (const token of tokens) {
    if (token.mark && token.text === ';') segments.push([])
    else segments.at(-1)!.push(token)
  }
  return segments
}

/** `method[/version] = result`, then `name = value` for the reason and each property. */
function resultOf(segment: readonly Token[]): Result[] {
  const pairs = pairsOf(segment)
  const [first, ...rest] = pairs
  if (!first) return []
  const properties = new Map<string, string>()
  // @NOTE one that is said twice is said by nobody.
  for (const [name, value] of rest) properties.set(name, properties.has(name) ? '' : value)
  return [{ method: first[0].split('/')[0]!, result: first[1].toLowerCase(), properties }]
}

function pairsOf(segment: readonly Token[]): [name: string, value: string][] {
  const equals = [...segment.keys()].filter((at) => segment[at]!.mark)
  return equals.map((at, index) => {
    const end = index + 1 < equals.length ? equals[index + 1]! - 1 : segment.length
    const value = segment.slice(at + 1, end).map(({ text }) => text)
    return [segment[at - 1]?.text.toLowerCase() ?? '', value.join(' ')]
  })
}

/** Words, quoted strings and the marks `;` and `=`; comments, which nest, are left out (RFC 5322, 3.2). */
function tokensOf(value: string): { tokens: Token[]; broken: boolean } {
  const tokens: Token[] = []
  let at = 0
  while (at < value.length) {
    const character = value[at]!
    const end = character === '(' ? commentEnd(value, at) : character === '"' ? quoteEnd(value, at) : at + 1
    if (end === undefined) return { tokens, broken: true }
    if (character === '"') tokens.push({ text: value.slice(at + 1, end - 1).replace(/\\(.)/gs, '$1'), mark: false })
    else if (character === ';' || character === '=') tokens.push({ text: character, mark: true })
    else if (character !== '(' && !/\s/.test(character)) {
      const word = /^[^\s;=("]+/.exec(value.slice(at, at + 1_000))![0]
      tokens.push({ text: word, mark: false })
      at += word.length
      continue
    }
    at = end
  }
  return { tokens, broken: false }
}

function commentEnd(value: string, from: number): number | undefined {
  let depth = 0
  for (let at = from; at < value.length; at++) {
    if (value[at] === '\\') at++
    else if (value[at] === '(') depth++
    else if (value[at] === ')' && --depth === 0) return at + 1
  }
  return undefined
}

function quoteEnd(value: string, from: number): number | undefined {
  for (let at = from + 1; at < value.length; at++) {
    if (value[at] === '\\') at++
    else if (value[at] === '"') return at + 1
  }
  return undefined
}

/** In ASCII and lower case; '' for what is none. */
function domainOf(address: string): string {
  const domain = address.slice(address.lastIndexOf('@') + 1).replace(/\.$/, '')
  return /[\s/?#:\\%"]/.test(domain) ? '' : domainToASCII(domain)
}
