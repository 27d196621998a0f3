import { createHash, randomInt } from 'node:crypto'
import type { Deps } from '../deps.ts'
import { AppError, invalidField } from '../errors.ts'

/** Without letters and digits that are taken for each other. */
const LETTERS = 'ABCDEFGHJKMNPQRSTUVWXYZ23456789'
const LENGTH = 6
const VALID_MS = 5 * 60_000
const MOST_TRIES = 5
/** So many chats of one bot may have a code at a time. */
const MOST_OPEN = 20

type Row = { chatId: string; codeHash: string; label: string; tries: number; expiresAt: string }

export type Links = ReturnType<typeof createLinks>

/**
 * Codes that bind a private chat to whoever enters them on the page: six characters, good once, for five minutes, and gone
 * after five wrong ones. Only their hashes are kept. Callers hold the transaction.
 */
export function createLinks({ db, now }: Deps) {
  const put = db.prepare(
    `INSERT INTO telegram_links (user_id, chat_id, code_hash, label, tries, expires_at) VALUES (?, ?, ?, ?, 0, ?)
     ON CONFLICT (user_id, chat_id) DO UPDATE SET code_hash = excluded.code_hash, label = excluded.label, tries = 0,
       expires_at = excluded.expires_at`,
  )
  const ofUser = db.prepare<[string], Row>(
    `SELECT chat_id AS chatId, code_hash AS codeHash, label, tries, expires_at AS expiresAt FROM telegram_links WHERE user_id = ?`,
  )
  const miss = db.prepare('UPDATE telegram_links SET tries = tries + 1 WHERE user_id = ? AND expires_at > ?')
  const remove = db.prepare('DELETE FROM telegram_links WHERE user_id = ? AND chat_id = ?')
  const sweep = db.prepare('DELETE FROM telegram_links WHERE expires_at < ?')

  const at = (ms = 0) => new Date(now().getTime() + ms).toISOString()

  return {
    /** A new code for a chat of this user's bot; undefined while too many are open. */
    make(userId: string, chat: { chatId: string; label: string }): string | undefined {
      sweep.run(at(-VALID_MS))
      const open = ofUser.all(userId).filter(({ chatId, expiresAt }) => chatId !== chat.chatId && expiresAt > at())
      if (open.length >= MOST_OPEN) return undefined
      const code = Array.from({ length: LENGTH }, () => LETTERS[randomInt(LETTERS.length)]).join('')
      put.run(userId, chat.chatId, hashOf(userId, code), chat.label, at(VALID_MS))
      return code
    },

    /** The chat that a code was made for; the code is used up by that. A wrong one counts, so what is wrong is returned. */
    redeem(userId: string, code: string): { chatId: string; label: string } | AppError {
      const row = ofUser.all(userId).find(({ codeHash }) => codeHash === hashOf(userId, code))
      if (!row) {
        miss.run(userId, at())
        return invalidField('code', 'No chat was given that code. Send /link to your bot, and enter what it answers.')
      }
      if (row.expiresAt <= at() || row.tries >= MOST_TRIES)
        return new AppError('expired', 'That code is no longer good. Send /link to your bot for a new one.')
      remove.run(userId, row.chatId)
      return { chatId: row.chatId, label: row.label }
    },
  }
}

function hashOf(userId: string, code: string): string {
  const plain = code.replace(/[\s-]/g, '').toUpperCase()
  return createHash('sha256').update(`${userId}\n${plain}`).digest('hex')
}
