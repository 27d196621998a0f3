import type { CallOutcome } from '../agent/loop.ts'
import { NotYet, UncertainError, type Reach, type ToolContext, type ToolOutcome, type Verdict } from '../agent/tool.ts'
import type { Conversation, Conversations } from '../conversations.ts'
import { AppError } from '../errors.ts'
import type { Approval } from '../policy/approvals.ts'
import { decide, refuse, type Grant, type Lists } from '../policy/decide.ts'
import { effectOf, goesOut, type PolicyCall } from '../policy/reach.ts'
import type { ToolCall } from '../shapes/message.ts'
import type { ParsedCall, Registry } from '../tools/registry.ts'
import { resultOf } from './context.ts'
import type { Journal, Step } from './journal.ts'
import type { Gate } from './gate.ts'
import { modeOf, type ModeDeps, type Progress } from './mode.ts'
import { createAsking, otherThanApproved, unasked } from './asking.ts'
import { asFailure, attempt, carriedOut, happened, orAborted } from './attempt.ts'
import type { CallRecords } from './call-records.ts'
import { beside, type Screening } from './screening.ts'
import type { Run } from './store.ts'

export type CallsDeps = ModeDeps & {
  now: () => Date
  registry: Registry
  journal: Journal
  conversations: Conversations
  records: CallRecords
  gate: Gate
  lists: (userId: string) => Lists
  /** The standing yeses that a run may use now. */
  grantsFor: (run: Run) => Grant[]
  screen: Screening
  /** Whether a value holds a secret of the vault, however it is written. */
  givesAway: (value: unknown) => boolean
}

/** A call that was looked at: what it is, where it reaches, what the policy sees of it; `unseen`: why it could not be. */
type Looked = { parsed: ParsedCall; reach: Reach; policy: PolicyCall; unseen?: AppError }

type Facts = { confirmed: boolean; approvedBy?: string | null }

const DEFAULT_TIMEOUT_MS = 60_000

const DONE = 'Done; the server restarted in between and checked.'
const DONE_SAYS_OWNER = 'Done; the owner looked.'
const NOT_KNOWN = 'It is not known whether this happened, and the owner gave it up. Do not do it again.'
const STOPPED_IN_BETWEEN = 'The server stopped in the middle of this, and it is not known whether it happened.'

export type Calls = ReturnType<typeof createCalls>

/**
 * The only way to a tool. Each call of the model is parsed, looked at, decided, then refused, asked about or done; every
 * step of that is in the journal before the next one happens, so the same call can be asked for again at any time.
 */
