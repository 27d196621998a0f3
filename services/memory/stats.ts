import { MEMORY_KINDS, type MemoryKind } from '../shapes/memory.ts'
import type { MemoryCount } from './entries.ts'

export type MemoryStats = {
  total: number
  pinned: number
  third_party: number
  by_kind: Record<MemoryKind, number>
}

/** How many there are of each sort. */
export function statsOf(counts: readonly MemoryCount[]): MemoryStats {
  const sum = (fits: (one: MemoryCount) => boolean) => counts.filter(fits).reduce((all, { n }) => all + n, 0)
  const by_kind = Object.fromEntries(MEMORY_KINDS.map((kind) => [kind, sum((one) => one.kind === kind)]))
  return {
    total: sum(() => true),
    pinned: sum(({ pinned }) => pinned === 1),
    third_party: sum(({ integrity }) => integrity === 'third_party'),
    by_kind: by_kind as MemoryStats['by_kind'],
  }
}
