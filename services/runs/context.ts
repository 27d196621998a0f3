import { inWords } from '../agent/prompt.ts'
import type { MediaPart, Message, TextPart, ToolResult, UserMessage } from '../shapes/message.ts'
import { callsOf } from '../shapes/message.ts'
import { partsOf, type Journal, type Step } from './journal.ts'
import type { Run, RunStore, StoredAttachment } from './store.ts'

/** Where a conversation's past is kept, and when it began. */
export type Past = { store: RunStore; journal: Journal; began: Date; timezone: string }

const NO_RESULT = 'This was not done.'

/** After so long a silence the model is told what time it has become. */
const LONG_SILENCE_MS = 10 * 60_000

/**
 * The conversation as the model is told it, up to and with `current`: every run since the last `clear`, from its journal.
 * Told again, it is the same to the letter. The last message of a run that goes on after a pause is the assistant's, with
 * calls that have no results yet.
 */
export function messagesFor(current: Run, runs: readonly Run[], past: Past): Message[] {
  const told = runs.filter((run) => run.number < current.number && run.status !== 'queued').concat(current)
  let clock = past.began.getTime()
  return told.flatMap((run) => {
    const at = Date.parse(run.createdAt)
    const silent = at - clock > LONG_SILENCE_MS
    clock = at
    return messagesOf(run, past, { ended: run !== current, silent })
  })
}

function messagesOf(run: Run, past: Past, { ended, silent }: { ended: boolean; silent: boolean }): Message[] {
  const steps = past.journal.ofRun(run.id)
  const results = new Map(
    steps.filter((step) => step.kind === 'tool' && step.status === 'finished').map((step) => [step.id, step]),
  )
  const turns = steps.filter((step) => step.kind === 'model')
  const time: TextPart[] = silent
    ? [{ type: 'text', text: `(It is now ${inWords(new Date(run.createdAt), past.timezone)}.)` }]
    : []
  const messages: Message[] = [asked(run, time, past.store.attachments(run.id))]
  for (const [index, step] of turns.entries()) {
    const parts = partsOf(step)
    messages.push({ role: 'assistant', parts })
    const open = !ended && index === turns.length - 1
    const calls = callsOf({ role: 'assistant', parts })
    if (calls.length > 0 && !open) {
      messages.push({ role: 'tool', results: calls.map((call) => resultOf(call, results.get(call.callId))) })
    }
  }
  return messages
}

export function resultOf(call: { callId: string; vendorId: string; name: string }, step: Step | undefined): ToolResult {
  const { callId, vendorId, name } = call
  return { callId, vendorId, name, content: step?.content ?? NO_RESULT, success: step?.success === 1 }
}

function asked(run: Run, time: TextPart[], files: StoredAttachment[]): UserMessage {
  const text: TextPart[] = run.input === '' ? [] : [{ type: 'text', text: run.input }]
  return { role: 'user', parts: [...time, ...files.map(attached), ...text] }
}

/** Text stands in a block whose boundary nobody outside can guess; the rest is looked at as it is. */
function attached(file: StoredAttachment): TextPart | MediaPart {
  if (file.mediaType !== 'text/plain') {
    return { type: 'media', name: file.name, mediaType: file.mediaType, data: file.data.toString('base64') }
  }
  const boundary = `data-${file.id.slice(-12)}`
  return {
    type: 'text',
    text: `<${boundary} name=${JSON.stringify(file.name)}>\n${file.data.toString('utf8')}\n</${boundary}>`,
  }
}
