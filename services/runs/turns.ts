import type { ModelEvent, ModelRequest, ToolSchema } from '../agent/model.ts'
import { beginning, reference, systemPrompt } from '../agent/prompt.ts'
import type { Budgets } from '../budgets.ts'
import { estimateInputTokens, estimateUsd } from '../models/estimate.ts'
import type { Conversations } from '../conversations.ts'
import type { Choice } from '../models/index.ts'
import type { Masking } from '../policy/masking.ts'
import type { Canary } from '../policy/canary.ts'
import { assertMayBeTold } from '../policy/told.ts'
import type { Settings } from '../settings.ts'
import type { Privacy } from '../shapes/labels.ts'
import { callsOf, withoutPictures, type Message } from '../shapes/message.ts'
import type { Offer, Registry } from '../tools/registry.ts'
import { asWritten } from '../tools/through-catalogue.ts'
import type { ToolUses } from '../tools/uses.ts'
import { Held, OutOfBudget, type Gate } from './gate.ts'
import { maskedTurn } from './masked-turn.ts'
import { toolsOf, type ModeDeps } from './mode.ts'
import type { Prompts } from './prompts.ts'
import type { Run, RunStore } from './store.ts'

export type TurnsDeps = Pick<ModeDeps, 'agents' | 'tasks' | 'handled'> & {
  store: RunStore
  prompts: Prompts
  registry: Registry
  conversations: Pick<Conversations, 'find'>
  uses: ToolUses
  budgets: Pick<Budgets, 'reserve' | 'held' | 'onFreed'>
  gate: Gate
  canary: Pick<Canary, 'wordOf'>
  timezone: string
  credentials: Pick<Masking, 'mask' | 'maskedText'>
  settings: Pick<Settings, 'get'>
}

/** A model call that goes on: what it may cost is set aside until `settle`. `inputTokens` is a guess,
 * `rest` what the model said last and nobody was told yet. */
export type Pending = { settle: () => void; inputTokens: number; rest?: () => string }

/** With less room than this an answer is not worth beginning. */
const LEAST_TOKENS = 512

/** While others only have money set aside, so much room is enough not to wait for them. */
const ENOUGH_TOKENS = 4_096

/** Estimates are twice what English text comes to, so that no cap is passed; guesses are nearer. */
const GUESS = 0.5

const PERSONA = { agentName: 'Steward', soul: '', user: '' }

export type Turns = ReturnType<typeof createTurns>

