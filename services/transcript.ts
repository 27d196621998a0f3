import type { Conversation } from './conversations.ts'
import type { EventLog } from './event-log.ts'
import type { Events } from './events.ts'
import type { Approvals } from './policy/approvals.ts'
import { compactedOf } from './runs/context.ts'
import type { Engine } from './runs/engine.ts'
import { partsOf, type Journal, type Step } from './runs/journal.ts'
import type { Run, RunStore } from './runs/store.ts'
import type { By } from './shapes/frames.ts'
import { textOf } from './shapes/message.ts'

export type TranscriptDeps = {
  store: RunStore
  journal: Journal
  approvals: Approvals
  engine: Engine
  events: Events
  log: EventLog
  maskValue: (value: unknown) => unknown
}

export type Transcript = ReturnType<typeof createTranscript>

/** A conversation as people read it: what was asked, what was answered, and every tool call where it happened. */
export function createTranscript({ store, journal, approvals, engine, events, log, maskValue }: TranscriptDeps) {
  function of(conversation: Conversation) {
    const last_seq = events.head()
    const runs = store.ofConversation(conversation.id)
    return {
      id: conversation.id,
      agent_id: conversation.agentId,
      title: conversation.title,
      model: conversation.model,
      started_at: conversation.startedAt,
      updated_at: conversation.updatedAt,
      message_count: conversation.messageCount,
      last_seq,
      integrity: conversation.integrity,
      privacy: conversation.privacy,
      web_open: conversation.webOpen,
      messages: runs.flatMap((run) => [asked(run, conversation), answered(run, conversation)]),
    }
  }

  function asked(run: Run, conversation: Conversation) {
    return {
      id: run.id,
      role: 'user' as const,
      run_id: run.id,
      content: run.input,
      attachments: store.attachmentNames(run.id),
      recalled: store.recalled(run.id),
      by: byOf(run),
      created_at: run.createdAt,
      cleared: run.number <= conversation.clearedAfter,
    }
  }

  function answered(run: Run, conversation: Conversation) {
    const state = run.endedAt === null ? engine.stateOf(run) : undefined
    return {
      id: `${run.id}:answer`,
      role: 'assistant' as const,
      run_id: run.id,
      content: state?.text ?? run.answer,
      parts: partsOfRun(run, state?.text),
      confirmations: state?.confirmations ?? [],
      status: run.status,
      reason: log.reasonOf(run),
      stop_reason: run.stopReason,
      error: run.error === null ? null : { error: run.error, code: run.errorCode ?? 'internal' },
      model: run.model,
      usage: { input_tokens: run.inputTokens, output_tokens: run.outputTokens, cost_usd: run.costUsd },
      integrity: run.integrity,
      created_at: run.startedAt ?? run.createdAt,
      cleared: run.number <= conversation.clearedAfter,
    }
  }

  type Part =
    { type: 'text'; text: string } | { type: 'summary'; text: string; created_at: string } | ReturnType<typeof toolPart>

  function partsOfRun(run: Run, textSoFar: string | undefined): Part[] {
    const steps = journal.ofRun(run.id)
    const byId = new Map(steps.map((step) => [step.id, step]))
    const said = steps
      .filter((step) => step.kind === 'model')
      .map((step) => textOf({ role: 'assistant', parts: partsOf(step) }))
      .filter(Boolean)
      .join('\n\n')
    const touchedBy = touchingStep(steps)
    const parts = steps.flatMap((step) => partsOfStep(step, byId, touchedBy))
    const running = textSoFar?.slice(said.length).trimStart() ?? ''
    return running === '' ? parts : [...parts, { type: 'text', text: running }]
  }

  /** Tool calls stand where the model made them, so their own steps add nothing. */
  function partsOfStep(step: Step, byId: ReadonlyMap<string, Step>, touchedBy: string | undefined): Part[] {
    if (step.kind === 'summary') return summaryPart(step)
    if (step.kind !== 'model') return []
    return partsOf(step).flatMap((part): Part[] => {
      if (part.type === 'text') return part.text === '' ? [] : [{ type: 'text', text: part.text }]
      return part.type === 'call' ? [toolPart(part.call, byId.get(part.call.callId), touchedBy)] : []
    })
  }

  function toolPart(
    call: { callId: string; name: string; arguments: unknown },
    step: Step | undefined,
    touchedBy: string | undefined,
  ) {
    const approval = step ? undefined : approvals.find(call.callId)
    const args: unknown = step ? JSON.parse(step.arguments ?? 'null') : call.arguments
    return {
      type: 'tool' as const,
      call_id: call.callId,
      tool_name: call.name,
      operation: operationOf(args),
      arguments: maskValue(args),
      status: step ? step.status : ('waiting' as const),
      success: step?.success === 1,
      result_summary: step?.summary ?? '',
      result: step?.content ?? '',
      confirmed: step?.confirmed === 1,
      duration_ms: step?.finishedAt ? Date.parse(step.finishedAt) - Date.parse(step.startedAt) : null,
      decision: step?.decision ?? (approval ? ('ask' as const) : null),
      rule: step?.rule ?? null,
      reason: step?.reason ?? approval?.reason ?? null,
      integrity: step?.integrity ?? null,
      source: step?.source ?? null,
      touched: call.callId === touchedBy,
      flags: JSON.parse(step?.flags ?? '[]') as string[],
      ...(call.name === 'agent' ? { child_run_id: store.childOf(call.callId)?.id ?? null } : {}),
    }
  }

  return {
    of,
    /** What one run said and did, up to now. */
    ofRun: (run: Run) => partsOfRun(run, run.endedAt === null ? engine.stateOf(run).text : undefined),
  }
}

function byOf(run: Run): By {
  return run.door === 'api' || run.door === 'telegram' ? run.door : 'web'
}

/** The call since which a run counts as touched by others; undefined where it began so, or never was. */
function touchingStep(steps: readonly Step[]): string | undefined {
  const [first] = steps
  if (first === undefined || first.integrity === 'third_party') return undefined
  return steps.find(({ kind, integrity }) => kind === 'tool' && integrity === 'third_party')?.id
}

/** A note that stands for what was said before it. That long results were trimmed is not worth telling. */
function summaryPart(step: Step): { type: 'summary'; text: string; created_at: string }[] {
  const content = compactedOf(step)
  return content.type === 'note' ? [{ type: 'summary', text: content.note, created_at: step.startedAt }] : []
}

function operationOf(args: unknown): string | null {
  const operation = (args as { operation?: unknown } | null)?.operation
  return typeof operation === 'string' ? operation : null
}
