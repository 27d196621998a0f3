import { pipeline, Readable, type Transform } from 'node:stream'
import { constants, createBrotliDecompress, createGunzip, createInflate, createZstdDecompress } from 'node:zlib'
import { AppError } from '../errors.ts'

export const ACCEPTED_ENCODINGS = 'gzip, br, zstd'

const MAX_LAYERS = 2
/** Answers that end early are read as far as they go, as browsers do; a cut connection is an error all the same. */
const LENIENT = { finishFlush: constants.Z_SYNC_FLUSH }
const DECODERS: Record<string, () => Transform> = {
  gzip: () => createGunzip(LENIENT),
  'x-gzip': () => createGunzip(LENIENT),
  deflate: () => createInflate(LENIENT),
  br: () => createBrotliDecompress({ finishFlush: constants.BROTLI_OPERATION_FLUSH }),
  zstd: () => createZstdDecompress({ params: { [constants.ZSTD_d_windowLogMax]: 23 } }),
}

/**
 * Reads at most `maxBytes` after decompression, and at most as many packed ones, and stops there: nothing beyond is
 * unpacked, kept or waited for. `truncated` says that there was more.
 */
export async function readBody(
  body: Readable,
  contentEncoding: string,
  maxBytes: number,
): Promise<{ body: Buffer; truncated: boolean }> {
  const chunks: Buffer[] = []
  const meter = { bytes: 0, most: maxBytes }
  let size = 0
  for await (const chunk of unpacked(body, contentEncoding, meter) as AsyncIterable<Buffer>) {
    chunks.push(chunk)
    size += chunk.length
    if (size > maxBytes) return { body: Buffer.concat(chunks, maxBytes), truncated: true }
  }
  return { body: Buffer.concat(chunks), truncated: meter.bytes > maxBytes }
}

type Meter = { bytes: number; most: number }

/** Packed bytes up to the limit: an endless stream of them may unpack to nothing at all. */
async function* metered(body: Readable, meter: Meter): AsyncGenerator<Buffer> {
  for await (const chunk of body as AsyncIterable<Buffer>) {
    meter.bytes += chunk.length
    if (meter.bytes > meter.most) return
    yield chunk
  }
}

/** Lets go of an answer nobody wants to read. */
export function discard(body: Readable): void {
  body.on('error', () => {}).destroy()
}

function unpacked(body: Readable, contentEncoding: string, meter: Meter): Readable {
  const names = contentEncoding.toLowerCase().split(',')
  const layers = names.map((name) => name.trim()).filter((name) => name !== '' && name !== 'identity')
  if (layers.length > MAX_LAYERS || layers.some((name) => !Object.hasOwn(DECODERS, name))) {
    discard(body)
    throw new AppError('upstream_failed', 'The server packed its answer in a way that cannot be read here.')
  }
  if (layers.length === 0) return body
  const source = Readable.from(metered(body, meter), { objectMode: false })
  return layers.reduceRight<Readable>((from, name) => pipeline(from, DECODERS[name]!(), () => {}), source)
}
