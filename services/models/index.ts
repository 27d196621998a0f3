import type { Model, TokenUsage } from '../agent/model.ts'
import { AppError } from '../errors.ts'
import type { ModelInfo } from '../shapes/frames.ts'
import { withoutDate } from './catalogue.ts'
import { costUsd, type ListedModel, type Prices, toInfo } from './listed-model.ts'
import { createLists, type Listing, type ListsDeps } from './lists.ts'
import { createProviders, type Provider, type ProviderDeps } from './providers.ts'
import { withRetry } from './retry.ts'

export type ModelsDeps = ProviderDeps &
  ListsDeps & {
    defaultModel: () => string | undefined
    /** Whose everyday model is the default where no model is picked. */
    defaultProvider?: () => string | undefined
    /** Whether the models of a provider may be told what is private. */ privateOk?: (provider: string) => boolean
  }

/** A model picked for a run: call `model` with `vendorModel` and at most `maxTokens`. */
export type Choice = {
  /** `provider:model`, as the owner picked it. */
  id: string
  provider: string
  model: Model
  vendorModel: string
  maxTokens: number
  contextLength: number | null
  prices: Prices | null
  capabilities: ModelInfo['capabilities']
}

/** `warnings` are sentences for the owner. */
export type ModelList = { models: ModelInfo[]; default: string; warnings: string[] }

export type Models = ReturnType<typeof createModels>

const ATTEMPTS = 4
const OFFLINE = 'rehearsal:offline'
const UNKNOWN_CAPABILITIES = { vision: true, tools: true, online: false }

