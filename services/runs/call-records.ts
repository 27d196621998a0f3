import type { Picture, Reach, Step as StepOf, Verdict } from '../agent/tool.ts'
import type { Audit } from '../audit.ts'
import type { Conversations } from '../conversations.ts'
import type { Db } from '../../db/open.ts'
import { AppError } from '../errors.ts'
import type { Events } from '../events.ts'
import type { Grants } from '../grants.ts'
import type { Approvals } from '../policy/approvals.ts'
import type { ConfirmationFrame, ToolCallState } from '../shapes/frames.ts'
import type { Labels } from '../shapes/labels.ts'
import { joinLabels } from '../shapes/labels.ts'
import { asMedia, type ToolCall, type ToolResult } from '../shapes/message.ts'
import { isRecord } from '../shapes/record.ts'
import type { Tallies } from '../tallies.ts'
import type { ParsedCall, Registry } from '../tools/registry.ts'
import type { Journal, Step } from './journal.ts'
import { take, type Progress } from './mode.ts'
import { addressOf } from './outcomes.ts'
import type { Asking, Questions } from './questions.ts'
import type { Run, RunStore } from './store.ts'

export type CallRecordsDeps = {
  db: Db
  store: RunStore
  journal: Journal
  approvals: Approvals
  conversations: Conversations
  events: Events
  audit: Pick<Audit, 'record'>
  questions: Questions
  grants: Pick<Grants, 'use'>
  tallies: Pick<Tallies, 'call'>
  registry: Pick<Registry, 'find'>
  mask: (text: string) => string
  maskValue: (value: unknown) => unknown
}

type Looked = { parsed: ParsedCall; reach: Reach }
type Started = { arguments: unknown; verdict: Verdict; labels: Labels; confirmed: boolean; announced: boolean }
/** `content`, `summary` and `source` are fit to be read: masked, cleaned and capped. */
type Finished = {
  content: string
  summary: string
  success: boolean
  labels: Labels
  resultUrls?: readonly string[] | undefined
  pictures?: readonly Picture[] | undefined
  source?: string | undefined
  flags?: readonly string[] | undefined
  durationMs: number
  confirmed: boolean
  approvedBy?: string | null | undefined
}

const SUMMARY_CHARS = 200

export type CallRecords = ReturnType<typeof createCallRecords>

