import type { Deps } from '../deps.ts'

const DAY_MS = 24 * 3600_000

/** What of a chat is said once a day at most. */
export type Daily = 'refused' | 'nobody'

export type Seen = ReturnType<typeof createSeen>

/** Which updates were taken, and what chats were told already. Callers hold the transaction. */
export function createSeen({ db, now }: Deps) {
  const see = db.prepare('INSERT OR IGNORE INTO telegram_seen (bot_id, update_id, created_at) VALUES (?, ?, ?)')
  const known = db.prepare<[string, number]>('SELECT 1 FROM telegram_seen WHERE bot_id = ? AND update_id = ?')
  const tell = db.prepare(
    `INSERT INTO telegram_told (user_id, chat_id, what, told_at) VALUES (@userId, @chatId, @what, @at)
     ON CONFLICT (user_id, chat_id, what) DO UPDATE SET told_at = excluded.told_at WHERE told_at <= @before`,
  )

  const at = (ms = 0) => new Date(now().getTime() + ms).toISOString()

  return {
    /** False where it was taken before. */
    first: (botId: string, updateId: number): boolean => see.run(botId, updateId, at()).changes === 1,

    /** Whether it was taken. */
    has: (botId: string, updateId: number): boolean => known.get(botId, updateId) !== undefined,

    /** False where this chat was told so within a day. */
    daily: (userId: string, chatId: string, what: Daily): boolean =>
      tell.run({ userId, chatId, what, at: at(), before: at(-DAY_MS) }).changes === 1,
  }
}
