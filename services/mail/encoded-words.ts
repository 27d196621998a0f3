import { textOfBytes } from './charsets.ts'

const WORD = /=\?([^?\s]{1,80})\?([BbQq])\?([^?\r\n]{0,4000})\?=/g

type Word = { charset: string; bytes: Buffer }

/**
 * A header value with its encoded words read (RFC 2047). White space between two of them is nothing, and those that share a
 * charset are read as one, since some programs cut a character in two.
 */
export function decodeWords(value: string): string {
  if (!value.includes('=?')) return value
  let text = ''
  let open: Word | undefined
  let end = 0
  const close = () => {
    if (open) text += textOfBytes(open.bytes, open.charset)
    open = undefined
  }
  for (const match of value.matchAll(WORD)) {
    const between = value.slice(end, match.index)
    const word = wordOf(match)
    end = match.index + match[0].length
    if (open && between.trim() === '' && open.charset === word.charset) {
      open = { charset: word.charset, bytes: Buffer.concat([open.bytes, word.bytes]) }
      continue
    }
    const adjacent = open !== undefined && between.trim() === ''
    close()
    text += adjacent ? '' : between
    open = word
  }
  close()
  return text + value.slice(end)
}

function wordOf([, charset, encoding, content]: RegExpMatchArray): Word {
  const bytes = /b/i.test(encoding!) ? Buffer.from(content!, 'base64') : quotedPrintable(content!)
  // @NOTE a language may follow the charset (RFC 2231, 5).
  return { charset: charset!.split('*')[0]!.toLowerCase(), bytes }
}

function quotedPrintable(content: string): Buffer {
  const escaped = content
    .replaceAll('_', ' ')
    .replace(/=([0-9a-f]{2})/gi, (_whole, hex: string) => String.fromCharCode(parseInt(hex, 16)))
  return Buffer.from(escaped, 'latin1')
}
