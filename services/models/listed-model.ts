import type { TokenUsage } from '../agent/model.ts'
import type { ModelInfo } from '../shapes/frames.ts'

/** USD per million tokens. */
export type Rates = { prompt: number; completion: number; cacheRead: number; cacheWrite: number }

/** `long` is what a request costs, all of it, whose prompt has more than `above` tokens. */
export type Prices = Rates & { long?: Rates & { above: number } }

/** Nothing is billed. */
export const FREE: Prices = { prompt: 0, completion: 0, cacheRead: 0, cacheWrite: 0 }

/** One model as its provider lists it, in our words. */
export type ListedModel = {
  /** The vendor's own id. */
  vendorModel: string
  name: string
  contextLength: number | null
  maxOutput: number | null
  /** Null where they are not known. */
  prices: Prices | null
  capabilities: ModelInfo['capabilities']
  /** Milliseconds since 1970; 0 where it is not known. */
  released: number
  /** The provider says that it will go away. */
  retiring: boolean
}

/** What a turn cost; null where the prices are not known. */
export function costUsd(prices: Prices | null, usage: TokenUsage): number | null {
  if (!prices) return null
  const { inputTokens, outputTokens, cacheReadTokens, cacheWriteTokens } = usage
  const rates = prices.long && inputTokens > prices.long.above ? prices.long : prices
  const plain = Math.max(0, inputTokens - cacheReadTokens - cacheWriteTokens)
  const millionths =
    plain * rates.prompt +
    cacheReadTokens * rates.cacheRead +
    cacheWriteTokens * rates.cacheWrite +
    outputTokens * rates.completion
  return millionths / 1_000_000
}

/** A listed model as clients see it. */
export function toInfo(provider: string, model: ListedModel, private_ok: boolean): ModelInfo {
  return {
    id: `${provider}:${model.vendorModel}`,
    name: model.name,
    provider,
    context_length: model.contextLength,
    pricing: { prompt: model.prices?.prompt ?? null, completion: model.prices?.completion ?? null },
    capabilities: model.capabilities,
    private_ok,
  }
}

/** The latest of the models whose id fits, those that will go away only where nothing else is left. */
export function newest(models: readonly ListedModel[], fits: RegExp, unfit?: RegExp): ListedModel | undefined {
  const fitting = models.filter(({ vendorModel }) => fits.test(vendorModel) && !unfit?.test(vendorModel))
  const staying = fitting.filter((model) => !model.retiring)
  return (staying.length > 0 ? staying : fitting).reduce<ListedModel | undefined>(
    (best, model) => (best && best.released >= model.released ? best : model),
    undefined,
  )
}
