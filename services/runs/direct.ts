import type { Db } from '../../db/open.ts'
import { AppError } from '../errors.ts'
import type { Events } from '../events.ts'
import { newId } from '../ids.ts'
import type { By } from '../shapes/frames.ts'
import type { Integrity, Labels } from '../shapes/labels.ts'
import type { ToolCall } from '../shapes/message.ts'
import type { Registry } from '../tools/registry.ts'
import { UNASKED } from './asking.ts'
import type { Calls } from './calls.ts'
import { progressOf, type ModeDeps } from './mode.ts'
import { addressOf, type Outcomes } from './outcomes.ts'
import { NO_MODEL, type NewRun, type Run, type RunStore } from './store.ts'
import type { Conversations } from '../conversations.ts'

export type Order = {
  userId: string
  tool: string
  arguments: Record<string, unknown>
  /** Who could have written the arguments. */
  integrity: Integrity
  by: By
  apiKeyId: string | undefined
}

export type Executed = { run_id: string; call_id: string; success: boolean; content: string } & Labels

export type DirectDeps = ModeDeps & {
  db: Db
  store: RunStore
  conversations: Conversations
  events: Events
  calls: Pick<Calls, 'forRun'>
  outcomes: Pick<Outcomes, 'succeeded' | 'stopped'>
  registry: Pick<Registry, 'tools'>
  mayWork: (userId: string) => boolean
}

const NOTHING_SPENT = { inputTokens: 0, outputTokens: 0, cacheReadTokens: 0, cacheWriteTokens: 0 }
const WAITS_FOR_OTHERS = 'agent'

/**
 * One call of a tool without a model: an unattended run of its own, so that it is decided, journalled and audited like any
 * other. Nobody is asked: what would need a yes is refused with `approval_required`.
 */
export function createDirect(deps: DirectDeps) {
  const { db, store, conversations, events, journal, outcomes } = deps

  /** @NOTE started in the transaction that makes it, so the queue never sees it; after a crash it counts as interrupted. */
  function begin(order: Order, call: ToolCall): Run {
    return db.transact(() => {
      const run = rowOf(order)
      const labels = { integrity: run.integrity, privacy: run.privacy }
      const conversation = { id: run.conversationId, userId: order.userId, agentId: null, kind: 'run' as const }
      conversations.create({ ...conversation, title: run.input, model: NO_MODEL, labels, webOpen: false })
      store.insert(run, [])
      store.start(run.id)
      const begun = store.get(run.id)
      const message = { message_id: run.id, content: begun.input, attachments: [], by: order.by }
      store.setFirstSeq(run.id, events.keep(addressOf(begun), { type: 'user_message', ...message }))
      events.keep(addressOf(begun), { type: 'run', status: 'running' })
      const parts = [{ type: 'call' as const, call }]
      journal.turn(run.id, { parts, usage: NOTHING_SPENT, costUsd: 0, model: NO_MODEL, labels })
      return begun
    })
  }

  function close(run: Run, refused: boolean, words: string): void {
    db.transact(() => (refused ? outcomes.stopped(run, '') : outcomes.succeeded(run, words, 'end_turn')))
  }

  /** Throws `approval_required`, `forbidden` or `invalid` where it was not done; a tool that failed is an answer. */
  async function execute(order: Order): Promise<Executed> {
    if (!deps.mayWork(order.userId)) throw new AppError('forbidden', 'This user is deactivated.')
    if (!deps.registry.tools(order.userId).some(({ name }) => name === order.tool))
      throw new AppError('not_found', 'There is no such tool; GET /api/tools lists them.')
    if (deps.settings.get('paused')) throw new AppError('unavailable', 'Everything is paused; resume it first.')
    if (order.tool === WAITS_FOR_OTHERS)
      throw new AppError('invalid', 'Put agents to work with POST /api/agents/{id}/run.')
    const call = { callId: newId(), vendorId: '', name: order.tool, arguments: order.arguments }
    const run = begin(order, call)
    const { signal } = new AbortController()
    const calls = deps.calls.forRun(run, progressOf(run, [], deps), signal, false)
    const outcome = await calls.call(call).catch((error: unknown) => {
      close(run, true, '')
      throw error
    })
    const step = journal.find(call.callId)
    const refused = outcome.type !== 'finished' || step?.decision === 'deny'
    const content = outcome.type === 'finished' ? outcome.result.content : ''
    close(run, refused, content)
    if (refused) throw refusal(run, step?.rule ?? '', step?.reason ?? content)
    const { integrity, privacy } = store.get(run.id)
    return { run_id: run.id, call_id: call.callId, success: step?.success === 1, content, integrity, privacy }
  }

  return { execute }
}

function refusal({ id }: Run, rule: string, reason: string): AppError {
  const detail = { run_id: id, rule: rule.replace(`${UNASKED} `, '') }
  if (rule.startsWith(UNASKED)) return new AppError('approval_required', `It needs your yes: ${reason}`, { detail })
  return new AppError(rule === 'form' ? 'invalid' : 'forbidden', reason, { detail })
}

function rowOf({ userId, tool, arguments: args, integrity, by, apiKeyId }: Order): NewRun {
  const operation = typeof args.operation === 'string' ? `.${args.operation}` : ''
  return {
    id: newId(),
    userId,
    conversationId: newId(),
    agentId: null,
    taskId: null,
    parentRunId: null,
    apiKeyId: apiKeyId ?? null,
    origin: 'manual',
    door: by === 'web' ? 'web' : 'api',
    address: '',
    attended: false,
    input: `${tool}${operation}`.slice(0, 200),
    inputIntegrity: integrity,
    model: NO_MODEL,
    integrity,
    privacy: 'private',
    lane: 'background',
    fairKey: userId,
    autonomous: false,
    hold: null,
    systemPrompt: null,
    chain: [],
    maxToolCalls: null,
    maxCostUsd: null,
    mailbox: null,
  }
}
