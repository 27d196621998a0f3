import type { Db } from '../../db/open.ts'
import { SHOWN, toEntry, type AuditEntry } from './entry.ts'

/** `start` and `end` are instants, both counted in. */
export type AuditFilter = {
  start?: string | undefined
  end?: string | undefined
  kind?: string | undefined
  tool_name?: string | undefined
  session_id?: string | undefined
  task_id?: string | undefined
  agent_id?: string | undefined
  confirmed_only?: boolean | undefined
}

/** An entry with all that its mac covers, and the mac. */
export type ExportedEntry = AuditEntry & { user_id: string | null; mac: string }

type Row = Parameters<typeof toEntry>[0]
type ExportRow = Row & { user_id: string | null; mac: string }
type Query = { from: string; where: string; values: unknown[] }

/** Above so many matches the count stops (contract: `total_is_min`). */
const MOST_COUNTED = 10_000
/** An export reads so many at a time. */
const PART = 200

const CONDITIONS = {
  session_id: { index: 'audit_by_conversation', text: 'conversation_id = ?' },
  task_id: { index: 'audit_by_task', text: 'task_id = ?' },
  confirmed_only: { index: 'audit_confirmed', text: 'approved_by IS NOT NULL' },
  agent_id: { index: 'audit_by_agent', text: 'agent_id = ?' },
  tool_name: { index: 'audit_by_tool', text: 'tool_name = ?' },
  kind: { index: 'audit_by_kind', text: 'kind = ?' },
} as const
const NAMES = Object.keys(CONDITIONS) as (keyof typeof CONDITIONS)[]

/**
 * Reads the log. Every list is ordered by time along an index: that of the first filter given, as CONDITIONS has them from
 * the narrowest on, else that of the user or of time. The whole log goes by ids, which have no gaps, so that its last page
 * comes as fast as its first.
 */
export function createLists({ db }: { db: Db }) {
  const ends = db.prepare<[], { low: number | null; high: number | null }>(
    'SELECT (SELECT min(id) FROM audit) AS low, (SELECT max(id) FROM audit) AS high',
  )
  const byId = db.prepare<[number, number], Row>(`SELECT ${SHOWN} FROM audit WHERE id <= ? ORDER BY id DESC LIMIT ?`)

  function whole(page: number, perPage: number) {
    const { low, high } = ends.get()!
    const total = low === null || high === null ? 0 : high - low + 1
    const entries = byId.all((high ?? 0) - (page - 1) * perPage, perPage).map(toEntry)
    return { entries, total, page, per_page: perPage }
  }

  function matching({ from, where, values }: Query, page: number, perPage: number) {
    const total = db
      .prepare<unknown[], { n: number }>(
        `SELECT count(*) AS n FROM (SELECT 1 FROM ${from} ${where} LIMIT ${MOST_COUNTED})`,
      )
      .get(...values)!.n
    const read = (order: 'ASC' | 'DESC', limit: number, offset: number) =>
      db
        .prepare<unknown[], Row>(
          `SELECT ${SHOWN} FROM ${from} ${where} ORDER BY at ${order}, id ${order} LIMIT ? OFFSET ?`,
        )
        .all(...values, limit, offset)
    const offset = (page - 1) * perPage
    const counted = total < MOST_COUNTED ? {} : { total_is_min: true }
    const answer = (rows: Row[]) => ({ entries: rows.map(toEntry), total, page, per_page: perPage, ...counted })
    if (total === MOST_COUNTED || offset <= total / 2) return answer(read('DESC', perPage, offset))
    // @NOTE the later half is read from the other end.
    const count = Math.max(0, Math.min(perPage, total - offset))
    return answer(read('ASC', count, Math.max(0, total - offset - count)).reverse())
  }

  return {
    /** Newest first; all of it for `userId` null, else what is theirs. */
    list(filter: AuditFilter & { page: number; per_page: number }, userId: string | null) {
      const query = queryOf(filter, userId)
      return query.where === '' ? whole(filter.page, filter.per_page) : matching(query, filter.page, filter.per_page)
    },

    /** All that match, oldest first, part by part; each is read when it is asked for. */
    *parts(filter: AuditFilter, userId: string | null): Generator<ExportedEntry[]> {
      const { from, where, values } = queryOf(filter, userId)
      const rest = `${where === '' ? 'WHERE' : `${where} AND`} (at, id) > (?, ?)`
      const read = db.prepare<unknown[], ExportRow>(
        `SELECT ${SHOWN}, user_id, mac FROM ${from} ${rest} ORDER BY at, id LIMIT ${PART}`,
      )
      for (let last: [string, number] = ['', 0], more = true; more;) {
        const rows = read.all(...values, ...last)
        if (rows.length > 0) yield rows.map(toEntry)
        const end = rows.at(-1)
        if (end) last = [end.at, end.id]
        more = rows.length === PART
      }
    },
  }
}

function queryOf(filter: AuditFilter, userId: string | null): Query {
  const given = NAMES.filter((name) => filter[name] !== undefined && filter[name] !== false)
  const parts: [string, ...unknown[]][] = given.map((name) =>
    name === 'confirmed_only' ? [CONDITIONS[name].text] : [CONDITIONS[name].text, filter[name]],
  )
  if (userId !== null) parts.push(['user_id = ?', userId])
  if (filter.start !== undefined) parts.push(['at >= ?', filter.start])
  if (filter.end !== undefined) parts.push(['at <= ?', filter.end])
  const index = given[0] ? CONDITIONS[given[0]].index : userId === null ? 'audit_by_time' : 'audit_by_user'
  return {
    from: `audit INDEXED BY ${index}`,
    where: parts.length ? `WHERE ${parts.map(([text]) => text).join(' AND ')}` : '',
    values: parts.flatMap(([, ...values]) => values),
  }
}
