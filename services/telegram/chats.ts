import type { Actor, Audit } from '../audit.ts'
import type { Deps } from '../deps.ts'
import { AppError, invalidField } from '../errors.ts'

/** A chat that the bot talks in. */
export type ListedChat = { chatId: string; label: string; owner: boolean; createdAt: string }
type Row = Omit<ListedChat, 'owner'> & { owner: number }

export type ChatDraft = { chatId: string; label?: string | undefined; owner?: boolean | undefined }

const COLUMNS = 'chat_id AS chatId, label, owner, created_at AS createdAt'

/** A private chat has the number of the person; groups have negative ones. */
export const isGroup = (chatId: string): boolean => chatId.startsWith('-')

export type Chats = ReturnType<typeof createChats>

/** The whitelist of chats, each user's own. Only a private chat can be the owner's. */
export function createChats({ db, now, audit }: Deps & { audit: Pick<Audit, 'record'> }) {
  const byId = db.prepare<[string, string], Row>(
    `SELECT ${COLUMNS} FROM telegram_chats WHERE user_id = ? AND chat_id = ?`,
  )
  const ofUser = db.prepare<[string], Row>(
    `SELECT ${COLUMNS} FROM telegram_chats WHERE user_id = ? ORDER BY created_at, chat_id`,
  )
  const insert = db.prepare(
    `INSERT INTO telegram_chats (user_id, chat_id, label, owner, created_at, updated_at)
     VALUES (@userId, @chatId, @label, @owner, @at, @at)`,
  )
  const update = db.prepare(
    `UPDATE telegram_chats SET label = @label, owner = @owner, updated_at = @at WHERE user_id = @userId AND chat_id = @chatId`,
  )
  const talking = db.prepare<[string, string], { id: string | null }>(
    'SELECT conversation_id AS id FROM telegram_chats WHERE user_id = ? AND chat_id = ?',
  )
  const talk = db.prepare('UPDATE telegram_chats SET conversation_id = ? WHERE user_id = ? AND chat_id = ?')
  const byConversation = db.prepare<[string, string], Row>(
    `SELECT ${COLUMNS} FROM telegram_chats WHERE user_id = ? AND conversation_id = ?`,
  )
  const move = db.prepare('UPDATE OR IGNORE telegram_chats SET chat_id = ? WHERE user_id = ? AND chat_id = ?')
  const remove = db.prepare('DELETE FROM telegram_chats WHERE user_id = ? AND chat_id = ?')

  const at = () => now().toISOString()
  const find = (userId: string, chatId: string): ListedChat | undefined => toChat(byId.get(userId, chatId))

  function get(userId: string, chatId: string): ListedChat {
    const chat = find(userId, chatId)
    if (!chat) throw new AppError('not_found', 'This chat is not on your list.')
    return chat
  }

  function noted(action: string, { chatId, label, owner }: Omit<ListedChat, 'createdAt'>, by: Actor): void {
    const outcome = `${label} (owner: ${owner})`
    audit.record({ kind: 'whitelist', action: `telegram chat ${action}`, subject: chatId, by, outcome })
  }

  return {
    find,
    get,

    /** What is being talked about in a chat; undefined before the first word and after a new beginning. */
    conversationOf: (userId: string, chatId: string): string | undefined =>
      talking.get(userId, chatId)?.id ?? undefined,
    setConversation: (userId: string, chatId: string, id: string | null): void => void talk.run(id, userId, chatId),
    /** The chat in which a conversation goes on. */
    ofConversation: (userId: string, id: string): ListedChat | undefined => toChat(byConversation.get(userId, id)),

    /** A group that Telegram made another one of stays on the list. */
    moved(userId: string, chatId: string, to: string, by: Actor): void {
      const chat = find(userId, chatId)
      if (!chat) return
      move.run(to, userId, chatId)
      noted('moved', { ...chat, chatId: to }, by)
    },

    list: (userId: string): ListedChat[] => ofUser.all(userId).map((row) => toChat(row)!),

    /** Throws `conflict` for one that is listed. */
    add(userId: string, draft: ChatDraft, by: Actor): ListedChat {
      return db.transact(() => {
        const { chatId, label = chatId, owner = !isGroup(chatId) } = draft
        if (find(userId, chatId)) throw new AppError('conflict', 'This chat is on your list already.')
        assertMayBeOwners(chatId, owner)
        insert.run({ userId, chatId, label, owner: Number(owner), at: at() })
        noted('added', { chatId, label, owner }, by)
        return get(userId, chatId)
      })
    },

    change(userId: string, chatId: string, change: Omit<ChatDraft, 'chatId'>, by: Actor): void {
      db.transact(() => {
        const before = get(userId, chatId)
        const { label = before.label, owner = before.owner } = change
        assertMayBeOwners(chatId, owner)
        update.run({ userId, chatId, label, owner: Number(owner), at: at() })
        noted('changed', { chatId, label, owner }, by)
      })
    },

    remove(userId: string, chatId: string, by: Actor): void {
      db.transact(() => {
        const chat = get(userId, chatId)
        remove.run(userId, chatId)
        noted('removed', chat, by)
      })
    },
  }
}

function assertMayBeOwners(chatId: string, owner: boolean): void {
  if (owner && isGroup(chatId))
    throw invalidField('owner', 'A group is read and written by others too, so it cannot be your own chat.')
}

function toChat(row: Row | undefined): ListedChat | undefined {
  return row && { ...row, owner: row.owner === 1 }
}
