import type { Db } from '../../db/open.ts'

const DAYS = 30
const MOST_KEPT = 500
/** More than this makes no difference to the order. */
const MOST_COUNTED = 200

export type ToolUses = ReturnType<typeof createToolUses>

/** How often a user's runs have called each tool, by the audit log. */
export function createToolUses({
  db,
  names,
}: {
  db: Pick<Db, 'prepare'>
  names: (userId: string) => readonly string[]
}) {
  const count = db.prepare<[string, string, string, string, number], { uses: number }>(
    `SELECT count(*) AS uses FROM (
       SELECT 1 FROM audit WHERE tool_name = ? AND at >= ? AND at < ? AND user_id = ? LIMIT ?)`,
  )
  const kept = new Map<string, ReadonlyMap<string, number>>()

  function counted(userId: string, before: string): ReadonlyMap<string, number> {
    const since = new Date(Date.parse(before) - DAYS * 86_400_000).toISOString()
    return new Map(names(userId).map((name) => [name, count.get(name, since, before, userId, MOST_COUNTED)?.uses ?? 0]))
  }

  return {
    /** By name, in the thirty days before a time (ISO); the same whenever it is asked again. */
    before(userId: string, time: string): ReadonlyMap<string, number> {
      const key = `${userId} ${time}`
      const uses = kept.get(key) ?? counted(userId, time)
      kept.delete(key)
      kept.set(key, uses)
      if (kept.size > MOST_KEPT) kept.delete(kept.keys().next().value!)
      return uses
    },
  }
}
