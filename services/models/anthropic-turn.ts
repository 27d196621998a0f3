import type Anthropic from '@anthropic-ai/sdk'
import type { ModelEvent, ModelStopReason, TokenUsage } from '../agent/model.ts'
import { newId } from '../ids.ts'
import type { AssistantPart } from '../shapes/message.ts'
import { parseArguments } from './call-arguments.ts'

type StreamEvent = Anthropic.RawMessageStreamEvent
type Delta = Anthropic.RawContentBlockDelta

/** A block while it is made: `text` is its words, its thinking or its JSON. */
type OpenBlock = { start: Anthropic.ContentBlock; text: string; signature: string }

/** Every usage object of the stream has these, some as null. */
type VendorUsage = {
  input_tokens?: number | null
  output_tokens?: number | null
  cache_read_input_tokens?: number | null
  cache_creation_input_tokens?: number | null
}

const STOP_REASONS: Record<string, ModelStopReason> = {
  end_turn: 'end_turn',
  stop_sequence: 'end_turn',
  pause_turn: 'end_turn',
  tool_use: 'tool_use',
  max_tokens: 'max_tokens',
  model_context_window_exceeded: 'max_tokens',
  refusal: 'refusal',
}

/**
 * Puts one answer together from the events of its stream. `take` gives back the piece of visible text in an event,
 * `end` the whole; `complete` is true once the vendor said that nothing more comes.
 */
export function anthropicTurn() {
  const blocks: OpenBlock[] = []
  const usage: Required<VendorUsage> = {
    input_tokens: 0,
    output_tokens: 0,
    cache_read_input_tokens: 0,
    cache_creation_input_tokens: 0,
  }
  let stopReason = 'end_turn'
  let complete = false

  function count(reported: VendorUsage | undefined): void {
    for (const key of Object.keys(usage) as (keyof VendorUsage)[]) usage[key] = reported?.[key] ?? usage[key]
  }

  function take(event: StreamEvent): string | undefined {
    switch (event.type) {
      case 'content_block_delta':
        return append(blocks[event.index], event.delta)
      case 'content_block_start':
        blocks[event.index] = openBlock(event.content_block)
        return event.content_block.type === 'text' ? event.content_block.text : undefined
      case 'message_start':
        return void count(event.message.usage)
      case 'message_delta':
        stopReason = event.delta.stop_reason ?? stopReason
        return void count(event.usage)
      case 'message_stop':
        complete = true
    }
    return undefined
  }

  return {
    take,
    complete: () => complete,
    end: (): ModelEvent => ({
      type: 'end',
      parts: blocks.flatMap(partOf),
      usage: tokens(usage),
      stopReason: STOP_REASONS[stopReason] ?? 'end_turn',
    }),
  }
}

function openBlock(start: Anthropic.ContentBlock): OpenBlock {
  if (start.type === 'thinking') return { start, text: start.thinking, signature: start.signature }
  return { start, text: start.type === 'text' ? start.text : '', signature: '' }
}

function append(block: OpenBlock | undefined, delta: Delta): string | undefined {
  if (!block) return undefined
  if (delta.type === 'text_delta') {
    block.text += delta.text
    return delta.text
  }
  if (delta.type === 'input_json_delta') block.text += delta.partial_json
  else if (delta.type === 'thinking_delta') block.text += delta.thinking
  else if (delta.type === 'signature_delta') block.signature = delta.signature
  return undefined
}

function partOf({ start, text, signature }: OpenBlock): AssistantPart[] {
  switch (start.type) {
    case 'text':
      return text === '' ? [] : [{ type: 'text', text }]
    case 'thinking':
      return [opaque({ type: 'thinking', thinking: text, signature })]
    case 'redacted_thinking':
      return [opaque({ type: 'redacted_thinking', data: start.data })]
    case 'tool_use': {
      const written = text === '' ? (start.input ?? {}) : parseArguments(text)
      const call = { callId: newId(), vendorId: start.id, name: start.name, arguments: written }
      return [{ type: 'call', call }]
    }
    default:
      return []
  }
}

function opaque(block: Anthropic.ContentBlockParam): AssistantPart {
  return { type: 'opaque', vendor: 'anthropic', block }
}

function tokens(usage: VendorUsage): TokenUsage {
  const cacheReadTokens = usage.cache_read_input_tokens ?? 0
  const cacheWriteTokens = usage.cache_creation_input_tokens ?? 0
  return {
    inputTokens: (usage.input_tokens ?? 0) + cacheReadTokens + cacheWriteTokens,
    outputTokens: usage.output_tokens ?? 0,
    cacheReadTokens,
    cacheWriteTokens,
  }
}
