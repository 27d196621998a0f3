import { once } from 'node:events'
import { Readable, type PassThrough } from 'node:stream'
import type { ZipFile } from 'yazl'

/**
 * One thing in an archive. `name` has `/` between folders, is not absolute and holds no `..`; one that ends with `/` is an empty
 * folder. `content` is asked for when its turn comes; what it opens is read to the end, or destroyed.
 */
export type ArchiveEntry = {
  name: string
  mtime?: Date | undefined
  content?: Buffer | string | (() => Readable | Promise<Readable>)
  /** False for what is compressed already. */
  compress?: boolean
}

/**
 * A zip of these entries, made while it is read: nothing is kept but the present entry's chunks and the names of those before.
 * `entries` is asked for the next one when the one before has been taken, so it may read a database or walk a folder as it
 * goes. Whoever destroys the stream (a reader that goes away) stops all of it; a fault of an entry destroys the stream, and
 * what was sent then is no valid archive.
 */
export async function zipStream(entries: AsyncIterable<ArchiveEntry> | Iterable<ArchiveEntry>): Promise<Readable> {
  const { ZipFile } = (await import('yazl')).default
  const zip = new ZipFile()
  const out = zip.outputStream as PassThrough
  zip.on('error', (error) => out.destroy(error as Error))
  void feed(zip, out, entries).then(
    () => out.destroyed || zip.end(),
    (error: Error) => out.destroy(error),
  )
  return out
}

async function feed(
  zip: ZipFile,
  out: PassThrough,
  entries: AsyncIterable<ArchiveEntry> | Iterable<ArchiveEntry>,
): Promise<void> {
  for await (const entry of entries) {
    if (out.destroyed) return
    await add(zip, out, entry)
  }
}

function add(zip: ZipFile, out: PassThrough, { name, mtime, content, compress = true }: ArchiveEntry): Promise<void> {
  const options = mtime ? { mtime } : {}
  if (content === undefined) {
    zip.addEmptyDirectory(name.endsWith('/') ? name : `${name}/`, options)
    return taken(out)
  }
  return new Promise((resolve, reject) => {
    let source: Readable | undefined
    const stop = () => {
      source?.destroy()
      reject(new Error('The reader of the archive went away.'))
    }
    const done = (error?: Error) => {
      out.off('close', stop)
      if (error) reject(error)
      else resolve()
    }
    out.once('close', stop)
    zip.addReadStreamLazy(name, { ...options, compress }, (give) => {
      opened(content).then((stream) => {
        source = stream
        if (out.destroyed) return stop()
        stream.once('error', done).once('end', () => done())
        give(null, stream)
      }, done)
    })
  })
}

async function opened(content: NonNullable<ArchiveEntry['content']>): Promise<Readable> {
  return typeof content === 'function' ? await content() : Readable.from([Buffer.from(content)])
}

/** Names of folders alone would otherwise pile up where the reader is slow. */
async function taken(out: PassThrough): Promise<void> {
  if (out.writableNeedDrain && !out.destroyed) await Promise.race([once(out, 'drain'), once(out, 'close')])
}
