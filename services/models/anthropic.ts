import type Anthropic from '@anthropic-ai/sdk'
import type { Model, ModelRequest } from '../agent/model.ts'
import { AppError } from '../errors.ts'
import { toAnthropic } from './anthropic-request.ts'
import { anthropicTurn } from './anthropic-turn.ts'
import { broken, failureOf, missingKey, type Vendor } from './failures.ts'
import { wireFetch } from '../outgoing/wire.ts'

export type AnthropicOptions = { apiKey: () => string | undefined; baseUrl: string | undefined }

type Send = (request: ModelRequest, signal: AbortSignal) => Promise<AsyncIterable<Anthropic.RawMessageStreamEvent>>

const DEFAULT_BASE_URL = 'https://api.anthropic.com'

/** The names by which owners know Anthropic. */
export function anthropicVendor(apiKey: () => string | undefined): Vendor {
  return { provider: 'anthropic', label: 'Anthropic', credential: 'system:anthropic_api_key', apiKey }
}

/** Where the API is; an address written with its `/v1` means the same. */
export function anthropicRoot(baseUrl: string | undefined): string {
  return (baseUrl ?? DEFAULT_BASE_URL).replace(/\/+$/, '').replace(/\/v1$/, '')
}

/**
 * The Claude models over the Messages API. The SDK is loaded with the first call. Throws VendorError for what the
 * vendor or the network did; tries nothing twice but a request whose signed thinking was refused.
 */
export function anthropic({ apiKey, baseUrl }: AnthropicOptions): Model {
  const vendor = anthropicVendor(apiKey)
  const send = sender(vendor, anthropicRoot(baseUrl))

  return async function* (request, signal) {
    const turn = anthropicTurn()
    try {
      for await (const event of await send(request, signal)) {
        const delta = turn.take(event)
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

/**
 * @NOTE Thinking is bound to everything that stood before it: when the system prompt (a new date), the tools or older
 * messages changed since, newer models answer 400 and the conversation could never go on. Then it goes on without its
 * past thinking. https://platform.claude.com/docs/en/build-with-claude/preserved-thinking
 */
function sender(vendor: Vendor, root: string): Send {
  const connect = connector(vendor, root)
  const forgotten = new WeakSet<object>()

  return async (request, signal) => {
    const client = await connect()
    const create = () => client.messages.create(toAnthropic(request, forgotten), { signal, maxRetries: 0 })
    try {
      return await create()
    } catch (error) {
      if (!isRefusedThinking(error) || !forgetThinking(request, forgotten)) throw error
      return create()
    }
  }
}

function isRefusedThinking(error: unknown): boolean {
  const { status, message } = error as { status?: number; message?: string }
  return status === 400 && /signature|thinking.{0,20}block/i.test(message ?? '')
}

/** Marks the signed blocks of a request so that they are left out from now on; false when there was none. */
function forgetThinking(request: ModelRequest, forgotten: WeakSet<object>): boolean {
  const parts = request.messages.flatMap((message) => (message.role === 'assistant' ? message.parts : []))
  const fresh = parts.flatMap((part) => (part.type === 'opaque' && part.vendor === 'anthropic' ? [part.block] : []))
  const remembered = fresh.filter((block) => !forgotten.has(block as object))
  for (const block of remembered) forgotten.add(block as object)
  return remembered.length > 0
}

/** One client a key. Everything the SDK would take from the environment is said here instead. */
function connector(vendor: Vendor, baseURL: string): () => Promise<Anthropic> {
  let current: { key: string; client: Anthropic } | undefined

  return async () => {
    const key = vendor.apiKey()
    if (!key) throw new AppError('upstream_refused', missingKey(vendor))
    if (current?.key === key) return current.client
    const { default: Client } = await import('@anthropic-ai/sdk')
    const client = new Client({
      apiKey: key,
      authToken: null,
      baseURL,
      maxRetries: 0,
      fetch: wireFetch,
      logLevel: 'off',
      openTelemetry: false,
    })
    current = { key, client }
    return client
  }
}
