import { type AnthropicOptions, anthropicRoot, anthropicVendor } from './anthropic.ts'
import { findClaude } from './catalogue.ts'
import { fetchList, rowsOf } from './fetch-list.ts'
import type { ListedModel } from './listed-model.ts'

/** The version the SDK speaks. */
const API_VERSION = '2026-10-21'
const MAX_PAGES = 20

/**
 * The models this key may use, latest first, all pages of them, joined with the prices of the catalogue. Throws
 * VendorError where the list could not be had.
 */
export async function listAnthropicModels({ apiKey, baseUrl }: AnthropicOptions): Promise<ListedModel[]> {
  const vendor = anthropicVendor(apiKey)
  const headers = { authorization: `Bearer ${apiKey()}`, 'anthropic-version': API_VERSION }
  const models: ListedModel[] = []
  let after = ''
  for (let page = 0; page < MAX_PAGES; page++) {
    const answer = await fetchList(`${anthropicRoot(baseUrl)}/v1/models?limit=100${after}`, headers, vendor)
    models.push(...rowsOf(answer, vendor).map(toListed))
    const { has_more, last_id } = answer as { has_more?: boolean; last_id?: string }
    if (!has_more || !last_id) break
    after = `&after_id=${encodeURIComponent(last_id)}`
  }
  return models
}

function toListed(row: Record<string, any>): ListedModel {
  const known = findClaude(row.id)
  return {
    vendorModel: row.id,
    name: row.display_name ?? known?.name ?? row.id,
    contextLength: row.max_input_tokens ?? known?.contextLength ?? null,
    maxOutput: row.max_tokens ?? known?.maxOutput ?? null,
    prices: known?.prices ?? null,
    capabilities: { vision: row.capabilities?.image_input?.supported ?? true, tools: true, online: false },
    released: Date.parse(row.created_at) || 0,
    retiring: row.lifecycle === 'deprecated',
  }
}
