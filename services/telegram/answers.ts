import type { Db } from '../../db/open.ts'

/** A run whose answer goes to a chat. `messageId` is the message that asked. */
export type Answer = { runId: string; userId: string; chatId: string; messageId: number; open: boolean }
type Row = Omit<Answer, 'open'> & { open: number }

const COLUMNS = 'run_id AS runId, user_id AS userId, chat_id AS chatId, message_id AS messageId, open'

export type Answers = ReturnType<typeof createAnswers>

/** The rows of answers on their way, and of the messages at Telegram that they are put into. Callers hold the transaction. */
export function createAnswers({ db }: { db: Db }) {
  const insert = db.prepare('INSERT INTO telegram_answers (run_id, user_id, chat_id, message_id) VALUES (?, ?, ?, ?)')
  const byRun = db.prepare<[string], Row>(`SELECT ${COLUMNS} FROM telegram_answers WHERE run_id = ?`)
  const open = db.prepare<[string], Row>(`SELECT ${COLUMNS} FROM telegram_answers WHERE user_id = ? AND open = 1`)
  const byMessage = db.prepare<[string, string, number], Row>(
    `SELECT ${COLUMNS} FROM telegram_answers WHERE user_id = ? AND chat_id = ? AND message_id = ? ORDER BY run_id DESC LIMIT 1`,
  )
  const close = db.prepare('UPDATE telegram_answers SET open = 0 WHERE run_id = ? AND open = 1')
  const part = db.prepare<[string, number], { messageId: number | null }>(
    'SELECT message_id AS messageId FROM telegram_parts WHERE run_id = ? AND part = ?',
  )
  const putPart = db.prepare(
    `INSERT INTO telegram_parts (run_id, part, message_id) VALUES (?, ?, ?)
     ON CONFLICT (run_id, part) DO UPDATE SET message_id = excluded.message_id`,
  )
  const dropPart = db.prepare('DELETE FROM telegram_parts WHERE run_id = ? AND part = ?')

  return {
    begin: ({ runId, userId, chatId, messageId }: Omit<Answer, 'open'>): void =>
      void insert.run(runId, userId, chatId, messageId),
    find: (runId: string): Answer | undefined => toAnswer(byRun.get(runId)),
    openOf: (userId: string): Answer[] => open.all(userId).map((row) => toAnswer(row)!),
    ofMessage: (userId: string, chatId: string, messageId: number): Answer | undefined =>
      toAnswer(byMessage.get(userId, chatId, messageId)),
    /** False where it was closed before. */
    close: (runId: string): boolean => close.run(runId).changes === 1,

    part: (runId: string, index: number): { messageId: number | null } | undefined => part.get(runId, index),
    setPart: (runId: string, index: number, messageId: number | null): void =>
      void putPart.run(runId, index, messageId),
    dropPart: (runId: string, index: number): void => void dropPart.run(runId, index),
  }
}

const toAnswer = (row: Row | undefined): Answer | undefined => row && { ...row, open: row.open === 1 }
