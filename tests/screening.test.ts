import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { ModelEvent, TokenUsage } from '../services/agent/model.ts'
import type { Choice } from '../services/models/index.ts'
import { Held, OutOfBudget } from '../services/runs/gate.ts'
import { createScreening, type Raw } from '../services/runs/screening.ts'
import type { Run } from '../services/runs/store.ts'
import type { Pending } from '../services/runs/turns.ts'

/** The ways in which a result cannot be judged; each withholds it, and what was begun is paid for. */

const RUN = { id: 'run', model: 'main:model' } as Run
const PAGE: Raw = { content: 'Soup for four.', labels: { integrity: 'third_party', privacy: 'public' } }
const SETTINGS: Record<string, unknown> = {
  llm_screen: true,
  llm_screen_model: 'screen:small',
  sanitize_enhanced: false,
  max_result_chars: 50_000,
  public_only_providers: [],
}

type Ask = (signal: AbortSignal, onBegin: (pending: Pending) => void) => AsyncGenerator<ModelEvent>

function screening(ask: Ask, { settings = {}, choice = {} }: { settings?: object; choice?: Partial<Choice> } = {}) {
  const paid: { usage: TokenUsage; model: string | undefined }[] = []
  const world = { asked: 0, settled: 0 }
  const values = { ...SETTINGS, ...settings } as Record<string, unknown>
  const screen = createScreening({
    db: { transact: (work: () => unknown) => work() } as never,
    settings: { get: (name: string) => values[name] } as never,
    models: {
      choose: (id: string) => ({ id, provider: 'screen', contextLength: null, maxTokens: 4_096, ...choice }) as Choice,
      default: () => 'screen:default',
    },
    turns: {
      ask(_run, { signal }, onBegin) {
        world.asked++
        return ask(signal, onBegin)
      },
    },
    bills: { spend: (_run, usage, model) => (paid.push({ usage, model }), 0) },
    mask: (text) => text,
    timeoutMs: 50,
  })
  const pending = { settle: () => void world.settled++, inputTokens: 1_000 }
  return { look: (raw = PAGE, stop = new AbortController()) => screen(RUN, raw, stop.signal), paid, world, pending }
}

const end = (text: string): ModelEvent => ({
  type: 'end',
  parts: [{ type: 'text', text }],
  usage: { inputTokens: 20, outputTokens: 1, cacheReadTokens: 0, cacheWriteTokens: 0 },
  stopReason: 'end_turn',
})

/** Ends only with its signal. */
async function* never(signal: AbortSignal): AsyncGenerator<ModelEvent> {
  await new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error)))
  yield end('CLEAN')
}

describe('a result that is to be judged', () => {
  it('gets through with one word of the model that was picked for it, which is paid for', async () => {
    const { look, paid, world, pending } = screening(async function* (_signal, onBegin) {
      onBegin(pending)
      yield end(' CLEAN\n')
    })
    assert.deepEqual(await look(), {
      content: 'Soup for four.',
      summary: 'Soup for four.',
      source: undefined,
      flags: [],
      withheld: false,
    })
    assert.deepEqual([paid[0]!.usage.inputTokens, paid[0]!.model, world.settled], [20, 'screen:small', 1])
  })

  it('is judged by the default model where none was picked', async () => {
    const { look, paid } = screening(
      async function* () {
        yield end('CLEAN')
      },
      { settings: { llm_screen_model: null } },
    )
    await look()
    assert.equal(paid[0]!.model, 'screen:default')
  })

  for (const [name, error] of [
    ['the budget of the house is used up or everything is paused', new Held('budget', 'No money.')],
    ['the run has spent its own budget', new OutOfBudget('No money.')],
    ['anything breaks', new TypeError('fetch failed')],
  ] as const) {
    it(`is withheld where ${name}`, async () => {
      const { look, paid } = screening(async function* () {
        throw error
      })
      const { withheld, flags, content } = await look()
      assert.deepEqual([withheld, flags, paid.length], [true, ['withheld'], 0])
      assert.doesNotMatch(content, /Soup/)
    })
  }

  it('is withheld where the model takes too long, and what that cost is counted', async () => {
    const { look, paid, world, pending } = screening((signal, onBegin) => (onBegin(pending), never(signal)))
    assert.equal((await look()).withheld, true)
    assert.deepEqual([paid[0]?.usage.inputTokens, world.settled], [1_000, 1])
  })

  it('is withheld where the run is stopped meanwhile', async () => {
    const stop = new AbortController()
    const { look } = screening((signal) => (queueMicrotask(() => stop.abort()), never(signal)))
    assert.equal((await look(PAGE, stop)).withheld, true)
  })

  it('is withheld where the stream ends without an end', async () => {
    const { look } = screening(async function* () {
      yield { type: 'text', delta: 'CLEAN' }
    })
    assert.equal((await look()).withheld, true)
  })

  it('is withheld, and nobody asked, where it is private and the model may see public things only', async () => {
    const clean: Ask = async function* () {
      yield end('CLEAN')
    }
    const { look, world } = screening(clean, { settings: { public_only_providers: ['screen'] } })
    const mail: Raw = { ...PAGE, labels: { integrity: 'third_party', privacy: 'private' } }
    assert.deepEqual([(await look(mail)).withheld, world.asked], [true, 0])
    assert.deepEqual([(await look(PAGE)).withheld, world.asked], [false, 1])
  })

  it('is withheld, and nobody asked, where it is longer than the model can take in', async () => {
    const clean: Ask = async function* () {
      yield end('CLEAN')
    }
    const { look, world } = screening(clean, { choice: { contextLength: 8_000 } })
    assert.deepEqual([(await look({ ...PAGE, content: 'x'.repeat(40_000) })).withheld, world.asked], [true, 0])
  })

  it('is not judged where the owner wrote it', async () => {
    const { look, world } = screening(never)
    const own: Raw = { ...PAGE, labels: { integrity: 'owner', privacy: 'private' } }
    assert.deepEqual([(await look(own)).withheld, world.asked], [false, 0])
  })
})