export function createCalls(deps: CallsDeps) {
  const { registry, journal, approvals, records, settings } = deps
  const asking = createAsking(deps)
  const givesAway = (value: unknown): boolean => settings.get('output_validation') && deps.givesAway(value)

  async function look(run: Run, parsed: ParsedCall, callId?: string): Promise<Looked> {
    return lookedAt(parsed, await parsed.operation.inspect(parsed.arguments, run.userId, callId, run.id))
  }

  function lookedAt(parsed: ParsedCall, reach: Reach): Looked {
    const { destructive, attendedOnly, listedOnly = false, unlisted = false } = parsed.operation
    const effect = effectOf(parsed.operation.effect, reach)
    const leaks = goesOut(effect, reach) && givesAway(parsed.arguments)
    const facts = { effect, destructive, attendedOnly, listedOnly, unlisted, reach, leaks }
    return { parsed, reach, policy: { tool: parsed.tool.name, operation: parsed.name, ...facts } }
  }

  /** The calls of one run. `signal` ends when the run is stopped. What would be asked about is refused where it may not ask. */
  function forRun(run: Run, progress: Progress, signal: AbortSignal, mayAsk = true) {
    const conversation = (): Conversation => deps.conversations.find(run.conversationId)!
    const mode = () => modeOf(run, progress, conversation(), deps)
    const verdictOf = (policy: PolicyCall, now = mode(), grants = deps.grantsFor(run)): Verdict =>
      decide(policy, progress.labels, now, grants, deps.lists(run.userId), {
        flowGuard: settings.get('flow_guard'),
      })
    /** A redirect belongs to a call that was counted already; what a standing yes covers is a call of its own. */
    const hop = (policy: PolicyCall): Verdict => {
      const verdict = verdictOf(policy, { ...mode(), toolCalls: 0 }, [])
      if (verdict.rule === '7c') progress.resultFetches++
      return verdict
    }
    /** Rules 1 to 3 with today's lists, for a call that was counted when it was first looked at. */
    const again = (policy: PolicyCall): Verdict | undefined =>
      refuse(policy, { ...mode(), toolCalls: 0 }, deps.lists(run.userId))

    async function call(call: ToolCall): Promise<CallOutcome> {
      const step = journal.find(call.callId)
      if (step?.status === 'finished') return { type: 'finished', result: resultOf(call, step) }
      deps.gate.pass(run)
      if (step) return recover(call, step)
      const approval = approvals.find(call.callId)
      if (approval) return answered(call, approval)
      return begin(call)
    }

    /** The world may have changed while something was waited for. */
    function mayGoOn(): void {
      signal.throwIfAborted()
      deps.gate.pass(run)
    }

    async function begin(call: ToolCall, isClean = false): Promise<CallOutcome> {
      if (approvals.pendingOf(run.id)) return { type: 'waiting' }
      const looked = await attempt(() => look(run, registry.parse(call.name, call.arguments, run.userId), call.callId))
      mayGoOn()
      if (looked instanceof AppError) return unusable(call, looked)
      const decided = verdictOf(looked.policy)
      const verdict = mayAsk ? decided : unasked(decided)
      if (verdict.decision === 'deny') return denied(call, call.arguments, verdict)
      const clean = isClean ? call : records.clean(call)
      if (clean !== call) return begin(clean, true)
      if (verdict.decision === 'ask') return askOwner(call, looked, verdict)
      const started = { arguments: call.arguments, verdict, labels: progress.labels }
      const full = records.started(run, call, looked, { ...started, confirmed: false, announced: false })
      if (full) return denied(call, call.arguments, full)
      progress.toolCalls++
      if (verdict.rule === '7c') progress.resultFetches++
      return perform(call, looked, { confirmed: false })
    }

    /** At most one question a run stands open: the next call waits its turn. */
    function askOwner(call: ToolCall, looked: Looked, verdict: Verdict): CallOutcome {
      if (approvals.pendingOf(run.id)) return { type: 'waiting' }
      asking.refuseTooMany(run)
      progress.toolCalls++
      const { parsed, policy } = looked
      const { reason } = verdict
      records.asked(run, call, { parsed, policy, reason, labels: progress.labels, expiresAt: asking.expiry(run) })
      return { type: 'waiting' }
    }

    async function answered(call: ToolCall, approval: Approval): Promise<CallOutcome> {
      if (approval.state === 'pending') return { type: 'waiting' }
      if (approval.state !== 'approved') return notApproved(call, approval)
      const looked = await attempt(() =>
        look(run, registry.parse(call.name, approval.arguments, run.userId), call.callId),
      )
      mayGoOn()
      if (looked instanceof AppError) return unusable(call, looked, true)
      const refusal = again(looked.policy) ?? otherThanApproved(looked, approval)
      if (refusal) {
        approvals.voidApproved(approval.id, refusal.reason)
        return denied(call, approval.arguments, refusal, true)
      }
      const verdict: Verdict = { decision: 'ask', rule: 'approved', reason: approval.reason }
      const started = { arguments: approval.arguments, verdict, labels: progress.labels }
      const full = records.started(run, call, looked, { ...started, confirmed: true, announced: true })
      if (full) {
        approvals.voidApproved(approval.id, full.reason)
        return denied(call, approval.arguments, full, true)
      }
      return perform(call, looked, { confirmed: true, approvedBy: approval.decided_by })
    }

    function notApproved(call: ToolCall, approval: Approval): CallOutcome {
      for (const target of approval.targets) progress.denied.add(target)
      const note = approval.note ? ` They said: ${approval.note}` : ''
      const words =
        approval.state === 'expired' ? 'Nobody answered in time, so it was not done.' : `The owner said no.${note}`
      const verdict: Verdict = { decision: 'deny', rule: 'owner', reason: words }
      return refused(call, { arguments: approval.arguments, verdict, words, announced: true })
    }

    /** The process ended in the middle of this call: finish what can be known, do again what may be done again. */
    async function recover(call: ToolCall, step: Step): Promise<CallOutcome> {
      const args: unknown = JSON.parse(step.arguments ?? 'null')
      const parsed = await attempt(async () => registry.parse(call.name, args, run.userId))
      const facts = { confirmed: step.confirmed === 1 }
      if (parsed instanceof AppError) return finish(call, parsed, facts, 0)
      const seen = await attempt(() => look(run, parsed, call.callId))
      // @NOTE what cannot be looked at now is not done again, but may have happened.
      const looked = seen instanceof AppError ? { ...lookedAt(parsed, {}), unseen: seen } : seen
      const question = approvals.uncertainOf(call.callId)
      if (question) return known(call, looked, question, facts)
      const state = await happened(looked.parsed, contextFor(call, looked))
      mayGoOn()
      if (state === 'done') return finish(call, { content: DONE }, facts, 0, looked)
      if (state === 'unknown') return askWhatHappened(call, looked, STOPPED_IN_BETWEEN)
      return performAgain(call, looked, facts)
    }

    /** What the owner said of a call of which nobody knew whether it happened. */
    async function known(call: ToolCall, looked: Looked, question: Approval, facts: Facts): Promise<CallOutcome> {
      if (question.state === 'pending') return { type: 'waiting' }
      const approvedBy = question.decided_by
      if (question.answer === 'again') {
        approvals.use(question.id)
        return performAgain(call, looked, { ...facts, confirmed: true, approvedBy })
      }
      if (question.answer === 'done')
        return finish(call, { content: DONE_SAYS_OWNER }, { confirmed: true, approvedBy }, 0, looked)
      return finish(call, new AppError('unavailable', NOT_KNOWN), facts, 0)
    }

    /** As today's lists and the approval of back then have it. */
    async function performAgain(call: ToolCall, looked: Looked, facts: Facts): Promise<CallOutcome> {
      if (looked.unseen) return finish(call, looked.unseen, facts, 0)
      const approval = approvals.find(call.callId)
      const refusal =
        again(looked.policy) ??
        (approval ? otherThanApproved(looked, approval) : noLongerAllowed(looked, facts)) ??
        records.reserved(run, call, looked)
      if (refusal) return finish(call, new AppError('forbidden', refusal.reason), facts, 0)
      return perform(call, looked, facts)
    }

    /** What nobody was asked about must still need no asking. */
    function noLongerAllowed({ policy }: Looked, { confirmed }: Facts): Verdict | undefined {
      const verdict = verdictOf(policy, { ...mode(), toolCalls: 0 })
      if (confirmed || verdict.decision === 'allow') return undefined
      return {
        decision: 'deny',
        rule: verdict.rule,
        reason: 'It was broken off, and may no longer be done without asking.',
      }
    }

    /** Nothing is tried again by itself; the run waits until the owner has said what happened. */
    function askWhatHappened(call: ToolCall, looked: Looked, reason: string): CallOutcome {
      if (!approvals.pendingOf(run.id))
        records.uncertain(run, call, { ...looked, labels: progress.labels, reason, expiresAt: asking.expiry(run) })
      return { type: 'waiting' }
    }

    async function perform(call: ToolCall, looked: Looked, facts: Facts): Promise<CallOutcome> {
      const { operation } = looked.parsed
      const started = performance.now()
      const limit = AbortSignal.any([signal, AbortSignal.timeout(operation.timeoutMs ?? DEFAULT_TIMEOUT_MS)])
      const context = contextFor(call, looked, limit)
      // @NOTE what changes the world is waited for to its own end, so that what is written down is what happened.
      const waitFor = operation.effect === 'read' ? orAborted : <T>(work: Promise<T>) => work
      const outcome = await carriedOut(() =>
        waitFor(operation.run(looked.parsed.arguments, context, looked.reach), limit),
      )
      if (outcome instanceof NotYet) return { type: 'waiting' }
      if (outcome instanceof UncertainError && mayAsk) return askWhatHappened(call, looked, outcome.message)
      if (outcome instanceof UncertainError) return finish(call, asFailure(outcome), facts, 0, looked)
      if (outcome instanceof AppError) signal.throwIfAborted()
      return finish(call, outcome, facts, Math.round(performance.now() - started), looked)
    }

    function contextFor(call: ToolCall, looked: Looked, limit = signal): ToolContext {
      const decideHop = (url: string) =>
        hop({ ...looked.policy, reach: { egress: { kind: 'url', url } }, leaks: givesAway(url) })
      return {
        userId: run.userId,
        runId: run.id,
        callId: call.callId,
        signal: limit,
        labels: progress.labels,
        decideHop,
      }
    }

    /** What came back goes through the screens first; the run has read it either way. */
    async function finish(
      call: ToolCall,
      outcome: ToolOutcome | AppError,
      facts: Facts,
      durationMs: number,
      looked?: Looked,
    ): Promise<CallOutcome> {
      const failed = outcome instanceof AppError
      const labels = (failed ? undefined : outcome.labels) ?? looked?.parsed.operation.yields ?? progress.labels
      const raw = failed ? { content: `Error: ${outcome.message}` } : outcome
      const { withheld, ...screened } = await deps.screen(run, { ...raw, labels }, signal)
      const rest = failed ? {} : beside(outcome, labels, withheld, settings.get('llm_screen'))
      const ended = { success: !failed, labels, durationMs }
      const result = records.finished(run, progress, call, { ...screened, ...ended, ...rest, ...facts })
      return { type: 'finished', result }
    }

    function unusable(call: ToolCall, error: AppError, announced = false): CallOutcome {
      const verdict: Verdict = { decision: 'deny', rule: 'form', reason: error.message }
      const outcome = refused(call, { arguments: call.arguments, verdict, words: `Error: ${error.message}`, announced })
      return { ...outcome, invalid: error.code === 'invalid' }
    }

    function denied(
      call: ToolCall,
      args: unknown,
      verdict: Verdict,
      announced = false,
    ): CallOutcome & { type: 'finished' } {
      return refused(call, { arguments: args, verdict, words: `Refused: ${verdict.reason}`, announced })
    }

    function refused(
      call: ToolCall,
      refusal: { arguments: unknown; verdict: Verdict; words: string; announced: boolean },
    ) {
      if (!refusal.announced && refusal.verdict.rule !== '1') progress.toolCalls++
      return { type: 'finished' as const, result: records.refused(run, call, { ...refusal, labels: progress.labels }) }
    }

    return {
      call,
      besideOthers: (call: ToolCall): boolean =>
        registry.find(call.name, call.arguments, run.userId)?.operation.effect === 'read',
      callsUsedUp: (): boolean => progress.toolCalls >= (run.maxToolCalls ?? settings.get('max_tool_calls')),
    }
  }

  return {
    forRun,
    look,
    refusalOf: (policy: PolicyCall, mode: Parameters<typeof refuse>[1], lists: Lists) => refuse(policy, mode, lists),
  }
}
