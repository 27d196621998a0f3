import type { AssistantPart, Message, ToolCall } from '../shapes/message.ts'
import { isRecord } from '../shapes/record.ts'

/** The tool that stands for those which are not sent with each question. */
export const CATALOGUE = 'tools'

/**
 * A call through the catalogue as the call that it stands for; any other as it is. What the model wrote is kept beside it,
 * since vendors want to see their own words again.
 */
export function throughCatalogue(part: AssistantPart): AssistantPart {
  if (part.type !== 'call' || part.call.name !== CATALOGUE) return part
  const { arguments: wrote } = part.call
  if (!isRecord(wrote) || wrote.operation !== 'call' || typeof wrote.name !== 'string') return part
  const [name = '', operation] = wrote.name.trim().split('.', 2)
  if (name === CATALOGUE) return part
  const args = argumentsOf(wrote.arguments)
  const named = operation !== undefined && isRecord(args) && args.operation === undefined
  return { type: 'call', call: { ...part.call, name, arguments: named ? { operation, ...args } : args, wrote } }
}

/** A conversation as its model wrote it. */
export function asWritten(messages: readonly Message[]): readonly Message[] {
  return messages.map((message) =>
    message.role === 'assistant' ? { ...message, parts: message.parts.map(part) } : message,
  )
}

function part(one: AssistantPart): AssistantPart {
  if (one.type !== 'call' || one.call.wrote === undefined) return one
  const { wrote, ...call } = one.call
  return { type: 'call', call: { ...call, name: CATALOGUE, arguments: wrote } satisfies ToolCall }
}

/** Some models write the inner object as a text once more. */
function argumentsOf(written: unknown): unknown {
  if (typeof written !== 'string') return written ?? {}
  try {
    return JSON.parse(written) as unknown
  } catch {
    return written
  }
}
