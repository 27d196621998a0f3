import type { FileHandle } from 'node:fs/promises'
import { pipeline } from 'node:stream/promises'
import type { Request, Response } from 'express'
import { zipStream, type ArchiveEntry } from '../services/archives.ts'
import { AppError } from '../services/errors.ts'
import type { Media } from '../services/files/media.ts'
import type { Who } from '../services/who.ts'
import { wantedOf, type Range, type Version } from './conditions.ts'

const CHUNK_BYTES = 256 * 1024
/** How often it is looked at whether the asker may still ask. */
const LOOK_MS = 900
/** A reader who takes nothing for so long is cut off; they resume by a range. */
const STALLED_MS = 5 * 60_000

/** Nothing in a file is run as a page of this house. */
const SANDBOX = "default-src 'none'; img-src 'self'; media-src 'self'; style-src 'unsafe-inline'; sandbox"

export type FileAnswer = { handle: FileHandle; name: string; media: Media; inline: boolean; who: Who }

/**
 * Answers with an open file as a good file server does: whole or a range (206, 416, If-Range), not at all where the asker has
 * it (304) or it is another by now (412). The file is closed, however it ends.
 */
export async function answerFile(req: Request, res: Response, answer: FileAnswer): Promise<undefined> {
  const { handle } = answer
  try {
    const version = await versionOf(handle)
    const wanted = wantedOf(req, version)
    if (wanted === 'failed') throw new AppError('precondition_failed', 'The file has changed since.')
    if (wanted === 'outside') throw outside(res, version)
    describe(res, version, answer)
    if (wanted === 'known') return void res.status(304).end()
    const range = wanted === 'whole' ? { start: 0, end: version.size - 1 } : wanted
    if (wanted !== 'whole') res.status(206).set('Content-Range', `bytes ${range.start}-${range.end}/${version.size}`)
    res.set('Content-Length', String(range.end - range.start + 1))
    if (req.method === 'HEAD') return void res.end()
    res.setTimeout(STALLED_MS)
    await pipeline(partsOf(handle, range, answer.who), res)
  } catch (error) {
    if (!res.headersSent) throw error
    // @NOTE the status is out already; a cut connection is how a reader sees that this is not all.
    res.destroy()
  } finally {
    await handle.close()
  }
}

/** Answers with an archive that is made while it is read; it stops where the reader goes away or may not ask any more. */
export async function answerArchive(
  req: Request,
  res: Response,
  { name, entries, who }: { name: string; entries: AsyncIterable<ArchiveEntry>; who: Who },
): Promise<undefined> {
  res.status(200).set({
    'Content-Type': 'application/zip',
    'Content-Disposition': disposition('attachment', `${name}.zip`),
    'Cache-Control': 'no-store, no-transform',
  })
  if (req.method === 'HEAD') return void res.end()
  const zip = await zipStream(entries)
  const look = setInterval(() => who.fresh() || zip.destroy(new Error('The asker may not ask any more.')), LOOK_MS)
  res.setTimeout(STALLED_MS)
  try {
    await pipeline(zip, res)
  } catch {
    res.destroy()
  } finally {
    clearInterval(look)
  }
}

async function versionOf(handle: FileHandle): Promise<Version> {
  const { size, mtime, mtimeNs, ino } = await handle.stat({ bigint: true })
  const etag = `"${[ino, size, mtimeNs].map((part) => part.toString(36)).join('-')}"`
  return { etag, modified: mtime, size: Number(size) }
}

function outside(res: Response, { size }: Version): AppError {
  res.set('Content-Range', `bytes */${size}`)
  return new AppError('range_not_satisfiable', `The file has ${size} bytes; the range lies outside of them.`)
}

function describe(res: Response, { etag, modified }: Version, { name, media, inline }: FileAnswer): void {
  res.status(200).set({
    'Content-Type': media.type,
    'Content-Disposition': disposition(inline && media.shown ? 'inline' : 'attachment', name),
    'Content-Security-Policy': SANDBOX,
    'Accept-Ranges': 'bytes',
    'Cache-Control': 'private, no-cache, no-transform',
    'Last-Modified': modified.toUTCString(),
    ETag: etag,
  })
}

/** The name as RFC 6266 has it: for old readers in ASCII, for all others in UTF-8. */
function disposition(kind: 'inline' | 'attachment', name: string): string {
  const ascii = name.replace(/[^\x20-\x7e]/g, '?').replace(/["\\%]/g, '_')
  if (ascii === name) return `${kind}; filename="${name}"`
  const utf8 = encodeURIComponent(name).replace(/['()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`)
  return `${kind}; filename="${ascii}"; filename*=UTF-8''${utf8}`
}

/** The bytes of a range, as the reader takes them. Fails where there are fewer by now, or the asker may not ask any more. */
async function* partsOf(handle: FileHandle, { start, end }: Range, who: Who): AsyncGenerator<Buffer> {
  let looked = Date.now()
  for (let at = start; at <= end;) {
    const buffer = Buffer.allocUnsafe(Math.min(CHUNK_BYTES, end - at + 1))
    const { bytesRead } = await handle.read(buffer, 0, buffer.length, at)
    if (bytesRead === 0) throw new Error('The file became shorter while it was sent.')
    at += bytesRead
    yield buffer.subarray(0, bytesRead)
    if (Date.now() - looked < LOOK_MS) continue
    if (!who.fresh()) throw new Error('The asker may not ask any more.')
    looked = Date.now()
  }
}
