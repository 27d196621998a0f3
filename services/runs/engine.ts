import { runLoop, type LoopEnd, type LoopEvent } from '../agent/loop.ts'
import type { Db } from '../../db/open.ts'
import type { Conversations } from '../conversations.ts'
import { AppError } from '../errors.ts'
import type { Events } from '../events.ts'
import type { Log } from '../log.ts'
import type { Models } from '../models/index.ts'
import type { Canary } from '../policy/canary.ts'
import type { PassingFrame, StopReason } from '../shapes/frames.ts'
import { joinLabels } from '../shapes/labels.ts'
import type { Recalled } from '../shapes/memory.ts'
import { callsOf, textOf } from '../shapes/message.ts'
import type { Bills, Unwritten } from './bills.ts'
import type { Calls } from './calls.ts'
import type { CallRecords } from './call-records.ts'
import type { Compaction } from './compaction.ts'
import { messagesFor } from './context.ts'
import { Held, OutOfBudget, type Gate } from './gate.ts'
import { progressOf, type ModeDeps } from './mode.ts'
import { addressOf, type Outcomes } from './outcomes.ts'
import type { Run, RunStore } from './store.ts'
import type { Pending, Turns } from './turns.ts'

export type EngineDeps = ModeDeps & {
  db: Db
  timezone: string
  store: RunStore
  calls: Calls
  records: CallRecords
  outcomes: Outcomes
  conversations: Conversations
  events: Events
  turns: Turns
  compaction: Compaction
  gate: Gate
  bills: Bills
  models: Pick<Models, 'choose'>
  canary: Pick<Canary, 'isIn'>
  nameOf: (run: Run) => string
  recall: (run: Run) => Recalled[]
  log: Log
}

/** Why a run's work was broken off from outside. */
class Stopped extends Error {}
class ShuttingDown extends Error {}

/** A model has written the word that only its prompt holds. */
class Betrayed extends Error {}

/** A run while it goes: what was said so far, and what of it is not on disk yet. */
type Live = Unwritten & { controller: AbortController; done: Promise<void> }

const RETRY_MS = 5_000

export type Engine = ReturnType<typeof createEngine>

/**
 * Takes a run from the queue to its end. It hands the loop what it needs, writes every event of it down before asking for
 * the next, and tells the world after each commit. `onFree` is called when a run gives up its place, `wake`
 * when the queue should look again.
 */
