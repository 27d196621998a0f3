import type { LoopEvent } from '../agent/loop.ts'
import type { TokenUsage } from '../agent/model.ts'
import type { Db } from '../../db/open.ts'
import type { Budgets } from '../budgets.ts'
import type { Models } from '../models/index.ts'
import type { Tallies } from '../tallies.ts'
import type { Journal } from './journal.ts'
import type { Run, RunStore } from './store.ts'
import type { Pending } from './turns.ts'

export type BillsDeps = {
  db: Db
  store: RunStore
  journal: Journal
  budgets: Pick<Budgets, 'record'>
  models: Pick<Models, 'cost'>
  tallies: Pick<Tallies, 'turn'>
}

/** What of a run that goes is not written down yet. */
export type Unwritten = {
  text: string
  /** Where the present turn began in the text. */
  turnStart: number
  lastTurn: Extract<LoopEvent, { type: 'turn' }> | undefined
  /** The model call whose cost is still set aside. */
  pending: Pending | undefined
}

const CHARS_PER_TOKEN = 3

export type Bills = ReturnType<typeof createBills>

/** Model turns go to disk with what they cost. Callers hold the transaction; what was set aside is let go after it. */
export function createBills({ db, store, journal, budgets, models, tallies }: BillsDeps) {
  /** Returns the cost in USD; null where the price is not known. `model`: the run's own, unless another did the work. */
  function spend(run: Run, usage: TokenUsage, model = run.model): number | null {
    const costUsd = models.cost(model, usage)
    store.spend(run.id, usage, costUsd)
    const { userId, agentId, taskId } = run
    const { inputTokens, outputTokens } = usage
    budgets.record({ userId, agentId, taskId, model, inputTokens, outputTokens, costUsd })
    tallies.turn({ model, inputTokens, outputTokens, costUsd })
    return costUsd
  }

  function paid(entry: Unwritten): void {
    entry.pending?.settle()
    entry.pending = undefined
  }

  return {
    spend,

    /** The last turn goes to disk with whatever follows from it: its first call, or the end of the run. */
    writeTurn(run: Run, entry: Unwritten): void {
      const turn = entry.lastTurn
      if (!turn) return
      const { integrity, privacy } = store.get(run.id)
      const costUsd = spend(run, turn.usage)
      journal.turn(run.id, { ...turn, costUsd, model: run.model, labels: { integrity, privacy } })
      db.afterCommit(() => {
        entry.lastTurn = undefined
        paid(entry)
      })
    },

    /** A model call that we broke off was begun to be paid for; how much nobody says, so it is counted by its size. */
    spendOnBroken(run: Run, entry: Unwritten): void {
      if (!entry.pending || entry.lastTurn) return
      const outputTokens = Math.ceil((entry.text.length - entry.turnStart) / CHARS_PER_TOKEN)
      spend(run, { inputTokens: entry.pending.inputTokens, outputTokens, cacheReadTokens: 0, cacheWriteTokens: 0 })
      db.afterCommit(() => paid(entry))
    },
  }
}
