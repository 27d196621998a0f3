import type { Told } from '../events.ts'
import type { Run } from '../runs/store.ts'
import type { Answer, Answers } from './answers.ts'
import type { Composing } from './composing.ts'
import type { Line } from './line.ts'
import type { Rich } from './rich.ts'
import type { Writing } from './writing.ts'

const EVERY_MS = 1_500
const TYPING_MS = 4_500
/** The question goes to the model first. */
const FIRST_TYPING_MS = 40

type Live = {
  answer: Answer
  shown: string[]
  timer: NodeJS.Timeout | undefined
  first: NodeJS.Timeout | undefined
  busy: boolean
  typedAt: number
}

export type StreamingDeps = {
  answers: Answers
  composing: Composing
  writing: Writing
  findRun: (id: string) => Run | undefined
  /** What a run has said so far. */
  textOf: (run: Run) => string
  lineOf: (userId: string) => Line
  /** Whether its words may be shown while they come. */
  mayShow: (run: Run, answer: Answer, words: string) => boolean
}

export type Streaming = ReturnType<typeof createStreaming>

/**
 * Shows an answer as it grows, by changing its messages now and then. What does not get through is no loss: the whole answer
 * follows by the outbox.
 */
export function createStreaming(deps: StreamingDeps) {
  const live = new Map<string, Live>()

  function follow(answer: Answer): Live {
    const entry = { answer, shown: [], timer: undefined, first: undefined, busy: false, typedAt: -Infinity }
    live.set(answer.runId, entry)
    return entry
  }

  function soon(entry: Live): void {
    entry.timer ??= setTimeout(() => void tick(entry), EVERY_MS).unref()
  }

  async function tick(entry: Live): Promise<void> {
    entry.timer = undefined
    if (entry.busy || live.get(entry.answer.runId) !== entry) return
    entry.busy = true
    try {
      await show(entry)
    } catch {
      // @NOTE the outbox brings the whole answer, and says what is wrong.
    } finally {
      entry.busy = false
    }
  }

  async function show(entry: Live): Promise<void> {
    const { answer } = entry
    const run = deps.findRun(answer.runId)
    if (run?.status !== 'running') return
    const words = deps.textOf(run)
    const line = deps.lineOf(answer.userId)
    type(entry, line)
    if (words.trim() === '' || !deps.mayShow(run, answer, words)) return
    if (!line.isFree(answer.chatId)) return soon(entry)
    const { parts } = await deps.composing.compose(run, words, run.integrity)
    const index = parts.findIndex((part, at) => entry.shown[at] !== fingerprint(part))
    if (index < 0 || live.get(answer.runId) !== entry) return
    await deps.writing.put(answer.runId, answer.chatId, index, parts[index]!, line)
    entry.shown[index] = fingerprint(parts[index]!)
    if (index < parts.length - 1) soon(entry)
  }

  function begin(entry: Live): void {
    try {
      const run = deps.findRun(entry.answer.runId)
      if (run && deps.mayShow(run, entry.answer, '')) type(entry, deps.lineOf(entry.answer.userId))
    } catch {
      // @NOTE the bot may have been taken away meanwhile.
    }
  }

  function type(entry: Live, line: Line): void {
    if (performance.now() - entry.typedAt < TYPING_MS) return
    entry.typedAt = performance.now()
    line.typing(entry.answer.chatId)
  }

  return {
    /** Told of every frame of a user's runs. */
    told({ runId, frame }: Told): void {
      if (runId === null || (frame.type !== 'text' && frame.type !== 'state' && frame.type !== 'run')) return
      const known = live.get(runId)
      if (known) return soon(known)
      const answer = frame.type === 'run' && frame.status !== 'running' ? undefined : deps.answers.find(runId)
      if (!answer?.open) return
      const entry = follow(answer)
      entry.first = setTimeout(() => begin(entry), FIRST_TYPING_MS).unref()
      soon(entry)
    },

    /** Nothing more is shown of it. */
    end(runId: string): void {
      clearTimeout(live.get(runId)?.timer)
      clearTimeout(live.get(runId)?.first)
      live.delete(runId)
    },

    close(): void {
      for (const runId of [...live.keys()]) this.end(runId)
    },
  }
}

const fingerprint = ({ text, entities }: Rich): string => `${text}\n${entities.length}`
