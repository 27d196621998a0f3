import type { RunStatus, ServerFrame } from '../../../services/shapes/frames.ts'
import { fit } from './fit.ts'
import type { Ask, Integrity, Part, Run, StoredAnswer, ToolPart } from './types.ts'

/** How an answer grows: a pure function from what is shown and a frame to what is shown next. */

const SETTLED: readonly RunStatus[] = ['succeeded', 'failed', 'stopped', 'interrupted']

export const isSettled = (run: Run): boolean => SETTLED.includes(run.status)

type FrameOf<T extends ServerFrame['type']> = Extract<ServerFrame, { type: T }>

export function newRun(id: string, integrity: Integrity): Run {
  return {
    id,
    status: 'queued',
    position: null,
    waitingFor: null,
    parts: [],
    stopReason: null,
    usage: null,
    model: null,
    fault: null,
    integrity,
    exact: true,
  }
}

/** The answer as the record has it. */
export function storedRun(answer: StoredAnswer): Run {
  const base: Run = {
    ...newRun(answer.run_id, answer.integrity),
    status: answer.status,
    parts: answer.parts.length || !answer.content ? answer.parts : [{ type: 'text', text: answer.content }],
    waitingFor: answer.reason ?? null,
    stopReason: answer.stop_reason,
    usage: answer.usage,
    model: answer.model,
    fault: answer.error,
  }
  return (answer.confirmations ?? []).reduce(withAsk, base)
}

export function nextRun(run: Run, frame: ServerFrame): Run {
  switch (frame.type) {
    case 'run':
      return withStatus(run, frame)
    case 'text':
      return { ...withText(run, frame.content), status: 'running' }
    case 'tool_start':
      return withCall(run, frame.call_id, { ...frame, type: 'tool', status: 'started', ask: null })
    case 'tool_done':
      return tainted(withCall(run, frame.call_id, { ...frame, type: 'tool', status: 'finished', ask: null }), frame)
    case 'confirmation_required':
      return withAsk(run, frame)
    case 'confirmation_closed':
      return withoutAsk(run, frame)
    case 'images':
      return { ...run, parts: [...run.parts, { type: 'images', data_urls: frame.data_urls }] }
    case 'state':
      return tainted(withState(run, frame), frame)
    case 'done':
      return tainted(withEnd(run, frame), frame)
    case 'error':
      return { ...run, fault: { error: frame.error, code: frame.code } }
    default:
      return run
  }
}

/** A run that ends with a reason was ended by the house; that is told like an error. */
function withStatus(run: Run, { status, position, reason }: FrameOf<'run'>): Run {
  const fault = reason !== undefined && SETTLED.includes(status) ? { error: reason, code: status } : run.fault
  return { ...run, status, position: position ?? null, waitingFor: reason ?? null, fault }
}

function withText(run: Run, piece: string): Run {
  const last = run.parts.at(-1)
  if (last?.type !== 'text') return { ...run, parts: [...run.parts, { type: 'text', text: piece }] }
  return { ...run, parts: [...run.parts.slice(0, -1), { type: 'text', text: last.text + piece }] }
}

function withCall(run: Run, callId: string, change: Partial<ToolPart>): Run {
  const known = run.parts.some((part) => part.type === 'tool' && part.call_id === callId)
  const blank: ToolPart = { type: 'tool', call_id: callId, tool_name: '', arguments: {}, status: 'started' }
  if (!known) return { ...run, parts: [...run.parts, { ...blank, ...change }] }
  const changed = (part: Part) => (part.type === 'tool' && part.call_id === callId ? { ...part, ...change } : part)
  return { ...run, parts: run.parts.map(changed) }
}

function withAsk(run: Run, ask: Ask): Run {
  const { call_id, tool_name } = ask
  return withCall(run, call_id, { tool_name, arguments: ask.arguments, status: 'waiting', ask })
}

/** The owner changed what will be done; the card of the call shows it from now on. */
export const withArguments = (run: Run, callId: string, changed: unknown): Run =>
  withCall(run, callId, { arguments: changed })

const ANSWERS: Record<string, string> = { approved: 'approved by you', denied: 'denied by you', expired: 'expired' }

function withoutAsk(run: Run, { call_id, decision }: FrameOf<'confirmation_closed'>): Run {
  return withCall(run, call_id, {
    ask: null,
    decision: ANSWERS[decision] ?? null,
    status: decision === 'approved' ? 'started' : 'finished',
  })
}

function withEnd(run: Run, { stop_reason, usage }: FrameOf<'done'>): Run {
  const ended = stop_reason === 'stopped' || stop_reason === 'interrupted' ? stop_reason : 'succeeded'
  return { ...run, stopReason: stop_reason, usage, status: isSettled(run) ? run.status : ended, waitingFor: null }
}

/** `state` has the text in one piece. Where our parts are its beginning they keep their order, else calls come first. */
function withState(run: Run, frame: FrameOf<'state'>): Run {
  const fitted = fit(run.parts, frame.text)
  const parts = fitted?.parts ?? run.parts.filter(({ type }) => type === 'tool')
  const rest = fitted?.rest ?? frame.text
  const before: Run = { ...withoutAsks({ ...run, parts }), status: frame.status }
  const called = frame.tool_calls.reduce(
    (so, call) => withCall(so, call.call_id, { ...call, status: call.success === undefined ? 'started' : 'finished' }),
    before,
  )
  const unsure = rest !== '' && called.parts.at(-1)?.type === 'tool'
  const full = rest ? withText(called, rest) : called
  return frame.confirmations.reduce(withAsk, { ...full, exact: run.exact && !unsure })
}

const withoutAsks = (run: Run): Run => ({
  ...run,
  parts: run.parts.map((part) => (part.type === 'tool' && part.ask ? { ...part, ask: null } : part)),
})

/** What a tool brought in may be the words of others; unless the server says otherwise, the page takes them as such. */
function tainted(run: Run, frame: ServerFrame): Run {
  const said = (frame as { integrity?: Integrity }).integrity
  if (said) return { ...run, integrity: said }
  return run.parts.some(({ type }) => type === 'tool') ? { ...run, integrity: 'third_party' } : run
}

export const textOf = (run: Run): string => run.parts.map((part) => (part.type === 'text' ? part.text : '')).join('')

/** Whether what is shown is what was said, spaces between the pieces aside. */
export function shows(run: Run, text: string): boolean {
  const plain = (words: string) => words.replace(/\s+/g, '')
  const lastText = run.parts.findLast((part) => part.type === 'text')
  return plain(textOf(run)) === plain(text) || plain(lastText?.text ?? '') === plain(text)
}
