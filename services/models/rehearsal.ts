import { setImmediate as breathe } from 'node:timers/promises'
import type { Model, ModelEvent, ModelRequest } from '../agent/model.ts'
import { newId } from '../ids.ts'
import { type AssistantPart, type Message, type ToolResult, type UserMessage } from '../shapes/message.ts'
import { FREE, type ListedModel } from './listed-model.ts'
import { commandForms, type Command, readCommands } from './rehearsal-commands.ts'

/** How it stands in the list of models. */
export const REHEARSAL_MODEL: ListedModel = {
  vendorModel: 'offline',
  name: 'Rehearsal (offline, no AI)',
  contextLength: 200_000,
  maxOutput: 4_096,
  prices: FREE,
  capabilities: { vision: false, tools: true, online: false },
  released: 0,
  retiring: false,
}

const QUOTED_CHARS = 1_500

/**
 * A model without intelligence, key or network, so that the house can be tried before there is any. It explains itself,
 * turns lines like `/web.search query=tea` into calls, and tells what came of them.
 */
export const rehearsal: Model = async function* (request, signal) {
  const reply = replyTo(request)
  const text = typeof reply === 'string' ? reply : ''
  for (const delta of text.match(/\s*\S+\s*/g) ?? []) {
    signal.throwIfAborted()
    yield { type: 'text', delta }
    await breathe()
  }
  signal.throwIfAborted()
  yield end(request, typeof reply === 'string' ? [{ type: 'text', text: reply }] : reply.map(toCall))
}

function replyTo({ messages, tools }: ModelRequest): string | Command[] {
  const last = messages.at(-1)
  if (last?.role === 'tool') return last.results.map(reportOf).join('\n\n')
  const said = last?.role === 'user' ? asked(newestIn(last).trim()) : ''
  if (!said.startsWith('/')) return introduction(tools)
  const commands = readCommands(said, tools)
  return typeof commands === 'string' ? `${commands} ${howTo(tools)}` : commands
}

/** What was said stands after all that comes along with it. */
function newestIn({ parts }: UserMessage): string {
  const said = parts.findLast((part) => part.type === 'text')
  return said?.type === 'text' ? said.text : ''
}

/** A message that is not the owner's own stands in a block after a line of ours; it is run under the same rules. */
function asked(text: string): string {
  const block = /^[^<\n]*\n<(data-[0-9a-f]{12})>\n(?<inside>[^]*)\n<\/\1>$/.exec(text)
  return block?.groups?.['inside']?.trim() ?? text
}

function reportOf({ name, content, success }: ToolResult): string {
  const shown = content.length > QUOTED_CHARS ? `${content.slice(0, QUOTED_CHARS)}…` : content
  const quoted = shown.replace(/^/gm, '> ')
  return success ? `The tool \`${name}\` answered:\n\n${quoted}` : `The tool \`${name}\` did not do it:\n\n${quoted}`
}

function introduction(tools: ModelRequest['tools']): string {
  return (
    'Hello! I am the rehearsal model: a small program inside Steward, not an AI. I need no key, cost nothing, and what ' +
    'you write to me goes nowhere. With me you can try how Steward works before you give it a real model: I run the ' +
    `tools you name, under the same rules and with the same questions as any model. ${howTo(tools)}\n\n` +
    'For real answers, add an API key under Settings → Credentials and pick a model in the model picker.'
  )
}

function howTo(tools: ModelRequest['tools']): string {
  if (tools.length === 0) return 'I was given no tools here, so there is nothing I could run.'
  return (
    'Write a command like `/tool.operation key=value other="several words"`, one a line. ' +
    `These are the ones I was given:\n\n${commandForms(tools)}`
  )
}

function toCall(command: Command): AssistantPart {
  const callId = newId()
  return {
    type: 'call',
    call: { callId, vendorId: callId, name: command.tool, arguments: command.arguments },
  }
}

/** Tokens are guessed at four characters each. */
function end(request: ModelRequest, parts: AssistantPart[]): ModelEvent {
  const { system, messages, tools } = request
  const input = system.stable.length + system.changing.length + length(tools) + messages.reduce(addLength, 0)
  return {
    type: 'end',
    parts,
    usage: {
      inputTokens: Math.ceil(input / 4),
      outputTokens: Math.ceil(length(parts) / 4),
      cacheReadTokens: 0,
      cacheWriteTokens: 0,
    },
    stopReason: parts.some((part) => part.type === 'call') ? 'tool_use' : 'end_turn',
  }
}

function addLength(sum: number, message: Message): number {
  return sum + length(message)
}

function length(value: unknown): number {
  return JSON.stringify(value).length
}
