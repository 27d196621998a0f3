import type OpenAI from 'openai'
import type { ModelEvent, ModelStopReason, TokenUsage } from '../agent/model.ts'
import { newId } from '../ids.ts'
import type { AssistantPart, ToolCall } from '../shapes/message.ts'
import { parseArguments } from './call-arguments.ts'

type Delta = OpenAI.ChatCompletionChunk.Choice.Delta
type CallDelta = OpenAI.ChatCompletionChunk.Choice.Delta.ToolCall

type OpenCall = { index: number | undefined; vendorId: string; name: string; json: string }

const STOP_REASONS: Record<string, ModelStopReason> = {
  stop: 'end_turn',
  tool_calls: 'tool_use',
  function_call: 'tool_use',
  length: 'max_tokens',
  content_filter: 'refusal',
}

/**
 * Puts one answer together from the chunks of its stream. `take` gives back the piece of visible text in a chunk, `end`
 * the whole; `complete` is true once a chunk named the reason to stop.
 */
export function openaiTurn() {
  const calls: OpenCall[] = []
  let text = ''
  let refused = false
  let finish: string | undefined
  let usage: OpenAI.CompletionUsage | undefined

  function take(chunk: OpenAI.ChatCompletionChunk): string | undefined {
    usage = chunk.usage ?? usage
    const choice = chunk.choices?.[0]
    if (!choice) return undefined
    finish = choice.finish_reason ?? finish
    return said(choice.delta)
  }

  function said(delta: Delta | undefined): string | undefined {
    for (const call of delta?.tool_calls ?? []) addCall(calls, call)
    refused ||= Boolean(delta?.refusal)
    const piece = delta?.content || delta?.refusal || undefined
    text += piece ?? ''
    return piece
  }

  function stopReason(): ModelStopReason {
    if (refused) return 'refusal'
    const reason = STOP_REASONS[finish ?? ''] ?? 'end_turn'
    // Some servers say "stop" although they wrote calls.
    return reason === 'end_turn' && calls.length > 0 ? 'tool_use' : reason
  }

  return {
    take,
    complete: () => finish !== undefined && finish !== 'error',
    end: (): ModelEvent => ({ type: 'end', parts: parts(text, calls), usage: tokens(usage), stopReason: stopReason() }),
  }
}

/** Finds the call a piece belongs to. Some servers leave the index out, others give every call index 0 and its own id. */
function addCall(calls: OpenCall[], piece: CallDelta): void {
  const sameIndex = calls.findLast((call) => call.index === piece.index)
  const isNew = !sameIndex || Boolean(piece.id && sameIndex.vendorId && piece.id !== sameIndex.vendorId)
  const call = isNew ? { index: piece.index, vendorId: '', name: '', json: '' } : sameIndex
  if (isNew) calls.push(call)
  call.vendorId ||= piece.id ?? ''
  call.name ||= piece.function?.name ?? ''
  call.json += piece.function?.arguments ?? ''
}

function parts(text: string, calls: OpenCall[]): AssistantPart[] {
  const spoken: AssistantPart[] = text === '' ? [] : [{ type: 'text', text }]
  return [...spoken, ...calls.map((call) => ({ type: 'call' as const, call: toCall(call) }))]
}

function toCall({ vendorId, name, json }: OpenCall): ToolCall {
  const callId = newId()
  return { callId, vendorId: vendorId || callId, name, arguments: parseArguments(json) }
}

function tokens(usage: OpenAI.CompletionUsage | undefined): TokenUsage {
  return {
    inputTokens: usage?.prompt_tokens ?? 0,
    outputTokens: usage?.completion_tokens ?? 0,
    cacheReadTokens: usage?.prompt_tokens_details?.cached_tokens ?? 0,
    cacheWriteTokens: usage?.prompt_tokens_details?.cache_write_tokens ?? 0,
  }
}
