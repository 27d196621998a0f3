import { AppError } from '../errors.ts'
import {
  callsOf,
  type AssistantMessage,
  type AssistantPart,
  type Message,
  type ToolCall,
  type ToolResult,
} from '../shapes/message.ts'
import type { ModelEvent, ModelStopReason, TokenUsage } from './model.ts'

/** `invalid`: the arguments were of no use; the model has been told in the result. */
export type CallOutcome = { type: 'finished'; result: ToolResult; invalid?: boolean } | { type: 'waiting' }

/** What the loop is handed. It knows no storage, transport, policy or vendor. */
export type LoopDeps = {
  /** One model turn. `last` asks for an answer without tools. */
  model: (messages: readonly Message[], options: { last: boolean }) => AsyncIterable<ModelEvent>
  /** Carries out one call, however often it is asked: a call that already ended gives its result again. */
  call: (call: ToolCall) => Promise<CallOutcome>
  /** Whether a call may run beside the ones next to it. */
  besideOthers: (call: ToolCall) => boolean
  /** Whether the calls of this run are used up. */
  callsUsedUp: () => boolean
  /** Makes a conversation fit the model's window before each turn; the same array where it does. */
  fit: (messages: Message[]) => Promise<Message[]>
}

export type LoopEvent =
  | { type: 'text'; delta: string }
  | { type: 'restart' }
  | { type: 'turn'; parts: AssistantPart[]; usage: TokenUsage; stopReason: ModelStopReason }

/** How it ended: with an answer, or because a question to the owner stands open and the run is put aside. */
export type LoopEnd =
  { type: 'answered'; stopReason: Exclude<ModelStopReason, 'tool_use'> | 'max_tool_calls' } | { type: 'waiting' }

const MOST_INVALID = 3

/**
 * Model, tools, model, tools, until there is an answer. Messages in, events out; the caller writes each event down before
 * it asks for the next. Starts wherever `messages` ends: before a model turn, or in the middle of the calls of one.
 */
export async function* runLoop(start: readonly Message[], deps: LoopDeps): AsyncGenerator<LoopEvent, LoopEnd> {
  let messages = [...start]
  let invalid = 0
  for (;;) {
    const calls = openCalls(messages)
    if (calls.length > 0) {
      const outcomes = await callAll(calls, deps)
      if (outcomes === 'waiting') return { type: 'waiting' }
      invalid = outcomes.some((outcome) => outcome.invalid) ? invalid + 1 : 0
      if (invalid >= MOST_INVALID) throw uselessArguments()
      messages.push({ role: 'tool', results: outcomes.map((outcome) => outcome.result) })
    }
    messages = await deps.fit(messages)
    const last = deps.callsUsedUp()
    const turn = yield* takeTurn(deps.model(messages, { last }))
    messages.push({ role: 'assistant', parts: turn.parts })
    if (last) return { type: 'answered', stopReason: 'max_tool_calls' }
    if (turn.stopReason !== 'tool_use') return { type: 'answered', stopReason: turn.stopReason }
  }
}

type Finished = Extract<CallOutcome, { type: 'finished' }>
type Turn = Extract<LoopEvent, { type: 'turn' }>

function openCalls(messages: readonly Message[]): ToolCall[] {
  const last = messages.at(-1)
  return last?.role === 'assistant' ? callsOf(last as AssistantMessage) : []
}

async function callAll(calls: ToolCall[], deps: LoopDeps): Promise<Finished[] | 'waiting'> {
  const results: Finished[] = []
  for (const group of groups(calls, deps.besideOthers)) {
    const outcomes = await allOf(group.map((call) => deps.call(call)))
    if (outcomes.some((outcome) => outcome.type === 'waiting')) return 'waiting'
    results.push(...(outcomes as Finished[]))
  }
  return results
}

/** Waits for all, also where one fails: nothing may go on behind the back of a run that is put aside. */
async function allOf<T>(work: Promise<T>[]): Promise<T[]> {
  const settled = await Promise.allSettled(work)
  const failed = settled.find((one) => one.status === 'rejected')
  if (failed) throw failed.reason
  return settled.map((one) => (one as PromiseFulfilledResult<T>).value)
}

/** Neighbouring calls that may run side by side, and each other call alone; the order is kept. */
function groups(calls: ToolCall[], besideOthers: (call: ToolCall) => boolean): ToolCall[][] {
  const result: ToolCall[][] = []
  let open: ToolCall[] | undefined
  for (const call of calls) {
    if (!besideOthers(call)) open = undefined
    if (open) open.push(call)
    else result.push((open = [call]))
    if (!besideOthers(call)) open = undefined
  }
  return result
}

async function* takeTurn(events: AsyncIterable<ModelEvent>): AsyncGenerator<LoopEvent, Turn> {
  for await (const event of events) {
    if (event.type !== 'end') {
      yield event
      continue
    }
    const turn: Turn = { type: 'turn', parts: event.parts, usage: event.usage, stopReason: reasonOf(event) }
    yield turn
    return turn
  }
  throw new AppError('upstream_failed', 'The model stopped without an answer. Try again.')
}

/** Calls make a turn go on, whatever the vendor named its end; those of a cut-off or refused turn are not carried out. */
function reasonOf(event: Extract<ModelEvent, { type: 'end' }>): ModelStopReason {
  if (event.stopReason === 'refusal' || event.stopReason === 'max_tokens') return event.stopReason
  if (event.parts.some((part) => part.type === 'call')) return 'tool_use'
  return event.stopReason === 'tool_use' ? 'end_turn' : event.stopReason
}

function uselessArguments(): AppError {
  return new AppError(
    'upstream_failed',
    'The model wrote unusable arguments for its tools three times in a row. Try again, or pick another model.',
  )
}