/** The models of every provider the owner has set up, and the rehearsal model that is always there. */
export function createModels(deps: ModelsDeps) {
  const { now, log, defaultModel, defaultProvider = () => undefined, privateOk = () => true } = deps
  const providers = createProviders(deps)
  const lists = createLists(deps)
  const patient = new Map(
    providers.map(({ name, model }) => [name, withRetry(model, { attempts: ATTEMPTS, now })] as const),
  )
  const warned = new Set<string>()

  const configured = () => providers.filter((provider) => provider.isConfigured())

  function choose(id: string): Choice {
    const { provider, vendorModel } = parse(id, providers)
    const listed = findListed(lists.known(provider), vendorModel) ?? provider.findUnlisted(vendorModel)
    return {
      id,
      provider: provider.name,
      model: patient.get(provider.name)!,
      vendorModel,
      maxTokens: maxTokensOf(provider, listed),
      contextLength: listed?.contextLength ?? null,
      prices: listed?.prices ?? null,
      capabilities: listed?.capabilities ?? UNKNOWN_CAPABILITIES,
    }
  }

  /** Why the owner's default cannot be used although its provider is set up. */
  function retired(wanted: string | undefined, see: (provider: Provider) => Listing): string | undefined {
    if (!wanted || !usable(wanted)) return undefined
    const { provider, vendorModel } = parse(wanted, providers)
    const listing = see(provider)
    if (!listing.fetched || isListed(listing.models, vendorModel)) return undefined
    return `${provider.label} no longer lists the default model ${wanted}. Another one is used until you pick a new default.`
  }

  function usable(wanted: string): boolean {
    const provider = providers.find(({ name }) => wanted.startsWith(`${name}:`))
    return provider?.isConfigured() === true
  }

  function defaultFrom(see: (provider: Provider) => Listing): { id: string; warning: string | undefined } {
    const wanted = defaultModel()
    const warning = retired(wanted, see)
    if (warning && !warned.has(warning)) log.warn({ model: wanted }, warning)
    if (warning) warned.add(warning)
    return { id: wanted && !warning && usable(wanted) ? wanted : todaysChoice(see), warning }
  }

  /** Those that are set up, the preferred one first. */
  function inOrder(): Provider[] {
    const preferred = defaultProvider()
    return configured().toSorted((a, b) => Number(b.name === preferred) - Number(a.name === preferred))
  }

  function todaysChoice(see: (provider: Provider) => Listing): string {
    for (const provider of inOrder()) {
      const { models } = see(provider)
      const pick = provider.everyday(models) ?? models[0]
      if (pick) return `${provider.name}:${pick.vendorModel}`
    }
    return OFFLINE
  }

  function listNow(): ModelList {
    const listings = configured().map((provider) => ({ provider, ...lists.known(provider) }))
    const { id, warning } = defaultFrom(lists.known)
    return {
      models: listings.flatMap(({ provider, models }) =>
        models.map((model) => toInfo(provider.name, model, privateOk(provider.name))),
      ),
      default: id,
      warnings: [...listings.map(({ problem }) => problem), warning].filter((text) => text !== undefined),
    }
  }

  async function list(): Promise<ModelList> {
    await Promise.all(configured().map(lists.look))
    return listNow()
  }

  return {
    /**
     * The model behind `provider:model`, ready to be called. Throws AppError('invalid') for a provider that does not
     * exist; a model that no list has is taken as it is, its vendor will say.
     */
    choose,

    /** All models there are, with today's lists where they come within 1.5 s, and else with what is known. */
    list,

    /** The same without waiting and without asking anybody. */
    listNow,

    info: async (): Promise<ModelInfo[]> => (await list()).models,

    /**
     * The owner's default while its provider has it, else a good everyday model of the first provider that is set up.
     * Answers from what is known and has lists that are not fresh fetched for the next time.
     */
    default: (): string => defaultFrom(lists.glance).id,

    /**
     * Why a model cannot be the default: its provider is not set up, or has no such model. Throws AppError('invalid') where
     * there is no such provider.
     */
    refusalOf(id: string): string | undefined {
      const { provider, vendorModel } = parse(id, providers)
      if (!provider.isConfigured()) return `Set up ${provider.label} first, or pick a model of another provider.`
      const listing = lists.known(provider)
      if (!listing.fetched || isListed(listing.models, vendorModel)) return undefined
      return `${provider.label} has no model "${vendorModel}".`
    },

    /** The names of the providers that are set up. */
    providers: (): string[] => configured().map(({ name }) => name),

    /** The names of all providers there could be. */
    allProviders: (): string[] => providers.map(({ name }) => name),

    /**
     * The embeddings model behind `provider:model`. Throws AppError('invalid') for a provider that has none or is not set up.
     */
    embedder(id: string): {
      provider: string
      embed: (texts: readonly string[], signal: AbortSignal) => Promise<Float32Array[]>
    } {
      const { provider, vendorModel } = parse(id, providers)
      const { embed } = provider
      if (!embed) throw new AppError('invalid', `${provider.label} has no embeddings models.`)
      if (!provider.isConfigured()) throw new AppError('invalid', `Set up ${provider.label} first.`)
      return { provider: provider.name, embed: (texts, signal) => embed(vendorModel, texts, signal) }
    },

    /** USD for a turn of that model; null where its prices are not known. */
    cost: (id: string, usage: TokenUsage): number | null => costUsd(choose(id).prices, usage),
  }
}

function parse(id: string, providers: readonly Provider[]): { provider: Provider; vendorModel: string } {
  const colon = id.indexOf(':')
  const provider = providers.find(({ name }) => name === id.slice(0, Math.max(colon, 0)))
  const vendorModel = id.slice(colon + 1)
  if (provider && vendorModel) return { provider, vendorModel }
  const names = providers.map(({ name }) => name).join(', ')
  throw new AppError('invalid', `There is no model "${id}". Write provider:model, where provider is one of ${names}.`)
}

function findListed({ models }: Listing, vendorModel: string): ListedModel | undefined {
  return models.find((model) => model.vendorModel === vendorModel)
}

/** Lists do not repeat every way to say a name: without its date, with `:latest` left out, with a `:variant` added. */
function isListed(models: readonly ListedModel[], vendorModel: string): boolean {
  const [base] = vendorModel.split(':')
  return models.some(
    ({ vendorModel: listed }) =>
      listed === vendorModel ||
      listed === base ||
      listed === `${vendorModel}:latest` ||
      withoutDate(listed) === vendorModel,
  )
}

function maxTokensOf({ maxTokens }: Provider, listed: ListedModel | undefined): number {
  const own = listed?.maxOutput ?? maxTokens.unknown
  const room = listed?.contextLength ? Math.floor(listed.contextLength / 4) : Infinity
  return Math.min(own, room, maxTokens.cap)
}
