import { AppError } from '../errors.ts'
import { wireFetch } from '../outgoing/wire.ts'
import { isRecord } from '../shapes/record.ts'
import { missingKey, refusedKey, type Vendor } from './failures.ts'

/** What an embeddings model makes of some texts: one vector each, of length 1, in their order. */
export type Embed = (model: string, texts: readonly string[], signal: AbortSignal) => Promise<Float32Array[]>

export type EmbeddingsOptions = Vendor & { baseUrl: () => string; headers?: Record<string, string> }

const MOST_DIMENSIONS = 8_192
const MOST_ANSWER_BYTES = 32 * 1024 ** 2

/**
 * Embeddings from any server that speaks OpenAI's form of them, Ollama's own among these. Throws AppError with a sentence
 * for what the server or the network did; tries nothing twice.
 */
export function embeddingsForm(vendor: EmbeddingsOptions): Embed {
  return async (model, texts, signal) => {
    const key = vendor.credential ? vendor.apiKey() : undefined
    if (vendor.credential && !key) throw new AppError('upstream_refused', missingKey(vendor))
    const response = await wireFetch(`${vendor.baseUrl()}/embeddings`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        ...vendor.headers,
        ...(key ? { authorization: `Bearer ${key}` } : {}),
      },
      body: JSON.stringify({ model, input: texts, encoding_format: 'float' }),
      signal,
    }).catch((cause: unknown) => {
      signal.throwIfAborted()
      throw new AppError('upstream_failed', `${vendor.label} could not be reached.`, { cause })
    })
    const text = await textOf(response, vendor, signal)
    if (!response.ok) throw refused(response.status, vendor, model)
    return vectorsIn(text, texts.length, vendor)
  }
}

/** A server that never ends its answer fills no memory. */
async function textOf({ body }: Response, vendor: Vendor, signal: AbortSignal): Promise<string> {
  const chunks: Buffer[] = []
  let size = 0
  try {
    for await (const chunk of body as unknown as AsyncIterable<Uint8Array>) {
      size += chunk.length
      if (size > MOST_ANSWER_BYTES) throw notVectors(vendor)
      chunks.push(Buffer.from(chunk))
    }
  } catch (error) {
    signal.throwIfAborted()
    if (error instanceof AppError) throw error
    throw new AppError('upstream_failed', `The connection to ${vendor.label} broke off. Try again.`, { cause: error })
  }
  return Buffer.concat(chunks).toString('utf8')
}

function refused(status: number, vendor: Vendor, model: string): AppError {
  if (status === 401 || status === 403) return new AppError('upstream_refused', refusedKey(vendor))
  if (status === 400 || status === 404)
    return new AppError('upstream_refused', `${vendor.label} has no embeddings model "${model}". Pick another one.`)
  return new AppError('upstream_failed', `${vendor.label} answered ${status}. Try again later.`)
}

function vectorsIn(text: string, count: number, vendor: Vendor): Float32Array[] {
  const answer = parsed(text)
  const data = isRecord(answer) && Array.isArray(answer.data) ? answer.data : []
  const sorted = data.toSorted((a, b) => Number(a?.index ?? 0) - Number(b?.index ?? 0))
  const vectors = sorted.map((row) => unit(row?.embedding))
  if (vectors.length !== count || vectors.some((one) => one === undefined)) throw notVectors(vendor)
  return vectors as Float32Array[]
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function unit(values: unknown): Float32Array | undefined {
  if (!Array.isArray(values) || values.length === 0 || values.length > MOST_DIMENSIONS) return undefined
  const length = Math.hypot(...(values as number[]))
  if (!Number.isFinite(length) || length === 0) return undefined
  return Float32Array.from(values as number[], (value) => value / length)
}

function notVectors({ label }: Vendor): AppError {
  return new AppError('upstream_failed', `${label} answered with something that is no embeddings.`)
}
