import type Anthropic from '@anthropic-ai/sdk'
import type { ModelRequest } from '../agent/model.ts'
import type { AssistantPart, MediaPart, Message, TextPart, ToolResult } from '../shapes/message.ts'
import { asObject } from './call-arguments.ts'

type Block = Anthropic.ContentBlockParam
type Turn = { role: 'user' | 'assistant'; content: Block[] }

const CACHED = { cache_control: { type: 'ephemeral' } } as const

/**
 * Our request in the words of the Messages API. The stable part of the prompt and the conversation up to its last
 * block are marked for caching. `forgotten` holds signed blocks that the API refused to take back.
 */
export function toAnthropic(request: ModelRequest, forgotten: WeakSet<object>): Anthropic.MessageCreateParamsStreaming {
  return {
    model: request.model,
    max_tokens: request.maxTokens,
    system: systemBlocks(request.system),
    messages: withCachePoint(mergeTurns(request.messages, forgotten)),
    tools: request.tools.map(({ name, description, inputSchema }) => ({
      name,
      description,
      input_schema: { type: 'object', ...inputSchema },
    })),
    ...(request.noCalls && request.tools.length > 0 ? { tool_choice: { type: 'none' as const } } : {}),
    stream: true,
  }
}

function systemBlocks({ stable, changing }: ModelRequest['system']): Anthropic.TextBlockParam[] {
  const blocks: Anthropic.TextBlockParam[] = [
    { type: 'text', text: stable, ...CACHED },
    { type: 'text', text: changing },
  ]
  return blocks.filter((block) => block.text.trim() !== '')
}

/** The API wants user and assistant in turns, and the results of calls before anything else the user says. */
function mergeTurns(messages: readonly Message[], forgotten: WeakSet<object>): Turn[] {
  const turns: Turn[] = []
  for (const message of messages) {
    const role = message.role === 'assistant' ? 'assistant' : 'user'
    const content = blocksOf(message, forgotten)
    const last = turns.at(-1)
    if (last?.role === role) last.content = resultsFirst([...last.content, ...content])
    else if (content.length > 0) turns.push({ role, content })
  }
  return turns
}

function resultsFirst(blocks: Block[]): Block[] {
  const isResult = (block: Block) => block.type === 'tool_result'
  return [...blocks.filter(isResult), ...blocks.filter((block) => !isResult(block))]
}

function blocksOf(message: Message, forgotten: WeakSet<object>): Block[] {
  if (message.role === 'tool') return message.results.map(toolResult)
  if (message.role === 'user') return message.parts.flatMap(userBlock)
  return message.parts.flatMap((part) => assistantBlock(part, forgotten))
}

function assistantBlock(part: AssistantPart, forgotten: WeakSet<object>): Block[] {
  if (part.type === 'text') return textBlock(part.text)
  if (part.type === 'call') {
    const { name, arguments: input } = part.call
    return [{ type: 'tool_use', id: callName(part.call), name, input: asObject(input) }]
  }
  const block = part.block as Block
  return part.vendor === 'anthropic' && !forgotten.has(block) ? [block] : []
}

function toolResult(result: ToolResult): Block {
  return {
    type: 'tool_result',
    tool_use_id: callName(result),
    content: result.media
      ? [
          { type: 'text', text: result.content },
          ...result.media.map((part) => mediaBlock(part) as Anthropic.ImageBlockParam),
        ]
      : result.content,
    ...(result.success ? {} : { is_error: true }),
  }
}

/** Names that other vendors gave may hold characters that this API refuses; ours never do. */
function callName({ callId, vendorId }: { callId: string; vendorId: string }): string {
  return /^[\w-]{1,64}$/.test(vendorId) ? vendorId : callId
}

function userBlock(part: TextPart | MediaPart): Block[] {
  return part.type === 'text' ? textBlock(part.text) : [mediaBlock(part)]
}

/** The API refuses text blocks without a visible character. */
function textBlock(text: string): Block[] {
  return text.trim() === '' ? [] : [{ type: 'text', text }]
}

function mediaBlock({ name, mediaType, data }: MediaPart): Block {
  if (mediaType === 'application/pdf') {
    return { type: 'document', title: name, source: { type: 'base64', media_type: mediaType, data } }
  }
  const media_type = mediaType as Anthropic.Base64ImageSource['media_type']
  return { type: 'image', source: { type: 'base64', media_type, data } }
}

function withCachePoint(turns: Turn[]): Turn[] {
  const last = turns.at(-1)?.content
  const block = last?.at(-1)
  if (!last || !block || block.type === 'thinking' || block.type === 'redacted_thinking') return turns
  last[last.length - 1] = { ...block, ...CACHED } as Block
  return turns
}
