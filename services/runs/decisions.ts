import type { Db } from '../../db/open.ts'
import type { Actor, Audit } from '../audit.ts'
import type { Conversations } from '../conversations.ts'
import { AppError, invalidField } from '../errors.ts'
import type { Events } from '../events.ts'
import type { Log } from '../log.ts'
import type { GrantDraft, Grants } from '../grants.ts'
import type { Masking } from '../policy/masking.ts'
import type { Notifications } from '../notifications.ts'
import {
  alreadyAnswered,
  alreadyDecided,
  type Answer,
  type Approval,
  type Approvals,
  type Decision,
  type Remember,
} from '../policy/approvals.ts'
import { type Lists } from '../policy/decide.ts'
import { grantable, mayBeGranted, scopeOf, targetsOf } from '../policy/reach.ts'
import type { By } from '../shapes/frames.ts'
import type { Registry } from '../tools/registry.ts'
import type { Calls } from './calls.ts'
import { modeOf, progressOf, type ModeDeps } from './mode.ts'
import { addressOf } from './outcomes.ts'
import type { Questions } from './questions.ts'
import type { Run, RunStore } from './store.ts'

export type DecisionsDeps = ModeDeps & {
  db: Db
  now: () => Date
  store: RunStore
  conversations: Conversations
  notifications: Pick<Notifications, 'readFor'>
  events: Events
  audit: Pick<Audit, 'record'>
  registry: Registry
  calls: Calls
  questions: Pick<Questions, 'readersOf'>
  lists: (userId: string) => Lists
  grants: Pick<Grants, 'create'>
  credentials: Pick<Masking, 'maskValue'>
  wake: () => void
  log: Pick<Log, 'error'>
}

/** Who decides, and by which way. */
export type Decider = {
  userId: string
  by: By
  actor: Actor
  apiKeyId?: string | undefined
  /** In the transaction of the decision. */
  alongside?: () => void
}

type Changed = NonNullable<Parameters<Approvals['close']>[1]['changed']>

const RETRY_MS = 5_000

/** A yes for a conversation holds so often a day; somebody sits there. */
const CONVERSATION_USES = 50

/** Timers longer than this overflow; a question that far off is looked at again then. */
const LONGEST_TIMER_MS = 2 ** 31 - 1

