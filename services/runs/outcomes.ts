import type { TokenUsage } from '../agent/model.ts'
import type { Audit } from '../audit.ts'
import type { Conversations } from '../conversations.ts'
import type { AppError } from '../errors.ts'
import type { Address, Events } from '../events.ts'
import type { Notifications } from '../notifications.ts'
import type { StopReason } from '../shapes/frames.ts'
import { callsOf, textOf, type ToolCall } from '../shapes/message.ts'
import type { Tallies } from '../tallies.ts'
import type { CallRecords } from './call-records.ts'
import { partsOf, type Journal } from './journal.ts'
import type { Run, RunStore } from './store.ts'

export type OutcomesDeps = {
  store: RunStore
  journal: Journal
  records: CallRecords
  conversations: Conversations
  events: Events
  notifications: Pick<Notifications, 'add'>
  audit: Pick<Audit, 'record'>
  tallies: Pick<Tallies, 'ended'>
  /** The name of the run's agent or task, for the owner. */
  nameOf: (run: Run) => string
  cancelSends: (runId: string, why: string) => void
}

const NOTHING_SPENT: TokenUsage = { inputTokens: 0, outputTokens: 0, cacheReadTokens: 0, cacheWriteTokens: 0 }

const DIED_TOO_OFTEN = 'Steward ended three times in the middle of it, so it was not taken up again.'

const BETRAYED =
  'It was stopped: it was about to give away its own instructions, which happens when something it read has taken it over. Nothing of that step was done. Look at what it read last.'

export const addressOf = (run: Run): Address => ({
  userId: run.userId,
  conversationId: run.conversationId,
  runId: run.id,
  agentId: run.agentId,
})

export type Outcomes = ReturnType<typeof createOutcomes>

