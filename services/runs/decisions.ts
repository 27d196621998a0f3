import type { Db } from '../../db/open.ts'
import type { Actor, Audit } from '../audit.ts'
import type { Conversations } from '../conversations.ts'
import { AppError, invalidField } from '../errors.ts'
import type { Events } from '../events.ts'
import type { Log } from '../log.ts'
import { alreadyDecided, type Approval, type Approvals, type Decision } from '../policy/approvals.ts'
import { scopeOf, targetsOf, type Lists } from '../policy/decide.ts'
import type { Settings } from '../settings.ts'
import type { By } from '../shapes/frames.ts'
import type { Registry } from '../tools/registry.ts'
import type { Calls } from './calls.ts'
import type { Journal } from './journal.ts'
import { modeOf, progressOf } from './mode.ts'
import type { Run, RunStore } from './store.ts'

export type DecisionsDeps = {
  db: Db
  now: () => Date
  store: RunStore
  journal: Journal
  approvals: Approvals
  conversations: Conversations
  events: Events
  audit: Pick<Audit, 'record'>
  registry: Registry
  settings: Settings
  calls: Calls
  lists: (userId: string) => Lists
  wake: () => void
  log: Pick<Log, 'error'>
}

/** Who decides, and by which way. */
export type Decider = { userId: string; by: By; actor: Actor; apiKeyId?: string | undefined }

type Changed = NonNullable<Parameters<Approvals['close']>[1]['changed']>

const RETRY_MS = 5_000

/** Timers longer than this overflow; a question that far off is looked at again then. */
const LONGEST_TIMER_MS = 2 ** 31 - 1

export type Decisions = ReturnType<typeof createDecisions>

/** Answers to open questions: by the owner, or by the clock. Either way the run goes on from where it stood. */
export function createDecisions(deps: DecisionsDeps) {
  const { db, store, approvals, events } = deps
  let timer: NodeJS.Timeout | undefined

  /**
   * Decides once. The same decision again changes nothing, the opposite is `conflict`, too late is `expired`. Changed
   * arguments are checked like any call first (`invalid` with the reason).
   */
  async function decide(decider: Decider, id: string, decision: Decision): Promise<Approval> {
    expireDue()
    const approval = approvals.get(decider.userId, id)
    if (approval.state !== 'pending') {
      const refusal = alreadyDecided(approval, decision.approved)
      if (refusal) throw refusal
      if (differs(decision.arguments, approval))
        throw new AppError('conflict', 'This was already approved, with other arguments.')
      return approval
    }
    const run = store.get(approval.run_id)
    if (decider.apiKeyId !== undefined && decider.apiKeyId === run.apiKeyId) {
      throw new AppError('forbidden', 'An API key cannot decide about a run that it started itself.')
    }
    const changed = decision.approved ? await changedCall(run, approval, decision.arguments) : undefined
    return close(run, approval, decision.approved ? 'approved' : 'denied', decider, { note: decision.note, changed })
  }

  async function changedCall(run: Run, approval: Approval, args: unknown): Promise<Changed | undefined> {
    if (!differs(args, approval)) return undefined
    const parsed = deps.registry.parse(approval.tool_name, args)
    if (parsed.name !== approval.operation)
      throw invalidField(
        'arguments.operation',
        `The question is about ${approval.operation}; only the rest may be changed.`,
      )
    const { reach, policy } = await deps.calls.look(run, parsed)
    const conversation = deps.conversations.find(run.conversationId)!
    const past = store.ofConversation(run.conversationId, conversation.clearedAfter)
    const progress = progressOf(run, past, deps)
    const mode = modeOf(run, { ...progress, toolCalls: 0 }, { settings: deps.settings, conversation, approvals })
    const refusal = deps.calls.refusalOf({ ...policy, reach }, mode, deps.lists(run.userId))
    if (refusal)
      throw new AppError('invalid', refusal.reason, { detail: [{ path: 'arguments', message: refusal.reason }] })
    const description = parsed.operation.describe(parsed.arguments)
    return { arguments: args, scope: scopeOf(policy), targets: targetsOf(policy), description }
  }

  type Closing = { note?: string | undefined; changed?: Changed | undefined }

  function close(
    run: Run,
    approval: Approval,
    state: 'approved' | 'denied' | 'expired',
    decider: Decider,
    closing: Closing = {},
  ): Approval {
    db.transact(() => {
      const closed = approvals.close(approval, { state, by: decider.actor.name, ...closing })
      if (!closed)
        throw (
          alreadyDecided(approvals.find(approval.id)!, state === 'approved') ??
          new AppError('conflict', 'This was already decided.')
        )
      record(run, approval, state, decider, closing)
      if (state === 'approved' && approval.scope.startsWith('host:')) deps.conversations.openWeb(run.conversationId)
      goOn(run)
    })
    deps.wake()
    return approvals.find(approval.id)!
  }

  /** A run whose other calls still go is put back by the engine, when they have ended. */
  function goOn(run: Run): void {
    if (store.get(run.id).status !== 'waiting') return
    store.setStatus(run.id, 'queued')
    events.keep(addressOf(run), { type: 'run', status: 'queued', position: 0 })
  }

  function record(
    run: Run,
    approval: Approval,
    state: 'approved' | 'denied' | 'expired',
    decider: Decider,
    closing: Closing,
  ): void {
    events.keep(addressOf(run), { type: 'confirmation_closed', call_id: approval.id, decision: state, by: decider.by })
    const outcome = closing.changed ? 'with changed arguments' : (closing.note ?? '')
    deps.audit.record({
      kind: 'approval',
      action: state,
      subject: approval.id,
      by: decider.actor,
      runId: run.id,
      conversationId: run.conversationId,
      toolName: approval.tool_name,
      outcome,
    })
  }

  function expireDue(): void {
    for (const approval of approvals.due()) {
      const run = store.get(approval.run_id)
      close(run, approval, 'expired', { userId: run.userId, by: 'web', actor: { userId: run.userId, name: 'system' } })
    }
  }

  /** Sets the clock for the question that runs out next; called whenever one is asked and after a start. */
  function watch(): void {
    clearTimeout(timer)
    const at = approvals.nextExpiry()
    if (at === null) return
    const wait = Math.min(Math.max(Date.parse(at) - deps.now().getTime(), 0), LONGEST_TIMER_MS)
    timer = setTimeout(ring, wait).unref()
  }

  function ring(): void {
    try {
      expireDue()
      watch()
    } catch (error) {
      deps.log.error({ err: error }, 'could not close a question that ran out; trying again')
      timer = setTimeout(ring, RETRY_MS).unref()
    }
  }

  return {
    decide,
    watch,
    close: (): void => clearTimeout(timer),
  }
}

function addressOf(run: Run) {
  return { userId: run.userId, conversationId: run.conversationId, runId: run.id, agentId: run.agentId }
}

function differs(args: unknown, approval: Approval): boolean {
  return args !== undefined && JSON.stringify(args) !== JSON.stringify(approval.arguments)
}