const WHAT_HAPPENED =
  'This asks what became of a call: send {"decision": "done"}, {"decision": "again"} or {"decision": "give_up"}.'

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
    if ('decision' in decision) return answer(decider, approval, decision)
    if (approval.kind === 'uncertain') throw new AppError('invalid', WHAT_HAPPENED)
    if (approval.state !== 'pending') {
      const refusal = alreadyDecided(approval, decision.approved)
      if (refusal) throw refusal
      if (differs(decision.arguments, approval))
        throw new AppError('conflict', 'This was already approved, with other arguments.')
      return approval
    }
    const run = decidedRun(decider, approval)
    const changed = decision.approved ? await changedCall(run, approval, decision.arguments) : undefined
    const asDecided = { ...approval, ...changed }
    const grant = decision.approved ? await grantOf(decider, run, asDecided, decision.remember) : undefined
    const state = decision.approved ? 'approved' : 'denied'
    return close(run, approval, state, decider, { note: decision.note, changed, grant })
  }

  function decidedRun(decider: Decider, approval: Approval): Run {
    const run = store.get(approval.run_id)
    if (decider.apiKeyId === undefined) return run
    const line = store.ancestors(run)
    if (line.some(({ apiKeyId }) => apiKeyId === decider.apiKeyId))
      throw new AppError('forbidden', 'An API key cannot decide about a run that it started itself.')
    if (line.some(isTaskOfAKey))
      throw new AppError('forbidden', 'What a key gave to an agent or task is decided on the page, not with a key.')
    return run
  }

  /** Whether what it is told to do was written by a key for strangers' words, which may be the very key that decides. */
  function isTaskOfAKey({ agentId, taskId }: Run): boolean {
    const told = [agentId !== null && deps.agents.find(agentId), taskId !== null && deps.tasks.find(taskId)]
    return told.some((one) => one !== false && one?.integrity === 'third_party')
  }

  /** The owner has looked what became of a call. */
  function answer(
    decider: Decider,
    approval: Approval,
    given: { decision: Answer; note?: string | undefined },
  ): Approval {
    if (approval.kind !== 'uncertain')
      throw new AppError('invalid', 'This asks for your yes or no: send {"approved": true} or {"approved": false}.')
    if (approval.state !== 'pending') {
      const refusal = alreadyAnswered(approval, given.decision)
      if (refusal) throw refusal
      return approval
    }
    const run = decidedRun(decider, approval)
    const state = given.decision === 'give_up' ? 'denied' : 'approved'
    return close(run, approval, state, decider, { note: given.note, answer: given.decision })
  }

  /** The tool notes what the owner said; nothing about it is left open. */
  function settle(run: Run, approval: Approval, given: Answer): void {
    if (given === 'again') return
    const { operation, arguments: args } = deps.registry.parse(approval.tool_name, approval.arguments, run.userId)
    operation.settle?.(given, args, { userId: run.userId, runId: run.id, callId: approval.call_id })
  }

  async function changedCall(run: Run, approval: Approval, args: unknown): Promise<Changed | undefined> {
    if (!differs(args, approval)) return undefined
    const parsed = deps.registry.parse(approval.tool_name, args, run.userId)
    if (parsed.name !== approval.operation)
      throw invalidField(
        'arguments.operation',
        `The question is about ${approval.operation}; only the rest may be changed.`,
      )
    const { reach, policy } = await deps.calls.look(run, parsed)
    const conversation = deps.conversations.find(run.conversationId)!
    const past = store.ofConversation(run.conversationId, conversation.clearedAfter)
    const progress = progressOf(run, past, deps)
    const mode = modeOf(run, { ...progress, toolCalls: 0 }, conversation, deps)
    const refusal = deps.calls.refusalOf({ ...policy, reach }, mode, deps.lists(run.userId))
    if (refusal)
      throw new AppError('invalid', refusal.reason, { detail: [{ path: 'arguments', message: refusal.reason }] })
    const clean = deps.credentials.maskValue(args)
    if (JSON.stringify(clean) !== JSON.stringify(args)) return changedCall(run, approval, clean)
    const description = parsed.operation.describe(parsed.arguments, run.userId, run.id)
    return { arguments: args, scope: scopeOf(policy), targets: targetsOf(policy), description }
  }

  /** How far a yes may reach beyond its one call. */
  function mayRemember(run: Run, approval: Approval): Remember[] {
    const found = deps.registry.find(approval.tool_name, approval.arguments, run.userId)
    const somewhere = approval.targets.some((target) => target !== `${approval.tool_name}.${approval.operation}`)
    if (approval.kind !== 'call' || !found || !somewhere || !mayBeGranted(found.operation)) return []
    const [root] = store.ancestors(run)
    return root?.agentId ? ['conversation', 'agent'] : ['conversation']
  }

  /** The standing yes that the owner wants made of this one. */
  async function grantOf(
    { apiKeyId }: Decider,
    run: Run,
    approval: Approval,
    wanted: Remember | undefined,
  ): Promise<GrantDraft | undefined> {
    if (wanted === undefined) return undefined
    if (apiKeyId !== undefined) throw new AppError('forbidden', 'A standing yes is given on the page, not with a key.')
    if (!mayRemember(run, approval).includes(wanted))
      throw invalidField('remember', 'A yes to this one holds for this one call only.')
    const { policy } = await deps.calls.look(
      run,
      deps.registry.parse(approval.tool_name, approval.arguments, run.userId),
    )
    if (targetsOf(policy).join('\n') !== approval.targets.join('\n'))
      throw new AppError('conflict', 'The place is no longer the one that was asked about. Look at the question again.')
    const [root] = store.ancestors(run)
    const holder =
      wanted === 'agent'
        ? { agent_id: root!.agentId, conversation_id: null }
        : { agent_id: null, conversation_id: root!.conversationId, per_day: CONVERSATION_USES }
    const operation = `${approval.tool_name}.${approval.operation}`
    const after_third_party = approval.integrity === 'third_party'
    return { ...holder, operation, ...grantable(policy), after_third_party, approval_id: approval.id }
  }

  type Closing = {
    note?: string | undefined
    answer?: Answer | undefined
    changed?: Changed | undefined
    grant?: GrantDraft | undefined
  }

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
      decider.alongside?.()
      record(run, approval, state, decider, closing)
      if (closing.grant) deps.grants.create(run.userId, closing.grant, decider.actor)
      deps.notifications.readFor(approval.id)
      if (approval.kind === 'uncertain') settle(run, approval, closing.answer ?? 'give_up')
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
    const frame = { type: 'confirmation_closed', call_id: approval.call_id, decision: state, by: decider.by } as const
    for (const address of deps.questions.readersOf(run)) events.keep(address, frame)
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
    mayRemember: (approval: Approval): Remember[] => mayRemember(store.get(approval.run_id), approval),
    /**
     * The question about a call, where it is shown: in the run's own conversation, or in that of the run it works for.
     * Throws `not_found` elsewhere.
     */
    questionOf(userId: string, callId: string, conversationId: string): Approval {
      const approval = approvals.uncertainOf(callId) ?? approvals.find(callId)
      const run = approval?.user_id === userId ? store.find(approval.run_id) : undefined
      const shownIn = run ? store.ancestors(run).map((one) => one.conversationId) : []
      if (approval && shownIn.includes(conversationId)) return approval
      throw new AppError('not_found', 'There is no such question in this conversation.')
    },
    watch,
    close: (): void => clearTimeout(timer),
  }
}

function differs(args: unknown, approval: Approval): boolean {
  return args !== undefined && JSON.stringify(args) !== JSON.stringify(approval.arguments)
}
