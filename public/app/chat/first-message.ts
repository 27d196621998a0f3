import type { OutgoingMessage } from './types.ts'

const waiting = new Map<string, OutgoingMessage>()

/** Leaves the first message of a new conversation for its page to send. */
export function startWith(id: string, message: OutgoingMessage): void {
  waiting.set(id, message)
}

/** Takes that message, once. */
export function takeFirst(id: string): OutgoingMessage | undefined {
  const message = waiting.get(id)
  waiting.delete(id)
  return message
}
