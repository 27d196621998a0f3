import { AppError } from '../errors.ts'
import type { Memory, MemoryFilter, MemoryRows } from './entries.ts'
import type { Memories } from './memories.ts'
import type { Vectors } from './vectors.ts'
import { folded } from './words.ts'

/** `note`: a sentence about how it was searched, where that was not as the owner set it. */
export type Found = { found: Memory[]; note: string | undefined }

const CANDIDATES = 40
/** As reciprocal rank fusion was proposed (Cormack, Clarke, Büttcher 2009). */
const K = 60

export type Search = ReturnType<typeof createSearch>

/**
 * Memory by words, and where an embeddings model is set by meaning too; the two orders are fused by their ranks. A model that
 * cannot be asked makes it a search by words, which is said.
 */
export function createSearch({ memories, rows, vectors }: { memories: Memories; rows: MemoryRows; vectors: Vectors }) {
  return async function search(
    userId: string,
    query: string,
    filter: MemoryFilter,
    limit: number,
    signal: AbortSignal,
  ): Promise<Found> {
    const depth = Math.max(limit, CANDIDATES)
    const byWords = memories.match(userId, query, filter, depth)
    try {
      const near = await vectors.nearest(userId, query, depth * 2, signal)
      if (!near) return { found: byWords.slice(0, limit), note: undefined }
      const byMeaning = near.flatMap((number) => rows.atNumber(number) ?? []).filter((one) => fits(one, filter))
      return { found: fused([byWords, byMeaning.slice(0, depth)]).slice(0, limit), note: undefined }
    } catch (error) {
      if (!(error instanceof AppError)) throw error
      return { found: byWords.slice(0, limit), note: `Searched by words alone: ${error.message}` }
    }
  }
}

/** Each entry counts by its place in every order. */
export function fused<T extends { id: string }>(orders: readonly (readonly T[])[]): T[] {
  const scores = new Map<string, { one: T; score: number }>()
  for (const order of orders)
    for (const [rank, one] of order.entries()) {
      const before = scores.get(one.id)?.score ?? 0
      scores.set(one.id, { one, score: before + 1 / (K + rank + 1) })
    }
  return [...scores.values()].sort((a, b) => b.score - a.score).map(({ one }) => one)
}

function fits(memory: Memory, { kind, tag, pinned, integrity, aliveAt }: MemoryFilter): boolean {
  return (
    (kind === undefined || memory.kind === kind) &&
    (tag === undefined || memory.tags.includes(folded(tag))) &&
    (pinned === undefined || memory.pinned === pinned) &&
    (integrity === undefined || memory.integrity === integrity) &&
    (aliveAt === undefined || memory.expiresAt === null || memory.expiresAt > aliveAt)
  )
}
