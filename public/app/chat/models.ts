import { computed, signal } from '@preact/signals'
import type { ModelInfo } from '../../../services/shapes/frames.ts'
import { api } from '../api.ts'
import { compact, dollars } from '../format.ts'

const KEY = 'steward.model'

/** The models there are; null until first heard of. */
export const models = signal<ModelInfo[] | null>(null)

/** What the server wants said about the models, such as a default that its provider has retired. */
export const modelWarnings = signal<string[]>([])

/** The id of the one that answers unless another is picked. */
export const defaultModel = signal<string | null>(null)

/** Why the models could not be asked for, the last time. */
export const modelsProblem = signal<unknown>(null)

export const PROVIDERS: Record<string, string> = {
  anthropic: 'Anthropic',
  openai: 'OpenAI',
  openrouter: 'OpenRouter',
  ollama: 'Ollama',
  rehearsal: 'Built in, works offline',
}

const chosen = signal(localStorage.getItem(KEY))

/** The model that answers next: the chosen one while it exists, else the server's default. */
export const model = computed<ModelInfo | null>(() => {
  const find = (id: string | null) => models.value?.find((each) => each.id === id)
  return find(chosen.value) ?? find(defaultModel.value) ?? null
})

export function chooseModel(id: string): void {
  chosen.value = id
  localStorage.setItem(KEY, id)
}

export function takeModels(list: ModelInfo[], preset: string): void {
  models.value = list
  defaultModel.value = preset
}

/** Asks for the models unless they are known; `again` asks anyway, since a new key brings new ones. */
export async function loadModels(again = false): Promise<void> {
  if (models.value && !again) return
  modelsProblem.value = null
  const [list, named] = await Promise.all([
    api.get<ModelInfo[]>('/api/models/info'),
    api.get<{ default: string; warnings?: string[] }>('/api/models'),
  ]).catch((error: unknown) => {
    modelsProblem.value = error
    return [null, null]
  })
  if (!list || !named) return
  takeModels(list, named.default)
  modelWarnings.value = named.warnings ?? []
}

/** "$3 in, $15 out": USD per million tokens. */
export function priceOf({ pricing: { prompt, completion } }: ModelInfo): string {
  if (prompt === null || completion === null) return 'price unknown'
  if (prompt === 0 && completion === 0) return 'free'
  return `${short(prompt)} in, ${short(completion)} out`
}

const short = (usd: number): string => dollars(usd).replace(/\.00$/, '')

export const contextOf = ({ context_length }: ModelInfo): string =>
  context_length === null ? '' : `${compact(context_length)} context`
