import type { FileHandle } from 'node:fs/promises'
import { extname } from 'node:path'

const PROBE_BYTES = 8192

/** Shown in place when asked for; everything else is a download. */
const SHOWN = new Set([
  'image/png',
  'image/jpeg',
  'image/gif',
  'image/webp',
  'application/pdf',
  'audio/mpeg',
  'audio/ogg',
  'audio/wav',
  'audio/flac',
  'audio/aac',
  'audio/x-m4a',
  'audio/mp4',
  'video/mp4',
  'video/webm',
  'video/ogg',
  'video/quicktime',
])
const SAME: Record<string, string> = { 'image/apng': 'image/png', 'audio/vnd.wave': 'audio/wav' }

/** What browsers may take for a page with scripts, by its beginning or by its name. */
const MARKUP_START = /^\s*(?:<\?xml|<!doctype|<!--|<\s*(?:html|head|body|svg|script|style|iframe|math)\b)/i
const MARKUP_NAMES = new Set(['.html', '.htm', '.xhtml', '.xht', '.shtml', '.svg', '.svgz', '.xml', '.xsl', '.mht', '.mhtml']) // prettier-ignore

/** `type` for a Content-Type; `shown`: safe to show in place. */
export type Media = { type: string; shown: boolean }

const UNKNOWN: Media = { type: 'application/octet-stream', shown: false }

/** What a file is by its content; its name can only make it less trusted. */
export async function mediaOf(handle: FileHandle, name: string): Promise<Media> {
  const probe = Buffer.alloc(PROBE_BYTES)
  const { bytesRead } = await handle.read(probe, 0, PROBE_BYTES, 0)
  const start = probe.subarray(0, bytesRead)
  const { fileTypeFromBuffer } = await import('file-type')
  const found = await fileTypeFromBuffer(start).catch(() => undefined)
  if (found) return known(SAME[found.mime] ?? (found.mime.split(';')[0] as string))
  if (!isText(start, bytesRead === PROBE_BYTES)) return UNKNOWN
  const markup = MARKUP_START.test(start.toString('latin1').replace('\u00ef\u00bb\u00bf', ''))
  if (markup || MARKUP_NAMES.has(extname(name).toLowerCase())) return UNKNOWN
  return { type: 'text/plain; charset=utf-8', shown: true }
}

function known(type: string): Media {
  if (/html|svg|xml|script/.test(type)) return UNKNOWN
  return { type, shown: SHOWN.has(type) }
}

/** UTF-8 without zero bytes; a character cut off by the end of the probe is no fault. */
function isText(start: Buffer, cut: boolean): boolean {
  if (start.includes(0)) return false
  try {
    new TextDecoder('utf-8', { fatal: true }).decode(start, { stream: cut })
    return true
  } catch {
    return false
  }
}

/** Endings of files that do not get smaller by being packed again. */
const PACKED = /\.(zip|gz|tgz|bz2|xz|zst|7z|rar|jpe?g|png|gif|webp|heic|mp3|m4a|ogg|flac|mp4|mov|mkv|webm|avi|docx|xlsx|pptx|odt|epub|apk|jar)$/i // prettier-ignore

export const isPacked = (name: string): boolean => PACKED.test(name)
