import { createConversationLists } from './conversation-lists.ts'
import type { Deps } from './deps.ts'
import { AppError } from './errors.ts'
import type { Masking } from './policy/masking.ts'
import type { Integrity, Labels, Privacy } from './shapes/labels.ts'

export type Conversation = {
  id: string
  userId: string
  agentId: string | null
  title: string
  model: string
  integrity: Integrity
  privacy: Privacy
  webOpen: boolean
  clearedAfter: number
  clearedAt: string | null
  trimmedTo: number
  messageCount: number
  startedAt: string
  updatedAt: string
}

type Row = Omit<Conversation, 'webOpen'> & { webOpen: number }

const COLUMNS = `id, user_id AS userId, agent_id AS agentId, title, model, integrity, privacy, web_open AS webOpen, cleared_after AS clearedAfter,
  cleared_at AS clearedAt, trimmed_to AS trimmedTo, message_count AS messageCount, started_at AS startedAt, updated_at AS updatedAt`
const TITLE_LENGTH = 60

export const FRESH: Labels = { integrity: 'owner', privacy: 'private' }

export type Conversations = ReturnType<typeof createConversations>

/** Conversations: their titles, labels and what the owner opened in them. What was said is in their runs. */
export function createConversations({ db, now, mask }: Deps & Pick<Masking, 'mask'>) {
  const byId = db.prepare<[string], Row>(`SELECT ${COLUMNS} FROM conversations WHERE id = ?`)
  const insert = db.prepare(
    `INSERT INTO conversations (id, user_id, agent_id, kind, title, model, integrity, privacy, web_open, message_count, started_at, updated_at)
     VALUES (@id, @userId, @agentId, @kind, @title, @model, @integrity, @privacy, @webOpen, 0, @at, @at)`,
  )
  const touch = db.prepare(
    `UPDATE conversations SET model = @model, integrity = @integrity, privacy = @privacy, web_open = max(web_open, @webOpen),
       message_count = message_count + 1, updated_at = @at WHERE id = @id`,
  )
  const said = db.prepare('UPDATE conversations SET message_count = message_count + 1, updated_at = ? WHERE id = ?')
  const label = db.prepare('UPDATE conversations SET integrity = ?, privacy = ? WHERE id = ?')
  const openWeb = db.prepare('UPDATE conversations SET web_open = 1 WHERE id = ?')
  const clear = db.prepare(
    `UPDATE conversations SET integrity = CASE ? WHEN 'owner' THEN 'owner' ELSE integrity END, privacy = 'private',
       web_open = 0, cleared_at = ?,
       cleared_after = (SELECT coalesce(max(number), 0) FROM runs WHERE conversation_id = conversations.id) WHERE id = ?`,
  )
  const rename = db.prepare('UPDATE conversations SET title = ? WHERE id = ? AND user_id = ?')
  const remove = db.prepare('DELETE FROM conversations WHERE id = ?')
  const removeEvents = db.prepare('DELETE FROM events WHERE conversation_id = ?')
  const lists = createConversationLists({ db })

  function find(id: string): Conversation | undefined {
    const row = byId.get(id)
    return row && { ...row, webOpen: row.webOpen === 1 }
  }

  return {
    find,

    /** Throws `not_found` also for another user's. */
    get(userId: string, id: string): Conversation {
      const conversation = find(id)
      if (conversation?.userId !== userId) throw new AppError('not_found', 'There is no such conversation.')
      return conversation
    },

    list: lists.list,

    create(draft: {
      id: string
      userId: string
      agentId: string | null
      kind: 'chat' | 'run'
      title: string
      model: string
      labels: Labels
      webOpen: boolean
    }): void {
      const { labels, webOpen, ...rest } = draft
      insert.run({ ...rest, title: mask(rest.title), ...labels, webOpen: Number(webOpen), at: now().toISOString() })
    },

    /** A message came: its model, the labels from now on, and whether it opens the web. */
    touch(id: string, draft: { model: string; labels: Labels; webOpen: boolean }): void {
      touch.run({ id, model: draft.model, ...draft.labels, webOpen: Number(draft.webOpen), at: now().toISOString() })
    },

    answered: (id: string): void => void said.run(now().toISOString(), id),
    label: (id: string, labels: Labels): void => void label.run(labels.integrity, labels.privacy, id),
    openWeb: (id: string): void => void openWeb.run(id),

    /** The next message starts from nothing: no history, no yes that was given before; clean again if the owner said so. */
    clear: (id: string, by: Integrity): void => void clear.run(by, now().toISOString(), id),

    rename(userId: string, id: string, title: string): void {
      if (rename.run(mask(title), id, userId).changes === 0)
        throw new AppError('not_found', 'There is no such conversation.')
    },

    /** Takes the conversation with everything said in it. */
    remove(id: string): void {
      db.transact(() => {
        removeEvents.run(id)
        remove.run(id)
      })
    },
  }
}

/** A title from the first message: its first line, cut at a word. */
export function titleFrom(text: string, attachments: readonly { name: string }[]): string {
  const line =
    text.trim().split('\n')[0]?.trim() || attachments.map(({ name }) => name).join(', ') || 'New conversation'
  if (line.length <= TITLE_LENGTH) return line
  const cut = line.slice(0, TITLE_LENGTH)
  return `${cut.slice(0, Math.max(cut.lastIndexOf(' '), TITLE_LENGTH / 2)).trimEnd()}…`
}
