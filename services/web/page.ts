import { AppError } from '../errors.ts'
import type { Answer } from '../outgoing/client.ts'
import { decodeText, mediaTypeOf } from '../outgoing/text.ts'
import type { PageText } from './article.ts'
import type { PageReader } from './reader.ts'

const HTML = new Set(['text/html', 'application/xhtml+xml'])
const TEXT = /^text\/|^application\/(.+\+)?(json|xml|yaml|x-yaml|toml|javascript|x-ndjson)$/
const STATUS_WORDS: Record<number, string> = {
  401: 'it wants a sign-in',
  403: 'it refuses access',
  404: 'there is no such page',
  410: 'the page is gone',
  429: 'it takes no more requests for the moment',
}

/**
 * What an answer says: web pages as Markdown, text, JSON and XML as they are. Throws AppError `upstream_failed` for an
 * error status and `unsupported_media_type` for what is no text.
 */
export async function textOf(answer: Answer, reader: PageReader, signal: AbortSignal): Promise<PageText> {
  if (answer.status >= 400) throw new AppError('upstream_failed', failure(answer))
  const type = mediaTypeOf(answer.contentType) || guessedType(answer.body)
  const cut = answer.truncated
  if (TEXT.test(type) && !HTML.has(type)) return { title: '', text: decodeText(answer), cut }
  if (HTML.has(type)) {
    const page = await reader.article(decodeText(answer), answer.url, signal)
    return { ...page, cut: page.cut || cut }
  }
  const what = type || 'something that is no text'
  throw new AppError('unsupported_media_type', `This address holds ${what}; only web pages and text can be read.`)
}

function failure({ url, status }: Answer): string {
  const words = STATUS_WORDS[status] ?? (status >= 500 ? 'it has a fault of its own' : 'it refuses the request')
  return `${new URL(url).host} answered ${status}: ${words}.`
}

function guessedType(body: Buffer): string {
  const start = body.subarray(0, 1024)
  if (start.includes(0)) return ''
  return start.toString('latin1').trimStart().startsWith('<') ? 'text/html' : 'text/plain'
}
