import { createHash } from 'node:crypto'
import type { FileHandle } from 'node:fs/promises'
import { AppError } from '../errors.ts'
import { chunksOf } from './replace.ts'

const MAX_BYTES = 64 * 1024 * 1024
const BINARY_PROBE_BYTES = 8192

/** A window of a file's text. `total` counts the whole file; `sha256` is of its bytes. */
export type TextWindow = { text: string; total: number; sha256: string }

/**
 * Reads characters `offset` to `offset + limit` of an open text file; what is no UTF-8 becomes U+FFFD. Throws AppError for
 * binary files and for those above 64 MiB, and the reason of the signal when it ends.
 */
export async function readText(
  handle: FileHandle,
  { offset, limit, signal }: { offset: number; limit: number; signal: AbortSignal },
): Promise<TextWindow> {
  if ((await handle.stat()).size > MAX_BYTES) throw new AppError('too_large', 'This file is larger than 64 MiB.')
  const hash = createHash('sha256')
  const decoder = new TextDecoder()
  const window = { text: '', total: 0 }
  for await (const chunk of chunksOf(handle)) {
    signal.throwIfAborted()
    if (window.total === 0) refuseBinary(chunk.subarray(0, BINARY_PROBE_BYTES))
    hash.update(chunk)
    take(window, decoder.decode(chunk, { stream: true }), offset, limit)
  }
  take(window, decoder.decode(), offset, limit)
  return { ...window, sha256: hash.digest('hex') }
}

/** The SHA-256 of an open file, hex. */
export async function hashOf(handle: FileHandle): Promise<string> {
  const hash = createHash('sha256')
  for await (const chunk of chunksOf(handle)) hash.update(chunk)
  return hash.digest('hex')
}

function refuseBinary(start: Buffer): void {
  if (start.includes(0)) throw new AppError('unsupported_media_type', 'This is a binary file; only text can be read.')
}

function take(window: { text: string; total: number }, piece: string, offset: number, limit: number): void {
  const from = Math.max(0, offset - window.total)
  const to = offset + limit - window.total
  if (to > from) window.text += piece.slice(from, to)
  window.total += piece.length
}
