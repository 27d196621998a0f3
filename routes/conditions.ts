import type { IncomingMessage } from 'node:http'

/** What a file is at this moment, as requests may ask after it. */
export type Version = { etag: string; modified: Date; size: number }

/** Bytes from `start` to `end`, both included. */
export type Range = { start: number; end: number }

/** What a request asks of this version: `failed` 412, `known` 304, `outside` 416; otherwise the whole or one range. */
export type Wanted = 'failed' | 'known' | 'outside' | 'whole' | Range

/** Reads the conditions and the range of a request in the order of RFC 9110, section 13.2.2. */
export function wantedOf({ headers }: IncomingMessage, version: Version): Wanted {
  if (fails(headers, version)) return 'failed'
  if (isKnown(headers, version)) return 'known'
  if (headers.range === undefined || !isStillThatOne(headers['if-range'], version)) return 'whole'
  return rangeOf(headers.range, version.size)
}

type Headers = IncomingMessage['headers']

const tagsIn = (list: string): string[] => list.split(',').map((tag) => tag.trim())
const unweakened = (tag: string): string => tag.replace(/^W\//, '')
/** Times in headers have no parts of a second. */
const secondsOf = (time: Date | number): number => Math.floor(Number(time) / 1000)

function fails(headers: Headers, { etag, modified }: Version): boolean {
  const match = headers['if-match']
  if (match !== undefined) return match.trim() !== '*' && !tagsIn(match).includes(etag)
  return secondsOf(modified) > secondsOf(Date.parse(headers['if-unmodified-since'] ?? ''))
}

function isKnown(headers: Headers, { etag, modified }: Version): boolean {
  const noneMatch = headers['if-none-match']
  if (noneMatch !== undefined) return noneMatch.trim() === '*' || tagsIn(noneMatch).map(unweakened).includes(etag)
  return secondsOf(modified) <= secondsOf(Date.parse(headers['if-modified-since'] ?? ''))
}

function isStillThatOne(condition: string | string[] | undefined, { etag, modified }: Version): boolean {
  return condition === undefined || condition === etag || condition === modified.toUTCString()
}

/** Several ranges at once, and what is no range, get the whole. */
function rangeOf(header: string, size: number): Wanted {
  const found = /^bytes=\s*(?:(\d+)-(\d*)|-(\d+))\s*$/i.exec(header)
  if (!found) return 'whole'
  const [, first, last, suffix] = found
  if (suffix !== undefined) {
    const length = Math.min(Number(suffix), size)
    return length === 0 ? 'outside' : { start: size - length, end: size - 1 }
  }
  const start = Number(first)
  const end = last ? Number(last) : size - 1
  if (last && end < start) return 'whole'
  return start < size ? { start, end: Math.min(end, size - 1) } : 'outside'
}
