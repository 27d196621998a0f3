import type { Db } from '../../db/open.ts'

export type QuestionRow = { approvalId: string; userId: string; chatId: string; messageId: number | null }

const COLUMNS = 'approval_id AS approvalId, user_id AS userId, chat_id AS chatId, message_id AS messageId'

/** The rows of questions as they stand in chats. Callers hold the transaction. */
export function createQuestionRows({ db }: { db: Db }) {
  const insert = db.prepare(
    'INSERT OR IGNORE INTO telegram_questions (approval_id, user_id, chat_id) VALUES (@approvalId, @userId, @chatId)',
  )
  const find = db.prepare<[string, string], QuestionRow & { open: number }>(
    `SELECT ${COLUMNS}, open FROM telegram_questions WHERE approval_id = ? AND chat_id = ?`,
  )
  const open = db.prepare<[string], QuestionRow>(
    `SELECT ${COLUMNS} FROM telegram_questions WHERE user_id = ? AND open = 1`,
  )
  const place = db.prepare('UPDATE telegram_questions SET message_id = ? WHERE approval_id = ? AND chat_id = ?')
  const close = db.prepare('UPDATE telegram_questions SET open = 0 WHERE approval_id = ? AND chat_id = ? AND open = 1')

  return {
    /** False where it is there already. */
    add: (row: Omit<QuestionRow, 'messageId'>): boolean => insert.run(row).changes === 1,
    find: (approvalId: string, chatId: string) => find.get(approvalId, chatId),
    openOf: (userId: string): QuestionRow[] => open.all(userId),
    place: (approvalId: string, chatId: string, messageId: number | null): void =>
      void place.run(messageId, approvalId, chatId),
    /** False where it was closed before. */
    close: (approvalId: string, chatId: string): boolean => close.run(approvalId, chatId).changes === 1,
  }
}
