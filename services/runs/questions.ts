import type { Db } from '../../db/open.ts'
import type { Address, Events } from '../events.ts'
import { newId } from '../ids.ts'
import type { Notifications } from '../notifications.ts'
import type { Approval, Approvals, Remember } from '../policy/approvals.ts'
import type { Provenance } from '../policy/provenance.ts'
import { scopeOf, targetsOf, type PolicyCall } from '../policy/reach.ts'
import { sanitize } from '../policy/sanitize.ts'
import type { ConfirmationFrame } from '../shapes/frames.ts'
import type { Labels } from '../shapes/labels.ts'
import type { ToolCall } from '../shapes/message.ts'
import type { ParsedCall } from '../tools/registry.ts'
import { addressOf } from './outcomes.ts'
import type { Origins } from './provenance.ts'
import type { Run, RunStore } from './store.ts'

export type QuestionsDeps = {
  db: Db
  store: RunStore
  approvals: Approvals
  events: Pick<Events, 'keep'>
  notifications: Pick<Notifications, 'add' | 'readFor'>
  mask: (text: string) => string
  maskValue: (value: unknown) => unknown
  origins: Pick<Origins, 'of'>
  /** How far a yes to a call of this tool may reach beyond it. */
  mayRemember: (approval: Approval) => Remember[]
  /** Called once a question stands open. */
  onAsked: () => void
}

type Shown = Omit<ConfirmationFrame, 'type'>

/** A call as the owner is asked about it. */
export type Asking = {
  parsed: ParsedCall
  policy: PolicyCall
  labels: Labels
  reason: string
  arguments: unknown
  expiresAt: string
}

/** Characters of one row of where a value came from. */
const MOST_SHOWN = 500

export type Questions = ReturnType<typeof createQuestions>

/** Puts questions to the owner, shows them where they can be answered, and takes them back. Callers hold the transaction. */
export function createQuestions(deps: QuestionsDeps) {
  const { db, store, approvals, events, notifications } = deps

  /** Who is shown a question of a run: its own conversation and, where somebody sits there, the one that it works for. */
  function readersOf(run: Run): Address[] {
    const own = addressOf(run)
    const [root] = store.ancestors(run)
    return root && root.id !== run.id && run.attended ? [own, { ...addressOf(root), runId: run.id }] : [own]
  }

  function put(run: Run, approval: Approval): void {
    for (const to of readersOf(run)) events.keep(to, { type: 'confirmation_required', ...shown(approval) })
    if (!run.attended) notifications.add(noticeOf(run, approval))
    db.afterCommit(deps.onAsked)
  }

  function provenance(run: Run, { parsed }: Asking): Provenance[] {
    const found = deps.origins.of(run, parsed.arguments)
    const shown = (text: string) => sanitize(deps.mask(text), MOST_SHOWN)
    return found.map(({ path, value, origin, sentence }) => {
      return { path: shown(path), value: shown(value), origin, sentence: shown(sentence) }
    })
  }

  function shown(approval: Approval): Shown {
    const { call_id, tool_name, description, reason, provenance, expires_at } = approval
    const args = deps.maskValue(approval.arguments)
    const about = { call_id, tool_name, arguments: args, description, reason, expires_at }
    if (approval.kind === 'uncertain') return { ...about, kind: 'uncertain', approval_id: approval.id }
    return { ...about, provenance, may_remember: deps.mayRemember(approval) }
  }

  function ofRun(runId: string): Shown[] {
    const pending = approvals.pendingOf(runId)
    return pending ? [shown(pending)] : []
  }

  function below(runId: string): Shown[] {
    return store.unfinished({ parentRunId: runId }).flatMap(({ id }) => [...ofRun(id), ...below(id)])
  }

  return {
    readersOf,
    /** The open question of a run. */
    ofRun,
    /** The open questions of the runs that it waits for. */
    below,

    /** `call`: may it be done? `uncertain`: has it been done? */
    ask(run: Run, call: ToolCall, kind: Approval['kind'], asking: Asking): void {
      const { parsed, policy, labels } = asking
      const approval = approvals.ask({
        id: kind === 'call' ? call.callId : newId(),
        kind,
        call_id: call.callId,
        user_id: run.userId,
        run_id: run.id,
        conversation_id: run.conversationId,
        agent_id: run.agentId,
        tool_name: parsed.tool.name,
        operation: parsed.name,
        arguments: asking.arguments,
        scope: scopeOf(policy),
        targets: targetsOf(policy),
        integrity: labels.integrity,
        description: deps.mask(parsed.operation.describe(parsed.arguments, run.userId, run.id)),
        reason: asking.reason,
        provenance: provenance(run, asking),
        expires_at: asking.expiresAt,
      })
      put(run, approval)
    },

    /** Nobody needs to answer any more. */
    withdraw(run: Run, approval: Approval, note: string): void {
      approvals.close(approval, { state: 'void', by: 'system', note })
      notifications.readFor(approval.id)
      const frame = { type: 'confirmation_closed', call_id: approval.call_id, decision: 'denied', by: 'web' } as const
      for (const to of readersOf(run)) events.keep(to, frame)
    },
  }
}

function noticeOf(run: Run, approval: Approval) {
  const title = approval.kind === 'uncertain' ? 'Did this happen?' : 'A run waits for your yes'
  const about = { runId: run.id, agentId: run.agentId, taskId: run.taskId, approvalId: approval.id }
  return { userId: run.userId, kind: 'approval' as const, title, text: approval.description, ...about }
}