/** Writes down what happens to a call: journal, labels, event log and audit log, each time in one transaction. */
export function createCallRecords(deps: CallRecordsDeps) {
  const { db, store, journal, events, questions, mask } = deps
  const address = addressOf
  const masked = deps.maskValue

  function announce(run: Run, call: ToolCall, args: unknown): void {
    store.countCall(run.id)
    events.keep(address(run), {
      type: 'tool_start',
      call_id: call.callId,
      tool_name: call.name,
      arguments: masked(args),
    })
  }

  function close(run: Run, call: ToolCall, end: Finished & { touched?: boolean }): void {
    events.keep(address(run), {
      type: 'tool_done',
      call_id: call.callId,
      tool_name: call.name,
      success: end.success,
      result_summary: end.summary,
      confirmed: end.confirmed,
      duration_ms: end.durationMs,
      integrity: end.labels.integrity,
      ...(end.source === undefined ? {} : { source: end.source }),
      ...(end.touched ? { touched: true } : {}),
      ...(end.flags?.length ? { flags: [...end.flags] } : {}),
    })
    const step = journal.find(call.callId)
    const entry = {
      kind: 'tool_call',
      action: step?.operation ?? 'unknown',
      by: { userId: run.userId, name: `run:${run.id}` },
      runId: run.id,
      conversationId: run.conversationId,
      taskId: run.taskId,
      agentId: run.agentId,
      toolName: call.name,
      arguments: JSON.stringify(masked(JSON.parse(step?.arguments ?? 'null'))),
      labels: end.labels,
      decision: step?.decision ?? 'deny',
      rule: step?.rule ?? '',
      approvedBy: end.approvedBy ?? null,
      success: end.success,
      outcome: [end.summary, ...(end.flags ?? []).map((flag) => `[${flag}]`)].join(' '),
      durationMs: end.durationMs,
    }
    deps.audit.record(entry)
    deps.tallies.call(entry)
  }

  function write(run: Run, call: ToolCall, started: Started): void {
    if (!started.announced) announce(run, call, started.arguments)
    const { verdict, labels, confirmed } = started
    const args = isRecord(started.arguments) ? started.arguments : {}
    const wrote = typeof args.operation === 'string' ? args.operation : null
    const operation = deps.registry.find(call.name, args, run.userId)?.name ?? wrote
    journal.startTool({ call, runId: run.id, operation, arguments: started.arguments, verdict, confirmed, labels })
  }

  const stepOf = (run: Run, call: ToolCall): StepOf => ({ userId: run.userId, runId: run.id, callId: call.callId })

  function reserve(run: Run, call: ToolCall, { parsed, reach }: Looked): void {
    parsed.operation.reserve?.(parsed.arguments, stepOf(run, call), reach)
  }

  /** Whatever it took, it did not use. */
  function release(run: Run, call: ToolCall, args: unknown): void {
    deps.registry.find(call.name, args, run.userId)?.operation.release?.(stepOf(run, call))
  }

  function unlessUsedUp(work: () => void): Verdict | undefined {
    try {
      db.transact(work)
      return undefined
    } catch (error) {
      if (!(error instanceof AppError) || error.code !== 'forbidden') throw error
      return { decision: 'deny', rule: '3', reason: error.message }
    }
  }

  return {
    /** Before it happens. It does not where what it needs is used up: then that is the verdict, and nothing was written. */
    started(run: Run, call: ToolCall, looked: Looked, started: Started): Verdict | undefined {
      return unlessUsedUp(() => {
        reserve(run, call, looked)
        write(run, call, started)
        if (started.verdict.grant !== undefined) deps.grants.use(run.userId, started.verdict.grant, run)
      })
    },

    /** The same for a call that was started before. */
    reserved: (run: Run, call: ToolCall, looked: Looked): Verdict | undefined =>
      unlessUsedUp(() => reserve(run, call, looked)),

    /** After it happened: the labels of what came back are now the run's and the conversation's. */
    finished(run: Run, progress: Progress, call: ToolCall, end: Finished): ToolResult {
      const { content, pictures = [] } = end
      const media = pictures.map(asMedia)
      db.transact(() => {
        const before = progress.labels.integrity
        take(progress, end)
        const touched = before === 'owner' && progress.labels.integrity === 'third_party'
        journal.finishTool(call.callId, { ...end, labels: progress.labels })
        if (!end.success) release(run, call, call.arguments)
        store.label(run.id, progress.labels)
        deps.conversations.label(
          run.conversationId,
          joinLabels(progress.labels, deps.conversations.find(run.conversationId)!),
        )
        close(run, call, { ...end, touched, labels: progress.labels })
        const data_urls = media.map(({ mediaType, data }) => `data:${mediaType};base64,${data}`)
        if (data_urls.length > 0) events.keep(address(run), { type: 'images', data_urls })
      })
      const result = { callId: call.callId, vendorId: call.vendorId, name: call.name, content, success: end.success }
      return media.length === 0 ? result : { ...result, media }
    },

    /** It does not happen, and the model is told why. */
    refused(
      run: Run,
      call: ToolCall,
      refusal: { arguments: unknown; verdict: Verdict; words: string; labels: Labels; announced: boolean },
    ): ToolResult {
      const { verdict, labels, announced } = refusal
      const content = mask(refusal.words)
      const flags = verdict.rule === 'leak' ? ['leak'] : []
      const rest = { flags, success: false, labels, durationMs: 0, confirmed: false }
      const end = { content, summary: firstLine(content), ...rest }
      db.transact(() => {
        write(run, call, { arguments: refusal.arguments, verdict, labels, confirmed: false, announced })
        journal.finishTool(call.callId, end)
        close(run, call, end)
      })
      return { callId: call.callId, vendorId: call.vendorId, name: call.name, content, success: false }
    },

    /** The owner is asked, and the run put aside until there is an answer. */
    asked(run: Run, call: ToolCall, asking: Omit<Asking, 'arguments'>): void {
      db.transact(() => {
        announce(run, call, call.arguments)
        questions.ask(run, call, 'call', { ...asking, arguments: call.arguments })
      })
    },

    /** Nobody knows whether it happened; the owner is asked. */
    uncertain(run: Run, call: ToolCall, asking: Omit<Asking, 'arguments'>): void {
      const args: unknown = JSON.parse(journal.find(call.callId)?.arguments ?? 'null')
      db.transact(() => questions.ask(run, call, 'uncertain', { ...asking, arguments: args }))
    },

    /** The same call without known secrets in its arguments: what is asked about, done and written down. */
    clean(call: ToolCall): ToolCall {
      const args = masked(call.arguments)
      return JSON.stringify(args) === JSON.stringify(call.arguments) ? call : { ...call, arguments: args }
    },

    pendingOf: (runId: string) => deps.approvals.pendingOf(runId),

    /** The calls of a run and its open questions, those of its sub-agents too, as the `state` frame shows them. */
    callStates(runId: string): { tool_calls: ToolCallState[]; confirmations: Omit<ConfirmationFrame, 'type'>[] } {
      const steps = journal.ofRun(runId).filter((step) => step.kind === 'tool')
      const own = questions.ofRun(runId)
      const waiting = own
        .filter(({ kind }) => kind === undefined)
        .map(({ call_id, tool_name, arguments: args }) => ({ call_id, tool_name, arguments: args }))
      return {
        tool_calls: [...steps.map((step) => masked(stateOf(step)) as ToolCallState), ...waiting],
        confirmations: [...own, ...questions.below(runId)],
      }
    },

    /** The run ended first: what was still open is closed as not done, an open question withdrawn. */
    abandoned(run: Run, call: ToolCall, words: string): void {
      const step = journal.find(call.callId)
      const { integrity, privacy } = store.get(run.id)
      const labels = { integrity, privacy }
      const end = {
        content: words,
        summary: words,
        success: false,
        labels,
        durationMs: 0,
        confirmed: step?.confirmed === 1,
      }
      const approval = deps.approvals.find(call.callId)
      const uncertain = deps.approvals.uncertainOf(call.callId)
      for (const open of [approval, uncertain]) if (open?.state === 'pending') questions.withdraw(run, open, words)
      const announced = approval !== undefined
      const verdict: Verdict = { decision: 'deny', rule: 'stopped', reason: words }
      if (!step) write(run, call, { arguments: call.arguments, verdict, labels, confirmed: false, announced })
      journal.finishTool(call.callId, end)
      if (step) release(run, call, JSON.parse(step.arguments ?? 'null'))
      close(run, call, end)
    },
  }
}

function stateOf(step: Step): ToolCallState {
  const call = {
    call_id: step.id,
    tool_name: step.toolName ?? '',
    arguments: JSON.parse(step.arguments ?? 'null') as unknown,
  }
  if (step.status === 'started') return call
  const duration_ms = Date.parse(step.finishedAt ?? step.startedAt) - Date.parse(step.startedAt)
  return {
    ...call,
    success: step.success === 1,
    result_summary: step.summary ?? '',
    confirmed: step.confirmed === 1,
    duration_ms,
  }
}

function firstLine(text: string): string {
  const line = text.split('\n').find((one) => one.trim() !== '') ?? ''
  return line.length <= SUMMARY_CHARS ? line : `${line.slice(0, SUMMARY_CHARS - 1)}…`
}
