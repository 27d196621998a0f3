import type { ModelRequest } from '../agent/model.ts'
import type { Message, ToolResult } from '../shapes/message.ts'
import type { Prices, Rates } from './listed-model.ts'

const BYTES_PER_TOKEN = 2
const IMAGE_TOKENS = 5_000
const DOCUMENT_BYTES_PER_TOKEN = 20

/** What vendors add of their own: to a request with tools, and to each message. */
const REQUEST_TOKENS = 1_000
const MESSAGE_TOKENS = 10

/** The most that a turn can cost; null where the prices are not known. */
export function estimateUsd(prices: Prices | null, turn: { inputTokens: number; maxTokens: number }): number | null {
  if (!prices) return null
  const { long } = prices
  const applicable: Rates[] = long && turn.inputTokens > long.above ? [prices, long] : [prices]
  const input = Math.max(...applicable.flatMap(({ prompt, cacheRead, cacheWrite }) => [prompt, cacheRead, cacheWrite]))
  const output = Math.max(...applicable.map(({ completion }) => completion))
  return (turn.inputTokens * input + turn.maxTokens * output) / 1_000_000
}

/** More tokens than a request will be counted as, as far as its size can tell. */
export function estimateInputTokens({ system, messages, tools }: ModelRequest): number {
  const fixed = tokensOf(system.stable) + tokensOf(system.changing) + tokensOf(JSON.stringify(tools))
  return messages.reduce((sum, message) => sum + MESSAGE_TOKENS + messageTokens(message), REQUEST_TOKENS + fixed)
}

function messageTokens(message: Message): number {
  if (message.role === 'tool') return sum(message.results.map(resultTokens))
  return sum(message.parts.map(partTokens))
}

function resultTokens({ content, media = [] }: ToolResult): number {
  return tokensOf(content) + MESSAGE_TOKENS + sum(media.map(partTokens))
}

function partTokens(part: Exclude<Message, { role: 'tool' }>['parts'][number]): number {
  if (part.type === 'text') return tokensOf(part.text)
  if (part.type === 'media') return mediaTokens(part.mediaType, part.data.length * 0.75)
  return tokensOf(JSON.stringify(part))
}

function mediaTokens(mediaType: string, bytes: number): number {
  if (mediaType.startsWith('image/')) return IMAGE_TOKENS
  return Math.max(IMAGE_TOKENS, Math.ceil(bytes / DOCUMENT_BYTES_PER_TOKEN))
}

const tokensOf = (text: string): number => Math.ceil(Buffer.byteLength(text) / BYTES_PER_TOKEN)
const sum = (numbers: number[]): number => numbers.reduce((total, one) => total + one, 0)
