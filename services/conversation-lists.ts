import type { Db } from '../db/open.ts'

export type ConversationEntry = {
  id: string
  title: string
  model: string
  started_at: string
  updated_at: string
  message_count: number
}

/** A page of chats. `total_is_min`: more match than were counted. */
export type ConversationPage = { conversations: ConversationEntry[]; total: number; total_is_min?: true }

export type PageOf = { page: number; per_page: number; q?: string | undefined }

const ENTRY = 'id, title, model, started_at, updated_at, message_count'
/** Above so many matches a search stops looking (contract: `total_is_min`). */
const MOST_FOUND = 10_000
/** The shortest text that the index of titles can look for. */
const SHORTEST_TITLE_PART = 3

/** Lists of a user's chats: all of them, the number of which is kept, and those in which something was said. */
export function createConversationLists({ db }: { db: Db }) {
  const countOf = db.prepare<[string], { n: number }>('SELECT n FROM chat_counts WHERE user_id = ?')
  const read = (order: string) =>
    db.prepare<[string, number, number], ConversationEntry>(
      `SELECT ${ENTRY} FROM conversations WHERE user_id = ? AND kind = 'chat' ORDER BY ${order} LIMIT ? OFFSET ?`,
    )
  const newest = read('updated_at DESC, id')
  const oldest = read('updated_at, id DESC')
  const titled = db
    .prepare<[string, string], string>(
      `SELECT id FROM conversation_titles WHERE conversation_titles MATCH ? AND user_id = ? ORDER BY rowid DESC LIMIT ${MOST_FOUND}`,
    )
    .pluck()
  const said = db
    .prepare<[string, string], string>(
      `SELECT runs.conversation_id FROM runs_text CROSS JOIN runs INDEXED BY runs_said
       WHERE runs_text MATCH ? AND runs.number = runs_text.rowid AND runs.user_id = ? AND runs.lane = 'chat'
         AND runs.parent_run_id IS NULL ORDER BY runs_text.rowid DESC LIMIT ${MOST_FOUND}`,
    )
    .pluck()
  const these = db.prepare<[string, string], ConversationEntry>(
    `SELECT ${ENTRY} FROM conversations WHERE id IN (SELECT value FROM json_each(?)) AND user_id = ?`,
  )

  /** The later half is read from the other end. */
  function all(userId: string, { page, per_page: perPage }: PageOf): ConversationPage {
    const total = countOf.get(userId)?.n ?? 0
    const offset = (page - 1) * perPage
    if (offset <= total / 2) return { conversations: newest.all(userId, perPage, offset), total }
    const count = Math.max(0, Math.min(perPage, total - offset))
    return { conversations: oldest.all(userId, count, Math.max(0, total - offset - count)).reverse(), total }
  }

  function found(userId: string, q: string, { page, per_page: perPage }: PageOf): ConversationPage {
    const words = q.match(/[\p{L}\p{N}]+/gu)
    const byTitle = [...q].length < SHORTEST_TITLE_PART ? [] : titled.all(quoted(q), userId)
    const isEnough = byTitle.length === MOST_FOUND
    const byWords = words && !isEnough ? said.all(words.map((word) => `${quoted(word)}*`).join(' '), userId) : []
    const ids = [...new Set([...byTitle, ...byWords])]
    const isMin = isEnough || byWords.length === MOST_FOUND
    const wanted = ids.slice((page - 1) * perPage, page * perPage)
    const rows = new Map(these.all(JSON.stringify(wanted), userId).map((row) => [row.id, row]))
    const conversations = wanted.flatMap((id) => rows.get(id) ?? [])
    return { conversations, total: ids.length, ...(isMin ? { total_is_min: true } : {}) }
  }

  return {
    /**
     * Those that changed last first. With `q` those whose title holds it, then those in which every word of it begins a word
     * of a message and its answer, the newest such message first.
     */
    list(userId: string, options: PageOf): ConversationPage {
      const q = options.q?.trim() ?? ''
      return q === '' ? all(userId, options) : found(userId, q, options)
    },
  }
}

/** A text as FTS5 takes it, whatever stands in it. */
const quoted = (text: string): string => `"${text.replaceAll('"', '""').replaceAll('\0', '')}"`
