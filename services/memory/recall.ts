import type { Deps } from '../deps.ts'
import { lineOf, type Recalled } from '../shapes/memory.ts'
import type { Memory, MemoryRows } from './entries.ts'
import type { MemorySettings } from './settings.ts'
import { matchOf, stemOf, wordsOf } from './words.ts'

/** What a recall has to know of a run. */
export type AskingRun = {
  userId: string
  conversationId: string
  number: number
  input: string
  inputIntegrity: 'owner' | 'third_party'
  attended: boolean
  agentId: string | null
  taskId: string | null
}

/** So much of a prompt is memory at most, by a count that is rather too high (three bytes a token). */
export const RECALL_BYTES = 280 * 3
const MOST_ENTRIES = 6
const LONGEST = 300
/** Of the best entry's score; what fits much worse is not told. */
const NEAR_BEST = 0.45
/** A word that stands in more entries than this share says nothing. */
const COMMON_SHARE = 0.15
const FEW = 20
/** What was told in so many runs of the conversation before is not told again. */
const RUNS_BACK = 20

export type Recall = ReturnType<typeof createRecall>

/**
 * What a run is told from memory without asking: what the owner pinned, then what fits the message best. Only what the owner
 * alone could have written, nothing that has expired, and only for the owner's own words: what others write recalls nothing.
 * One look at the full-text index and no model: it stands between a message and its answer.
 */
export function createRecall({ db, now, rows, settings }: Deps & { rows: MemoryRows; settings: MemorySettings }) {
  const told = db.prepare<[string, number, number], { entries: string }>(
    `SELECT r.entries FROM (SELECT id FROM runs WHERE conversation_id = ? AND number < ?
       AND number > (SELECT cleared_after FROM conversations WHERE id = runs.conversation_id) ORDER BY number DESC LIMIT ?) AS earlier
     JOIN run_recalls AS r ON r.run_id = earlier.id`,
  )

  function toldBefore({ conversationId, number }: AskingRun): Set<string> {
    const all = told.all(conversationId, number, RUNS_BACK)
    return new Set(all.flatMap(({ entries }) => (JSON.parse(entries) as Recalled[]).map(({ id }) => id)))
  }

  /** Words that tell entries apart. */
  function telling(words: readonly string[]): string[] {
    const total = rows.total()
    if (total < FEW) return [...words]
    return words.filter((word) => rows.common(stemOf(word)) <= Math.max(2, total * COMMON_SHARE))
  }

  function fitting(userId: string, text: string, aliveAt: string): Memory[] {
    const match = matchOf(telling(wordsOf(text.slice(0, 4_000))))
    if (match === undefined) return []
    const found = rows.matches(userId, match, { integrity: 'owner', aliveAt }, MOST_ENTRIES * 3)
    const best = found[0]?.score ?? 0
    return found.filter(({ score }) => score <= best * NEAR_BEST)
  }

  return function recall(run: AskingRun): Recalled[] {
    const isAnswered = run.attended || run.agentId !== null || run.taskId !== null
    if (run.inputIntegrity !== 'owner' || !isAnswered || !settings.get(run.userId).memory_recall) return []
    const at = now().toISOString()
    const all = [...rows.pinned(run.userId, at), ...fitting(run.userId, run.input, at)]
    if (all.length === 0) return []
    const before = toldBefore(run)
    const fresh = new Map(all.filter(({ id }) => !before.has(id)).map((one) => [one.id, one]))
    return withinBudget([...fresh.values()])
  }
}

/** The first of them that have room. */
function withinBudget(entries: readonly Memory[]): Recalled[] {
  const chosen: Recalled[] = []
  let left = RECALL_BYTES
  for (const { id, kind, text } of entries) {
    const shown = { id, kind, text: shortened(text) }
    const size = Buffer.byteLength(lineOf(shown)) + 1
    if (size > left) continue
    left -= size
    chosen.push(shown)
    if (chosen.length === MOST_ENTRIES) break
  }
  return chosen
}

function shortened(text: string): string {
  const line = text.replace(/\s+/g, ' ').trim()
  return line.length <= LONGEST ? line : `${line.slice(0, LONGEST).toWellFormed().trimEnd()}…`
}
