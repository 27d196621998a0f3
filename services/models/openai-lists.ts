import type { Vendor } from './failures.ts'
import { fetchList, rowsOf } from './fetch-list.ts'
import { FREE, type ListedModel, type Prices } from './listed-model.ts'

export type ListOptions = { vendor: Vendor; baseUrl: string; headers?: Record<string, string> }

const MAX_PAGES = 20

const CHAT_MODELS = /^(gpt-|o\d|chatgpt-)/
const OTHER_MODELS = /audio|realtime|image|tts|transcribe|instruct|live|embedding/

/** What local models that see pictures tend to be called; the list does not say it. */
const SEEING_MODELS = /llava|vision|vl\b|gemma-?[34]|llama-?4|moondream|minicpm-v|pixtral|mistral-small3/i

/** Every model of OpenRouter with prices and abilities. Throws VendorError where the list could not be had. */
export async function listOpenrouterModels(options: ListOptions): Promise<ListedModel[]> {
  const models: ListedModel[] = []
  let path: string | undefined = '/models'
  for (let page = 0; path && page < MAX_PAGES; page++) {
    const answer = await get(options, path)
    models.push(...rowsOf(answer, options.vendor).map(fromOpenrouter))
    path = nextPath((answer as { links?: { next?: unknown } }).links?.next)
  }
  return models
}

/** The chat models of an OpenAI key; their list has no sizes and no prices. Throws like the one above. */
export async function listOpenaiModels(options: ListOptions): Promise<ListedModel[]> {
  const rows = rowsOf(await get(options, '/models'), options.vendor)
  const chat = rows.filter(({ id }) => CHAT_MODELS.test(id) && !OTHER_MODELS.test(id))
  return chat.map((row) => plain(row, { vision: true, prices: null }))
}

/** What is installed on an Ollama (or any local server of the same form); using it is free. Throws like the others. */
export async function listOllamaModels(options: ListOptions): Promise<ListedModel[]> {
  const rows = rowsOf(await get(options, '/models'), options.vendor)
  return rows.map((row) => plain(row, { vision: SEEING_MODELS.test(row.id), prices: FREE }))
}

function get({ vendor, baseUrl, headers = {} }: ListOptions, path: string): Promise<unknown> {
  const key = vendor.apiKey()
  const authorization: Record<string, string> = key ? { authorization: `Bearer ${key}` } : {}
  return fetchList(`${baseUrl}${path}`, { ...headers, ...authorization }, vendor)
}

/** `next` is a path from the root of the host; only its query matters to us. */
function nextPath(next: unknown): string | undefined {
  const query = typeof next === 'string' ? next.split('?')[1] : undefined
  return query ? `/models?${query}` : undefined
}

function fromOpenrouter(row: Record<string, any>): ListedModel {
  const inputs: unknown = row.architecture?.input_modalities ?? row.architecture?.modality?.split('->')[0] ?? ''
  const seen = Array.isArray(inputs) ? inputs.join(' ') : String(inputs)
  return {
    vendorModel: row.id,
    name: row.name ?? row.id,
    contextLength: row.context_length ?? null,
    maxOutput: row.top_provider?.max_completion_tokens ?? null,
    prices: openrouterPrices(row.pricing ?? {}),
    capabilities: {
      vision: seen.includes('image'),
      tools: (row.supported_parameters ?? []).includes('tools'),
      online: /online/i.test(`${row.id} ${row.name}`) || row.id.startsWith('perplexity'),
    },
    released: (row.created ?? 0) * 1000,
    retiring: Boolean(row.expiration_date),
  }
}

/** OpenRouter writes USD per token, as text, and -1 where the price depends. */
function openrouterPrices(pricing: Record<string, string | undefined>): Prices | null {
  const perMillion = (text: string | undefined) => Math.round(Number(text) * 1e12) / 1e6
  const prompt = perMillion(pricing.prompt)
  const completion = perMillion(pricing.completion)
  if (!(prompt >= 0 && completion >= 0)) return null
  const cacheRead = perMillion(pricing.input_cache_read)
  const cacheWrite = perMillion(pricing.input_cache_write)
  return {
    prompt,
    completion,
    cacheRead: cacheRead >= 0 ? cacheRead : prompt,
    cacheWrite: cacheWrite >= 0 ? cacheWrite : prompt,
  }
}

function plain(row: Record<string, any>, { vision, prices }: { vision: boolean; prices: Prices | null }): ListedModel {
  return {
    vendorModel: row.id,
    name: row.id,
    contextLength: null,
    maxOutput: null,
    prices,
    capabilities: { vision, tools: true, online: false },
    released: (row.created ?? 0) * 1000,
    retiring: false,
  }
}
