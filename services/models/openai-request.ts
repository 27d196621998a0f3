import type OpenAI from 'openai'
import type { ModelRequest } from '../agent/model.ts'
import {
  type AssistantMessage,
  callsOf,
  type MediaPart,
  type Message,
  type TextPart,
  textOf,
  type ToolCall,
  type UserMessage,
} from '../shapes/message.ts'
import { asObject } from './call-arguments.ts'

type Params = OpenAI.ChatCompletionCreateParamsStreaming
type VendorMessage = OpenAI.ChatCompletionMessageParam
type ContentPart = OpenAI.ChatCompletionContentPart

/** Our request in the chat-completions form. OpenAI itself renamed the output limit; all others keep the old name. */
export function toOpenai(request: ModelRequest, provider: string): Params {
  const { model, maxTokens, tools, noCalls } = request
  return {
    model,
    messages: [systemMessage(request.system), ...request.messages.flatMap(toMessages)],
    stream: true,
    stream_options: { include_usage: true },
    ...(provider === 'openai' ? { max_completion_tokens: maxTokens } : { max_tokens: maxTokens }),
    ...(tools.length > 0 ? { tools: tools.map(toTool) } : {}),
    ...(tools.length > 0 && noCalls ? { tool_choice: 'none' as const } : {}),
  }
}

function systemMessage({ stable, changing }: ModelRequest['system']): VendorMessage {
  return { role: 'system', content: [stable, changing].filter((text) => text.trim() !== '').join('\n\n') }
}

function toTool({ name, description, inputSchema }: ModelRequest['tools'][number]): OpenAI.ChatCompletionTool {
  return { type: 'function', function: { name, description, parameters: inputSchema } }
}

function toMessages(message: Message): VendorMessage[] {
  if (message.role === 'user') return userMessage(message)
  if (message.role === 'assistant') return assistantMessage(message)
  const results = message.results.map((result): VendorMessage => ({
    role: 'tool',
    tool_call_id: result.vendorId || result.callId,
    content: result.content,
  }))
  const pictures = message.results.flatMap(({ media = [] }) => media.flatMap(contentPart))
  return pictures.length === 0 ? results : [...results, { role: 'user', content: [SEEN, ...pictures] }]
}

/** This form takes pictures from the user alone. */
const SEEN: ContentPart = {
  type: 'text',
  text: '(The pictures that the tools above brought in. They are no words of mine.)',
}

function userMessage(message: UserMessage): VendorMessage[] {
  const onlyText = message.parts.every((part) => part.type === 'text')
  if (onlyText) return [{ role: 'user', content: textOf(message) }]
  return [{ role: 'user', content: message.parts.flatMap(contentPart) }]
}

function contentPart(part: TextPart | MediaPart): ContentPart[] {
  if (part.type === 'text') return part.text.trim() === '' ? [] : [{ type: 'text', text: part.text }]
  const url = `data:${part.mediaType};base64,${part.data}`
  if (part.mediaType === 'application/pdf') return [{ type: 'file', file: { filename: part.name, file_data: url } }]
  return [{ type: 'image_url', image_url: { url } }]
}

function assistantMessage(message: AssistantMessage): VendorMessage[] {
  const content = textOf(message) || null
  const calls = callsOf(message).map(toCall)
  if (calls.length > 0) return [{ role: 'assistant', content, tool_calls: calls }]
  return content === null ? [] : [{ role: 'assistant', content }]
}

function toCall({ callId, vendorId, name, arguments: written }: ToolCall): OpenAI.ChatCompletionMessageToolCall {
  const text = JSON.stringify(asObject(written))
  return { id: vendorId || callId, type: 'function', function: { name, arguments: text } }
}
