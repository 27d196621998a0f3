import type { ListedModel, Prices, Rates } from './listed-model.ts'

/**
 * What is known of the Claude models without asking. The list of the API goes first; it has no prices.
 * Sources, read in November 2026: https://platform.claude.com/docs/en/about-claude/pricing and
 * https://platform.claude.com/docs/en/about-claude/models/overview with the page of each model.
 */

/** Cache reads as a share of the input price; writes for five minutes are always 1.25 of it. */
const CACHE_READ = { usual: 0.1, low: 0.05, lowest: 0.025 }

const LARGE = { contextLength: 1_000_000, maxOutput: 128_000 }
const SMALL = { contextLength: 200_000, maxOutput: 64_000 }

const HAIKU_5_5: Prices = { ...rates(0.1, 0.5), long: { above: 100_000, ...rates(0.5, 2.5) } }

/** The models to offer while the API cannot be asked, one of each class. */
export const CURRENT_CLAUDES: readonly ListedModel[] = [
  claude('claude-sonnet-5-5', 'Claude Sonnet 5.5', LARGE, rates(2, 10, CACHE_READ.low)),
  claude('claude-opus-5-5', 'Claude Opus 5.5', LARGE, rates(4, 20, CACHE_READ.low)),
  claude('claude-fable-5-2', 'Claude Fable 5.2', LARGE, rates(8, 40, CACHE_READ.lowest)),
  claude('claude-haiku-5-5', 'Claude Haiku 5.5', LARGE, HAIKU_5_5),
]

const EARLIER_CLAUDES: readonly ListedModel[] = [
  claude('claude-fable-5-1', 'Claude Fable 5.1', LARGE, rates(10, 50, CACHE_READ.lowest)),
  claude('claude-fable-5', 'Claude Fable 5', LARGE, rates(10, 50)),
  claude('claude-opus-5', 'Claude Opus 5', LARGE, rates(5, 25)),
  claude('claude-opus-4-8', 'Claude Opus 4.8', LARGE, rates(5, 25)),
  claude('claude-opus-4-7', 'Claude Opus 4.7', LARGE, rates(5, 25)),
  claude('claude-opus-4-6', 'Claude Opus 4.6', LARGE, rates(5, 25)),
  claude('claude-opus-4-5', 'Claude Opus 4.5', SMALL, rates(5, 25)),
  claude('claude-sonnet-5', 'Claude Sonnet 5', LARGE, rates(2, 10)),
  claude('claude-sonnet-4-6', 'Claude Sonnet 4.6', LARGE, rates(3, 15)),
  claude('claude-sonnet-4-5', 'Claude Sonnet 4.5', SMALL, rates(3, 15)),
  claude('claude-haiku-4-5', 'Claude Haiku 4.5', SMALL, rates(1, 5)),
]

const CLAUDES = new Map([...CURRENT_CLAUDES, ...EARLIER_CLAUDES].map((model) => [model.vendorModel, model]))

/** The known Claude of that id; a dated id (`claude-haiku-4-5-20251001`) is the same model. */
export function findClaude(vendorModel: string): ListedModel | undefined {
  return CLAUDES.get(vendorModel) ?? CLAUDES.get(withoutDate(vendorModel))
}

/** The id without the day of its snapshot, as people write it. */
export function withoutDate(vendorModel: string): string {
  return vendorModel.replace(/-20\d{6}$/, '')
}

function claude(vendorModel: string, name: string, limits: typeof LARGE, prices: Prices): ListedModel {
  return {
    vendorModel,
    name,
    ...limits,
    prices,
    capabilities: { vision: true, tools: true, online: false },
    released: 0,
    retiring: false,
  }
}

function rates(prompt: number, completion: number, cacheRead = CACHE_READ.usual): Rates {
  return { prompt, completion, cacheRead: prompt * cacheRead, cacheWrite: prompt * 1.25 }
}
