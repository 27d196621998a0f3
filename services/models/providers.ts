import type { Model } from '../agent/model.ts'
import { AppError } from '../errors.ts'
import { anthropic, anthropicVendor } from './anthropic.ts'
import { listAnthropicModels } from './anthropic-list.ts'
import { CURRENT_CLAUDES, findClaude } from './catalogue.ts'
import { embeddingsForm, type Embed } from './embeddings.ts'
import type { Vendor } from './failures.ts'
import { type ListedModel, newest } from './listed-model.ts'
import { openaiForm } from './openai.ts'
import { listOllamaModels, listOpenaiModels, listOpenrouterModels } from './openai-lists.ts'
import { rehearsal, REHEARSAL_MODEL } from './rehearsal.ts'

export type BaseUrls = Partial<Record<'anthropic' | 'openrouter' | 'openai' | 'ollama', string | undefined>>

export type ProviderDeps = { credentials: { find(key: string): string | undefined }; baseUrls: BaseUrls }

/** A place where models come from. */
export type Provider = {
  name: string
  label: string
  isConfigured: () => boolean
  /** One attempt a call; the patience comes on top. */
  model: Model
  /** What the list depends on: when it changes, the list is another one. */
  listKey: () => string
  fetchList: () => Promise<ListedModel[]>
  /** What there is as long as nothing was fetched. */
  known: readonly ListedModel[]
  /** A model that is not in the list although it exists. */
  findUnlisted: (vendorModel: string) => ListedModel | undefined
  /** The sensible one for everyday work among these. */
  everyday: (models: readonly ListedModel[]) => ListedModel | undefined
  /** Where it has embeddings models too. */
  embed?: Embed
  /** How much of a model's output is asked for at most, and where its own limit is not known. */
  maxTokens: { cap: number; unknown: number }
}

/** All providers there are, in the order in which the default is looked for. */
export function createProviders(deps: ProviderDeps): Provider[] {
  return [anthropicProvider(deps), openrouterProvider(deps), openaiProvider(deps), ollamaProvider(deps), OFFLINE]
}

function anthropicProvider({ credentials, baseUrls }: ProviderDeps): Provider {
  const options = { apiKey: () => credentials.find('system:anthropic_api_key'), baseUrl: baseUrls.anthropic }
  return {
    ...common(anthropicVendor(options.apiKey)),
    model: anthropic(options),
    fetchList: () => listAnthropicModels(options),
    known: CURRENT_CLAUDES,
    findUnlisted: findClaude,
    everyday: (models) => newest(models, /^claude-sonnet-/),
    maxTokens: { cap: 32_000, unknown: 8_192 },
  }
}

function openrouterProvider({ credentials, baseUrls }: ProviderDeps): Provider {
  const vendor = keyed('openrouter', 'OpenRouter', credentials)
  const baseUrl = baseUrls.openrouter ?? 'https://openrouter.ai/api/v1'
  // Names the program to OpenRouter. No HTTP-Referer: the owner's address is nobody's business.
  const headers = { 'X-Title': 'Steward' }
  return {
    ...common(vendor),
    model: openaiForm({ ...vendor, baseUrl: () => baseUrl, headers }),
    embed: embeddingsForm({ ...vendor, baseUrl: () => baseUrl, headers }),
    fetchList: () => listOpenrouterModels({ vendor, baseUrl, headers }),
    known: [
      { ...CURRENT_CLAUDES[0]!, vendorModel: 'anthropic/claude-sonnet-5.5', name: 'Anthropic: Claude Sonnet 5.5' },
    ],
    everyday: (models) => newest(models, /^anthropic\/claude-sonnet/, /:/),
    // OpenRouter sets money aside for all of it, and refuses when the balance is too small.
    maxTokens: { cap: 16_000, unknown: 8_192 },
  }
}

function openaiProvider({ credentials, baseUrls }: ProviderDeps): Provider {
  const vendor = keyed('openai', 'OpenAI', credentials)
  const baseUrl = baseUrls.openai ?? 'https://api.openai.com/v1'
  return {
    ...common(vendor),
    model: openaiForm({ ...vendor, baseUrl: () => baseUrl }),
    embed: embeddingsForm({ ...vendor, baseUrl: () => baseUrl }),
    fetchList: () => listOpenaiModels({ vendor, baseUrl }),
    everyday: (models) => newest(models, /^gpt-/, /pro|mini|nano|codex|search|preview|astra|ultra|-\d{4}-\d{2}-\d{2}/),
    maxTokens: { cap: 16_000, unknown: 16_000 },
  }
}

function ollamaProvider({ credentials, baseUrls }: ProviderDeps): Provider {
  const vendor: Vendor = { provider: 'ollama', label: 'Ollama', apiKey: () => undefined }
  const address = () => credentials.find('system:ollama_base_url') ?? baseUrls.ollama
  const baseUrl = () => ollamaRoot(address())
  return {
    ...common(vendor),
    isConfigured: () => Boolean(address()),
    model: openaiForm({ ...vendor, baseUrl }),
    embed: embeddingsForm({ ...vendor, baseUrl }),
    listKey: () => address() ?? '',
    fetchList: () => listOllamaModels({ vendor, baseUrl: baseUrl() }),
    maxTokens: { cap: 8_192, unknown: 8_192 },
  }
}

/** Ollama's own addresses have no `/v1`, those of compatible servers often do. */
function ollamaRoot(address: string | undefined): string {
  const isWeb = /^https?:\/\/./.test(address ?? '') && URL.canParse(address ?? '')
  if (address && isWeb) return `${address.replace(/\/+$/, '').replace(/\/v1$/, '')}/v1`
  throw new AppError(
    'upstream_refused',
    'There is no usable Ollama address yet. Add it under Settings → Credentials as system:ollama_base_url, like http://127.0.0.1:11434.',
  )
}

const OFFLINE: Provider = {
  ...common({ provider: 'rehearsal', label: 'Rehearsal', apiKey: () => undefined }),
  isConfigured: () => true,
  model: rehearsal,
  fetchList: async () => [REHEARSAL_MODEL],
  known: [REHEARSAL_MODEL],
  maxTokens: { cap: 4_096, unknown: 4_096 },
}

function keyed(
  provider: string,
  label: string,
  credentials: ProviderDeps['credentials'],
): Vendor & { credential: string } {
  const credential = `system:${provider}_api_key`
  return { provider, label, credential, apiKey: () => credentials.find(credential) }
}

/** What is the same for most. */
function common({ provider, label, apiKey }: Vendor) {
  return {
    name: provider,
    label,
    isConfigured: () => Boolean(apiKey()),
    listKey: () => apiKey() ?? '',
    known: [] as readonly ListedModel[],
    findUnlisted: (): ListedModel | undefined => undefined,
    everyday: (models: readonly ListedModel[]) => models[0],
  }
}
