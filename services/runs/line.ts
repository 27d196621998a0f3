import type { Deps } from '../deps.ts'
import { COLUMNS, toRun, type Lane, type Row, type Run } from './store.ts'

const READY = `status = 'queued' AND ready = 1`
const NEW = `${READY} AND started_at IS NULL AND lane = (SELECT @lane) AND autonomous = (SELECT @autonomous)`

type Group = { lane: Lane; autonomous: number }

export type Line = ReturnType<typeof createLine>

/**
 * Who waits, and for whom a place was last given. The rows are the line; what is kept in memory only makes it fair, and may
 * be forgotten at any time.
 */
export function createLine({ db, now }: Deps) {
  const resumed = db.prepare<[Lane], Row>(
    `SELECT ${COLUMNS} FROM runs WHERE ${READY} AND started_at IS NOT NULL AND lane = (SELECT ?) ORDER BY number LIMIT 1`,
  )
  const keys = db.prepare<[Group], { key: string }>(
    `WITH RECURSIVE k (key) AS (
       SELECT min(fair_key) FROM runs WHERE ${NEW}
       UNION ALL SELECT (SELECT min(fair_key) FROM runs WHERE ${NEW} AND fair_key > k.key) FROM k WHERE k.key IS NOT NULL)
     SELECT key FROM k WHERE key IS NOT NULL`,
  )
  const first = db.prepare<[Group & { key: string }], Row>(
    `SELECT ${COLUMNS} FROM runs WHERE ${NEW} AND fair_key = (SELECT @key) ORDER BY number LIMIT 1`,
  )
  const anybody = db.prepare<[], { found: number }>(
    `SELECT EXISTS (SELECT 1 FROM runs WHERE ${READY} AND started_at IS NULL)
       OR EXISTS (SELECT 1 FROM runs WHERE ${READY} AND started_at IS NOT NULL) AS found`,
  )
  const begun = db.prepare<[string], { n: number; oldest: string | null }>(
    'SELECT count(*) AS n, min(started_at) AS oldest FROM runs WHERE autonomous = 1 AND started_at > ?',
  )
  const repair = db.prepare(
    `UPDATE runs SET ready = 1 WHERE status IN ('queued', 'running', 'waiting', 'paused') AND ready = 0 AND NOT EXISTS (
       SELECT 1 FROM runs AS e WHERE e.conversation_id = runs.conversation_id AND e.number < runs.number
         AND e.status IN ('queued', 'running', 'waiting', 'paused'))`,
  )

  const going = new Map<string, number>()
  const served = new Map<string, number>()
  let turn = 0

  /** The account with the fewest places; among those, the one served longest ago; among those, the oldest run. */
  function fairest(runs: Run[]): Run | undefined {
    const rank = ({ fairKey, number }: Run) => [going.get(fairKey) ?? 0, served.get(fairKey) ?? 0, number] as const
    return runs.toSorted((a, b) => compare(rank(a), rank(b)))[0]
  }

  /** Chats have one account in common: first come, first served. */
  function heads(lane: Lane, autonomous: number): Run[] {
    if (lane === 'chat') return autonomous === 1 ? [] : [toRun(first.get({ lane, autonomous, key: '' })) ?? []].flat()
    const found = keys.all({ lane, autonomous }).map(({ key }) => first.get({ lane, autonomous, key }))
    return found.map((row) => toRun(row)!)
  }

  return {
    /** Whether anybody could go at all. */
    isEmpty: (): boolean => anybody.get()!.found === 0,

    /** Who goes next in a lane: what was begun before, else the fairest choice. `autonomous` false leaves those out. */
    next(lane: Lane, { autonomous }: { autonomous: boolean }): Run | undefined {
      const again = toRun(resumed.get(lane))
      if (again) return again
      return fairest([...heads(lane, 0), ...(autonomous ? heads(lane, 1) : [])])
    },

    took({ fairKey }: Pick<Run, 'fairKey'>): void {
      going.set(fairKey, (going.get(fairKey) ?? 0) + 1)
      served.set(fairKey, ++turn)
    },

    left({ fairKey }: Pick<Run, 'fairKey'>): void {
      const rest = (going.get(fairKey) ?? 1) - 1
      if (rest > 0) going.set(fairKey, rest)
      else going.delete(fairKey)
    },

    /** How many autonomous runs began within the last `ms`, and when the oldest of them did. */
    begunWithin: (ms: number): { n: number; oldest: string | null } =>
      begun.get(new Date(now().getTime() - ms).toISOString())!,

    /** At a start: whoever stands first in a conversation may go, whatever the process was doing when it ended. */
    repair: (): void => void repair.run(),
  }
}

function compare(a: readonly number[], b: readonly number[]): number {
  const at = a.findIndex((value, index) => value !== b[index])
  return at < 0 ? 0 : a[at]! - b[at]!
}