export function createEngine(deps: EngineDeps, onFree: (run: Run) => void, wake: () => void) {
  const { db, store, journal, events, conversations, outcomes, bills } = deps
  const live = new Map<string, Live>()

  /**
   * Picks a queued run up; the attempt is on disk before anything happens, also where the caller holds the transaction.
   * What the runs before it read while it waited is in its context, so their labels are now its own.
   */
  function start(queued: Run): void {
    const text = queued.startedAt === null ? '' : outcomes.textWritten(queued.id)
    const entry: Live = {
      controller: new AbortController(),
      text,
      turnStart: text.length,
      lastTurn: undefined,
      pending: undefined,
      done: Promise.resolve(),
    }
    db.transact(() => {
      store.start(queued.id)
      store.label(queued.id, joinLabels(queued, conversations.find(queued.conversationId)!))
      events.keep(addressOf(queued), { type: 'run', status: 'running' })
      if (queued.startedAt === null) remind(queued)
      db.afterCommit(() => {
        live.set(queued.id, entry)
        entry.done = drive(store.get(queued.id), entry)
      })
    })
  }

  /** What fits is told once, before anything else, and written down, so that it is told the same again. */
  function remind(run: Run): void {
    const entries = deps.recall(run)
    if (entries.length === 0) return
    store.setRecalled(run.id, entries)
    events.keep(addressOf(run), { type: 'recalled', entries })
  }

  async function drive(run: Run, entry: Live): Promise<void> {
    try {
      const end = await work(run, entry)
      if (end.type === 'waiting') putAside(run)
      else succeed(run, entry, end.stopReason)
    } catch (error) {
      settle(run, entry, error)
    } finally {
      entry.pending?.settle()
      live.delete(run.id)
      onFree(run)
    }
  }

  async function work(run: Run, entry: Live): Promise<LoopEnd> {
    const { signal } = entry.controller
    const choice = deps.models.choose(run.model)
    const { clearedAfter, startedAt } = conversations.find(run.conversationId)!
    const past = store.ofConversation(run.conversationId, clearedAfter)
    const calls = deps.calls.forRun(run, progressOf(run, past, deps), signal)
    const began = new Date(startedAt)
    const told = () => messagesFor(run, past, { store, journal, began, timezone: deps.timezone })
    const onBegin = (pending: Pending) => void (entry.pending = pending)
    const loop = runLoop(told(), {
      ...calls,
      fit: (messages) => deps.compaction.fit(messages, { run, past, choice, told, signal, onBegin }),
      model: (messages, { last }) => deps.turns.take(run, { choice, messages, last, began, signal }, onBegin),
    })
    for (;;) {
      const next = await loop.next()
      signal.throwIfAborted()
      if (next.done) return next.value
      note(run, entry, next.value)
    }
  }

  function note(run: Run, entry: Live, event: LoopEvent): void {
    if (event.type === 'text') return say(run, entry, event.delta)
    if (event.type === 'restart') return takeBack(run, entry)
    keepText(entry, textOf({ role: 'assistant', parts: event.parts }))
    entry.turnStart = entry.text.length
    entry.lastTurn = event
    watch(run, event)
    if (callsOf({ role: 'assistant', parts: event.parts }).length > 0) db.transact(() => bills.writeTurn(run, entry))
  }

  /** Before anything of a turn is done or goes out, it is looked at for the word that must not be in it. */
  function watch(run: Run, { parts }: Extract<LoopEvent, { type: 'turn' }>): void {
    if (!deps.settings.get('canary')) return
    const message = { role: 'assistant' as const, parts }
    const written = [textOf(message), ...callsOf(message).map((call) => call.arguments)]
    if (written.some((one) => deps.canary.isIn(one, run.conversationId))) throw new Betrayed()
  }

  /** The words of a turn as they are kept; a secret in them was perhaps begun before it was known to be one. */
  function keepText(entry: Live, words: string): void {
    const before = entry.text.slice(0, entry.turnStart)
    entry.text = [before, words].filter(Boolean).join('\n\n')
  }

  function say(run: Run, entry: Live, delta: string): void {
    const gap = entry.text.length === entry.turnStart && entry.text !== '' ? '\n\n' : ''
    entry.text += gap + delta
    events.pass(addressOf(run), { type: 'text', content: gap + delta })
  }

  function takeBack(run: Run, entry: Live): void {
    entry.text = entry.text.slice(0, entry.turnStart)
    events.pass(addressOf(run), stateOf(run))
  }

  function succeed(run: Run, entry: Live, stopReason: StopReason): void {
    db.transact(() => {
      bills.writeTurn(run, entry)
      outcomes.succeeded(run, entry.text, stopReason)
    })
  }

  /** A question is open, or another agent at work; the run gives up its place until there is an answer. */
  function putAside(run: Run): void {
    db.transact(() => {
      const reason = waitsFor(run)
      const status = reason === undefined ? 'queued' : 'waiting'
      store.giveBack(run.id, status)
      events.keep(addressOf(run), { type: 'run', status, ...(reason === undefined ? {} : { reason }) })
    })
  }

  /** Why a run that is put aside waits; undefined where nothing stands in its way any more. */
  function waitsFor(run: Run): string | undefined {
    const pending = deps.records.pendingOf(run.id)
    if (pending) return `waits for your answer: ${pending.description}`
    const children = store.unfinished({ parentRunId: run.id })
    return children.length > 0 ? `waits for ${children.map(deps.nameOf).join(', ')}` : undefined
  }

  /** Put aside as it is. Where the reason is over already, it goes back to the queue at once. */
  function hold(run: Run, { hold, message, freed }: Held): void {
    db.transact(() => {
      const over = hold === 'budget' ? deps.turns.freedSince(freed) : deps.gate.holdOf(run) === undefined
      store.giveBack(run.id, over ? 'queued' : 'paused', over ? null : hold)
      events.keep(addressOf(run), {
        type: 'run',
        status: over ? 'queued' : 'paused',
        ...(over ? {} : { reason: message }),
      })
    })
  }

  function settle(run: Run, entry: Live, error: unknown): void {
    const { reason } = entry.controller.signal
    entry.text += entry.pending?.rest?.() ?? ''
    try {
      if (reason instanceof ShuttingDown) return breakOff(run, entry, () => store.giveBack(run.id, 'queued'))
      if (reason instanceof Stopped) return breakOff(run, entry, () => outcomes.stopped(run, entry.text))
      if (error instanceof Betrayed) return breakOff(run, entry, () => outcomes.betrayed(run, entry.text))
      if (error instanceof Held) return hold(run, error)
      if (error instanceof OutOfBudget) return db.transact(() => outcomes.outOfBudget(run, entry.text, error.message))
      fail(run, entry, explained(error, run))
    } catch (fault) {
      retryLater(run, entry, fault)
    }
  }

  function breakOff(run: Run, entry: Live, end: () => void): void {
    db.transact(() => {
      bills.writeTurn(run, entry)
      bills.spendOnBroken(run, entry)
      end()
    })
  }

  function explained(error: unknown, run: Run): AppError {
    if (error instanceof AppError) return error
    if (isDiskFull(error)) return new AppError('unavailable', 'The disk is full. Free some space, then ask again.')
    deps.log.error({ err: error, run: run.id }, 'run failed')
    return new AppError('internal', 'Something went wrong inside Steward. The log on the server has the details.')
  }

  function fail(run: Run, entry: Live, error: AppError): void {
    db.transact(() => {
      bills.writeTurn(run, entry)
      outcomes.failed(run, entry.text, error)
    })
  }

  /** Even the ending could not be written down. A full disk gets empty again; anything else ends the run as it is. */
  function retryLater(run: Run, entry: Live, fault: unknown): void {
    const error = explained(fault, run)
    if (!isDiskFull(fault)) return giveUp(run, fault)
    deps.log.error({ err: fault, run: run.id }, 'could not write down how a run ended; trying again')
    events.passError(addressOf(run), error)
    setTimeout(() => tryAgain(run, entry, error), RETRY_MS).unref()
  }

  function tryAgain(run: Run, entry: Live, error: AppError): void {
    try {
      if (store.find(run.id)?.status === 'running') settle(run, entry, error)
      wake()
    } catch (fault) {
      deps.log.error(
        { err: fault, run: run.id },
        'could not write down how a run ended; it is taken up at the next start',
      )
    }
  }

  /** The last resort: the bare row says that it failed. Nothing of the run is looked at again. */
  function giveUp(run: Run, fault: unknown): void {
    deps.log.error({ err: fault, run: run.id }, 'could not end a run in order')
    const message = 'Something went wrong inside Steward. The log on the server has the details.'
    store.end(run.id, { status: 'failed', stopReason: null, answer: '', error: { code: 'internal', message } })
    events.passError(addressOf(run), { code: 'internal', message })
  }

  function textSoFar(run: Run): string {
    return live.get(run.id)?.text ?? outcomes.textWritten(run.id)
  }

  /** What a reader who joins now is shown for this run. */
  function stateOf(run: Run): Extract<PassingFrame, { type: 'state' }> {
    const { status, integrity } = store.get(run.id)
    return { type: 'state', status, text: textSoFar(run), integrity, ...deps.records.callStates(run.id) }
  }

  return {
    start,
    stateOf,
    /** Cuts the model's stream or the tool of a run that goes; false when it does not go here. */
    abort(runId: string): boolean {
      live.get(runId)?.controller.abort(new Stopped())
      return live.has(runId)
    },
    endStopped: (run: Run): void => outcomes.stopped(run, textSoFar(run)),
    interrupt: (run: Run): void => outcomes.interrupted(run),
    giveUp,
    goesIn: (conversationId: string): boolean =>
      [...live.keys()].some((id) => store.find(id)?.conversationId === conversationId),
    /** Resolves when nothing of a conversation goes any more. */
    async ended(conversationId: string): Promise<void> {
      const going = [...live].filter(([id]) => store.find(id)?.conversationId === conversationId)
      await Promise.all(going.map(([, entry]) => entry.done))
    },
    isRunning: (runId: string): boolean => live.has(runId),
    /** Waits up to `ms` for what goes to end by itself, then breaks the rest off; they go on after the next start. */
    async drain(ms: number): Promise<void> {
      const all = () => Promise.all([...live.values()].map((entry) => entry.done))
      await Promise.race([all(), new Promise((resolve) => setTimeout(resolve, ms).unref())])
      for (const entry of live.values()) entry.controller.abort(new ShuttingDown())
      await all()
    },
  }
}

function isDiskFull(error: unknown): boolean {
  const code = (error as { code?: unknown } | null)?.code
  return code === 'SQLITE_FULL' || code === 'ENOSPC' || code === 'SQLITE_IOERR_WRITE'
}