/** The ways a run ends, each written whole: what was said, the calls that will not happen, the status, the last frames. */
export function createOutcomes(deps: OutcomesDeps) {
  const { store, journal, records, conversations, events, notifications, audit, nameOf, cancelSends } = deps

  /** All that a run has said and that is written down. */
  function textWritten(runId: string): string {
    const turns = journal.ofRun(runId).filter((step) => step.kind === 'model')
    return turns
      .map((step) => textOf({ role: 'assistant', parts: partsOf(step) }))
      .filter(Boolean)
      .join('\n\n')
  }

  /** The text of a turn that was cut off is kept as a turn of its own. */
  function keepWhatWasSaid(run: Run, text: string): void {
    const rest = text.slice(textWritten(run.id).length).trim()
    if (rest === '') return
    const { integrity, privacy, model } = store.get(run.id)
    const parts = [{ type: 'text' as const, text: rest }]
    journal.turn(run.id, { parts, usage: NOTHING_SPENT, costUsd: 0, model, labels: { integrity, privacy } })
  }

  function abandonOpenCalls(run: Run, words: string): void {
    for (const call of openCalls(run)) records.abandoned(run, call, words)
  }

  function openCalls(run: Run): ToolCall[] {
    const steps = journal.ofRun(run.id)
    const finished = new Set(
      steps.filter((step) => step.kind === 'tool' && step.status === 'finished').map((step) => step.id),
    )
    const turns = steps.filter((step) => step.kind === 'model')
    const calls = turns.flatMap((step) => callsOf({ role: 'assistant', parts: partsOf(step) }))
    return calls.filter((call) => !finished.has(call.callId))
  }

  /** The run that asked for this one goes on, once nothing that it asked for is open. */
  function tellParent(run: Run): void {
    const parent = run.parentRunId === null ? undefined : store.find(run.parentRunId)
    if (parent?.status !== 'waiting' || records.pendingOf(parent.id)) return
    if (store.unfinished({ parentRunId: parent.id }).length > 0) return
    store.setStatus(parent.id, 'queued')
    events.keep(addressOf(parent), { type: 'run', status: 'queued', position: 0 })
  }

  /** Nobody reads along with a run that nobody watches: its owner is told how it went, once. */
  function report(run: Run, kind: 'result' | 'trouble', title: string, text: string): void {
    if (run.attended || run.parentRunId !== null) return
    if (kind === 'result' && !run.autonomous) return
    const { userId, id: runId, agentId, taskId } = run
    notifications.add({ userId, kind, title, text, runId, agentId, taskId })
  }

  function end(run: Run, ending: Parameters<RunStore['end']>[1]): void {
    store.end(run.id, ending)
    deps.tallies.ended(run.origin, ending.status)
  }

  function close(run: Run, text: string, stopReason: StopReason, why?: string): void {
    tellParent(run)
    const ended = store.get(run.id)
    const usage = { input_tokens: ended.inputTokens, output_tokens: ended.outputTokens, cost_usd: ended.costUsd }
    conversations.answered(run.conversationId)
    const reason = why === undefined ? {} : { reason: why }
    events.keep(addressOf(run), { type: 'run', status: ended.status, ...reason })
    events.keep(addressOf(run), {
      type: 'done',
      text,
      tool_calls_made: ended.toolCalls,
      usage,
      stop_reason: stopReason,
      integrity: ended.integrity,
    })
  }

  return {
    textWritten,

    succeeded(run: Run, text: string, stopReason: StopReason): void {
      abandonOpenCalls(run, 'The run ended before this was done.')
      end(run, { status: 'succeeded', stopReason, answer: text })
      close(run, text, stopReason)
      report(run, 'result', `${nameOf(run)} is done`, text)
    },

    failed(run: Run, text: string, error: AppError): void {
      keepWhatWasSaid(run, text)
      abandonOpenCalls(run, 'The run failed before this was done.')
      const { code, message } = error
      end(run, { status: 'failed', stopReason: null, answer: text, error: { code, message } })
      events.keep(addressOf(run), { type: 'run', status: 'failed' })
      events.keep(addressOf(run), { type: 'error', error: message, code })
      tellParent(run)
      report(run, 'trouble', `${nameOf(run)} failed`, message)
    },

    stopped(run: Run, text: string): void {
      cancelSends(run.id, 'The run was stopped.')
      keepWhatWasSaid(run, text)
      abandonOpenCalls(run, 'The run was stopped before this was done.')
      end(run, { status: 'stopped', stopReason: 'stopped', answer: text })
      close(run, text, 'stopped')
    },

    /** It wrote what only its prompt holds: somebody else may be steering it. Nothing of it goes out any more. */
    betrayed(run: Run, text: string): void {
      cancelSends(run.id, BETRAYED)
      keepWhatWasSaid(run, text)
      abandonOpenCalls(run, BETRAYED)
      end(run, {
        status: 'stopped',
        stopReason: 'stopped',
        answer: text,
        error: { code: 'canary', message: BETRAYED },
      })
      close(run, text, 'stopped', BETRAYED)
      const { userId, id: runId, conversationId, agentId, taskId } = run
      notifications.add({
        userId,
        kind: 'trouble',
        title: `${nameOf(run)} was stopped`,
        text: BETRAYED,
        runId,
        agentId,
        taskId,
      })
      const by = { userId, name: `run:${runId}` }
      audit.record({
        kind: 'security',
        action: 'canary seen',
        by,
        runId,
        conversationId,
        agentId,
        taskId,
        rule: 'canary',
      })
    },

    /** It has cost all that it may. */
    outOfBudget(run: Run, text: string, why: string): void {
      keepWhatWasSaid(run, text)
      abandonOpenCalls(run, why)
      end(run, {
        status: 'stopped',
        stopReason: 'budget',
        answer: text,
        error: { code: 'budget', message: why },
      })
      close(run, text, 'budget')
      report(run, 'trouble', `${nameOf(run)} was stopped`, why)
    },

    /** The process died in it too often. */
    interrupted(run: Run): void {
      const text = textWritten(run.id)
      abandonOpenCalls(run, 'The server stopped in the middle of this.')
      end(run, { status: 'interrupted', stopReason: 'interrupted', answer: text })
      close(run, text, 'interrupted')
      report(run, 'trouble', `${nameOf(run)} was interrupted`, DIED_TOO_OFTEN)
    },
  }
}
