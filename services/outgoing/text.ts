import { isUtf8 } from 'node:buffer'
import type { Answer } from './client.ts'

/** How far into a page the encoding may be declared (the HTML standard's prescan). */
const PRESCAN_BYTES = 1024

/**
 * The text of a body in the encoding it says it has: byte order mark, header, then the page's own declaration; UTF-8
 * when nothing is said or the name is unknown, and Windows-1252 when it is not UTF-8 either, as browsers do. Never throws.
 */
export function decodeText({
  body,
  contentType,
  truncated,
}: Pick<Answer, 'body' | 'contentType' | 'truncated'>): string {
  const declared = byteOrderMark(body) ?? charsetOf(contentType) ?? declaredInside(body)
  const decoder = declared === undefined ? undefined : decoderFor(declared)
  return (decoder ?? decoderFor(looksUtf8(body, truncated) ? 'utf-8' : 'windows-1252')!).decode(body)
}

/** The media type alone, in lower case; empty when the header is none. */
export function mediaTypeOf(contentType: string): string {
  return /^\s*([\w!#$&^.+-]{1,60}\/[\w!#$&^.+-]{1,60})\s*(;|$)/.exec(contentType)?.[1]?.toLowerCase() ?? ''
}

function byteOrderMark(body: Buffer): string | undefined {
  if (body[0] === 0xef && body[1] === 0xbb && body[2] === 0xbf) return 'utf-8'
  if (body[0] === 0xfe && body[1] === 0xff) return 'utf-16be'
  if (body[0] === 0xff && body[1] === 0xfe) return 'utf-16le'
  return undefined
}

function charsetOf(contentType: string): string | undefined {
  return /charset\s*=\s*["']?([\w:.-]{1,40})/i.exec(contentType)?.[1]
}

/** @NOTE a page that could be searched as ASCII is not UTF-16, whatever it claims. */
function declaredInside(body: Buffer): string | undefined {
  const start = body.toString('latin1', 0, PRESCAN_BYTES)
  const name = /<(?:meta\s[^>]*?charset|\?xml\s[^>]*?encoding)\s*=\s*["']?\s*([\w:.-]{1,40})/i.exec(start)?.[1]
  return name && /^utf-?16/i.test(name) ? 'utf-8' : name
}

function decoderFor(label: string) {
  try {
    return new TextDecoder(label)
  } catch {
    return undefined
  }
}

/** A body that was cut at its limit may end inside a character. */
function looksUtf8(body: Buffer, truncated: boolean): boolean {
  const ends = truncated ? [0, 1, 2, 3] : [0]
  return ends.some((missing) => isUtf8(body.subarray(0, body.length - missing)))
}
