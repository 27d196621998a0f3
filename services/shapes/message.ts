/** A conversation as the loop and the models see it. No vendor's type appears here; each model file translates. */

export type TextPart = { type: 'text'; text: string }

/** A picture or PDF that the model looks at itself. `data` is base64. */
export type MediaPart = { type: 'media'; name: string; mediaType: string; data: string }

export type UserMessage = { role: 'user'; parts: (TextPart | MediaPart)[] }

/**
 * One wish of the model to use a tool. `callId` is ours (UUIDv7; frames, approvals and the audit log speak of it),
 * `vendorId` is the model's own name for the call, which it expects to see again with the result.
 * `arguments` is whatever the model wrote: nobody has checked it yet. Where the model wrote no valid JSON,
 * `arguments` is the raw text. Where it called through the catalogue, `wrote` is what it wrote for that.
 */
export type ToolCall = { callId: string; vendorId: string; name: string; arguments: unknown; wrote?: unknown }

/**
 * `opaque` holds a block that only its own vendor understands and wants back unchanged (signed thinking). It is dropped
 * when the conversation goes on with another vendor.
 */
export type AssistantPart =
  TextPart | { type: 'call'; call: ToolCall } | { type: 'opaque'; vendor: string; block: unknown }

export type AssistantMessage = { role: 'assistant'; parts: AssistantPart[] }

export type ToolResult = {
  callId: string
  vendorId: string
  name: string
  content: string
  success: boolean
  /** Pictures that came with it. */
  media?: MediaPart[]
}

/** The results of all calls of the assistant message before it, in the order of the calls. */
export type ToolMessage = { role: 'tool'; results: ToolResult[] }

export type Message = UserMessage | AssistantMessage | ToolMessage

export function asMedia({ mediaType, data }: { mediaType: string; data: Buffer }): MediaPart {
  return { type: 'media', name: 'picture', mediaType, data: data.toString('base64') }
}

/** The same conversation for a model that sees no pictures: what tools brought in is said in words alone. */
export function withoutPictures(messages: readonly Message[]): readonly Message[] {
  return messages.map((message) =>
    message.role === 'tool' ? { ...message, results: message.results.map(inWordsAlone) } : message,
  )
}

function inWordsAlone({ media, ...result }: ToolResult): ToolResult {
  return media ? { ...result, content: `${result.content}\n[You cannot see pictures; the owner sees it.]` } : result
}

export function textOf(message: AssistantMessage | UserMessage): string {
  return message.parts.map((part) => (part.type === 'text' ? part.text : '')).join('')
}

export function callsOf(message: AssistantMessage): ToolCall[] {
  return message.parts.flatMap((part) => (part.type === 'call' ? [part.call] : []))
}