/** One model turn of a run: what is sent, and the money for it set aside before anything is. */
export function createTurns({
  store,
  prompts,
  registry,
  conversations,
  uses,
  budgets,
  gate,
  canary,
  timezone,
  credentials: masking,
  settings,
  ...workers
}: TurnsDeps) {
  let freed = 0
  budgets.onFreed(() => void freed++)

  /** What a run is told and may use. The tools are those of this moment, less what it may never do. */
  function requestFor(run: Run, choice: Choice, messages: readonly Message[], began: Date): ModelRequest {
    const text = run.systemPrompt === null ? undefined : prompts.find(run.systemPrompt)
    const stable = text ?? systemPrompt({ persona: PERSONA, agent: undefined, attended: run.attended })
    const changing = beginning(began, timezone) + reference(stable, canary.wordOf(run.conversationId))
    const system = { stable, changing }
    const tools = choice.capabilities.tools ? offered(run) : []
    const written = asWritten(choice.capabilities.vision ? messages : withoutPictures(messages))
    const known = tools.length > 0 ? tools : spokenOf(written)
    const request = { model: choice.vendorModel, system, messages: written, tools: known, maxTokens: choice.maxTokens }
    return { ...request, noCalls: tools.length === 0 }
  }

  /** What a run has read may have become private since it was picked up. */
  function tellOnly(run: Run, { provider }: Choice, privacy = store.get(run.id).privacy): void {
    assertMayBeTold(provider, privacy, settings.get('public_only_providers'))
  }

  function offerTo(run: Run): Offer {
    const tools = toolsOf(run, run, { ...workers, store })
    return { userId: run.userId, runId: run.id, attended: run.attended, ...tools }
  }

  /** Ranked by what was used before the conversation began, so that they stay the same in it. */
  function offered(run: Run) {
    const { startedAt } = conversations.find(run.conversationId)!
    return registry.offered(offerTo(run), () => uses.before(run.userId, startedAt))
  }

  /**
   * Sets aside what a call may cost, with a shorter answer where there is money for no more. Throws Held where the house
   * has spent its budget or others have set it aside, OutOfBudget where the run has spent its own.
   */
  function reserve(run: Run, choice: Choice, request: ModelRequest): Pending & { maxTokens: number } {
    const inputTokens = estimateInputTokens(request)
    const ancestors = store.ancestors(run).map(({ id: runId, maxCostUsd }) => ({ runId, maxCostUsd }))
    const attempt = (maxTokens: number) =>
      budgets.reserve({ ancestors, estimateUsd: estimateUsd(choice.prices, { inputTokens, maxTokens }) })
    const wanted = attempt(request.maxTokens)
    if (wanted.ok) return { settle: wanted.settle, inputTokens, maxTokens: request.maxTokens }
    const room = affordable(choice, inputTokens, wanted.roomUsd)
    const shorter = room >= (wanted.full ? LEAST_TOKENS : ENOUGH_TOKENS) ? attempt(room) : wanted
    if (shorter.ok) return { settle: shorter.settle, inputTokens, maxTokens: room }
    if (shorter.scope === 'run' && shorter.full) throw new OutOfBudget(shorter.sentence)
    if (shorter.full) budgets.held(shorter.scope)
    throw new Held('budget', shorter.sentence, freed)
  }

  return {
    /** Everything that a run may use now, also what stands behind the catalogue. */
    offeredTo: (run: Run): readonly ToolSchema[] => registry.all(offerTo(run)),

    /** Whether a budget was freed since a run was refused: then it looks again at once. */
    freedSince: (refused: number): boolean => refused !== freed,

    /** Throws Held, OutOfBudget, or what the model throws. `onBegin` is called once the money is there. */
    async *take(
      run: Run,
      turn: { choice: Choice; messages: readonly Message[]; last: boolean; began: Date; signal: AbortSignal },
      onBegin: (pending: Pending) => void,
    ): AsyncGenerator<ModelEvent> {
      gate.pass(run)
      tellOnly(run, turn.choice)
      const request = requestFor(run, turn.choice, turn.messages, turn.began)
      const { maxTokens, settle, inputTokens } = reserve(run, turn.choice, request)
      const mayStart = () => gate.pass(run)
      const noCalls = turn.last || request.noCalls === true
      const events = turn.choice.model({ ...request, noCalls, maxTokens, mayStart }, turn.signal)
      const masked = maskedTurn(events, masking)
      onBegin({ settle, inputTokens: Math.ceil(inputTokens * GUESS), rest: masked.rest })
      yield* masked.turn
    },

    /**
     * The same without tools and with a prompt of the house's own, for its own purposes. `privacy` is that of the text,
     * the run's unless it is said.
     */
    async *ask(
      run: Run,
      question: {
        choice: Choice
        system: string
        text: string
        maxTokens: number
        signal: AbortSignal
        privacy?: Privacy
      },
      onBegin: (pending: Pending) => void,
    ): AsyncGenerator<ModelEvent> {
      gate.pass(run)
      const { choice, system, text, maxTokens, signal } = question
      tellOnly(run, choice, question.privacy)
      const messages: Message[] = [{ role: 'user', parts: [{ type: 'text', text }] }]
      const request = {
        model: choice.vendorModel,
        system: { stable: system, changing: '' },
        messages,
        tools: [],
        maxTokens,
      }
      const pending = reserve(run, choice, request)
      onBegin({ settle: pending.settle, inputTokens: Math.ceil(pending.inputTokens * GUESS) })
      yield* choice.model({ ...request, maxTokens: pending.maxTokens, mayStart: () => gate.pass(run) }, signal)
    },
  }
}

/** Vendors want to hear of every tool that a conversation speaks of, also where none may be used any more. */
function spokenOf(messages: readonly Message[]): ToolSchema[] {
  const calls = messages.flatMap((message) => (message.role === 'assistant' ? callsOf(message) : []))
  const names = [...new Set(calls.map(({ name }) => name))]
  return names.map((name) => ({ name, description: 'No longer there.', inputSchema: { type: 'object' } }))
}

/** How long an answer there is money for. */
function affordable({ prices, maxTokens }: Choice, inputTokens: number, roomUsd: number): number {
  const least = estimateUsd(prices, { inputTokens, maxTokens: 0 }) ?? 0
  const most = estimateUsd(prices, { inputTokens, maxTokens }) ?? 0
  if (most <= least) return 0
  return Math.min(maxTokens, Math.floor(((roomUsd - least) / (most - least)) * maxTokens))
}
