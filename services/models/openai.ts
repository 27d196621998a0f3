import type OpenAI from 'openai'
import type { Model } from '../agent/model.ts'
import { AppError } from '../errors.ts'
import { broken, failureOf, missingKey, type Vendor } from './failures.ts'
import { toOpenai } from './openai-request.ts'
import { openaiTurn } from './openai-turn.ts'
import { wireFetch } from '../outgoing/wire.ts'

export type OpenaiFormOptions = Vendor & {
  /** Read at every call; the address up to and with `/v1`. */
  baseUrl: () => string
  headers?: Record<string, string>
}

/**
 * Models behind any server that speaks OpenAI's chat completions. The SDK is loaded with the first call. A vendor
 * without `credential` is called without a key of the owner's. Throws VendorError for what the vendor or the network
 * did; tries nothing twice.
 */
export function openaiForm(vendor: OpenaiFormOptions): Model {
  const connect = connector(vendor)

  return async function* (request, signal) {
    const turn = openaiTurn()
    try {
      const client = await connect()
      const stream = await client.chat.completions.create(toOpenai(request, vendor.provider), { signal, maxRetries: 0 })
      for await (const chunk of stream) {
        const delta = turn.take(chunk)
        if (delta) yield { type: 'text', delta }
      }
    } catch (error) {
      signal.throwIfAborted()
      throw failureOf(error, vendor, request.model)
    }
    signal.throwIfAborted()
    if (!turn.complete()) throw broken(vendor)
    yield turn.end()
  }
}

/** One client a key and address. Everything the SDK would take from the environment is said here instead. */
function connector(vendor: OpenaiFormOptions): () => Promise<OpenAI> {
  let current: { id: string; client: OpenAI } | undefined

  return async () => {
    const apiKey = vendor.credential ? vendor.apiKey() : 'none'
    if (!apiKey) throw new AppError('upstream_refused', missingKey(vendor))
    const baseURL = vendor.baseUrl()
    const id = `${baseURL} ${apiKey}`
    if (current?.id === id) return current.client
    const { default: Client } = await import('openai')
    const client = new Client({
      apiKey,
      adminAPIKey: null,
      organization: null,
      project: null,
      baseURL,
      maxRetries: 0,
      fetch: wireFetch,
      logLevel: 'off',
      defaultHeaders: vendor.headers ?? {},
    })
    current = { id, client }
    return client
  }
}
