import { cursorsOf } from '../cursors.ts'
import type { Deps } from '../deps.ts'
import { isUuid } from '../ids.ts'
import type { Outcome } from './judge.ts'

/** A mail that was looked at, and what became of it. */
export type EmailMessage = {
  id: string
  userId: string
  accountId: string
  identity: string
  folder: string
  uidValidity: string
  uid: number
  messageId: string | null
  thread: string
  sender: string | null
  senderName: string | null
  proven: boolean
  subject: string
  sentAt: string | null
  receivedAt: string
  size: number
  attachments: { name: string; media_type: string; size: number }[]
  outcome: Outcome
  reason: string
}

/** The same as people are shown it. */
export type ShownEmail = {
  id: string
  account_id: string
  folder: string
  message_id: string | null
  sender: string | null
  sender_name: string | null
  proven: boolean
  subject: string
  sent_at: string | null
  received_at: string
  size: number
  attachments: EmailMessage['attachments']
  outcome: Outcome
  reason: string
  run_ids: string[]
}

type Row = Omit<ShownEmail, 'proven' | 'attachments' | 'run_ids'> & { proven: number; attachments: string }

const DAY_MS = 24 * 3600_000
const COLUMNS = `id, account_id, folder, message_id, sender, sender_name, proven, subject, sent_at, received_at, size, attachments,
  outcome, reason`
const CURSORS = cursorsOf('email-messages')
/** Above so many the count stops. */
const MOST_COUNTED = 10_000

export type EmailMessages = ReturnType<typeof createEmailMessages>

/** The rows of email_messages and email_runs. Callers hold the transaction. */
export function createEmailMessages({ db, now }: Deps) {
  const known = db.prepare<[string, string], { id: string }>(
    'SELECT id FROM email_messages WHERE account_id = ? AND identity = ?',
  )
  const insert = db.prepare(
    `INSERT INTO email_messages (id, user_id, account_id, identity, folder, uid_validity, uid, message_id, thread, sender, sender_name,
       proven, subject, sent_at, received_at, size, attachments, outcome, reason, created_at)
     VALUES (@id, @userId, @accountId, @identity, @folder, @uidValidity, @uid, @messageId, @thread, @sender, @senderName,
       @proven, @subject, @sentAt, @receivedAt, @size, @attachments, @outcome, @reason, @at)`,
  )
  const link = db.prepare('INSERT INTO email_runs (run_id, email_message_id, trigger_id) VALUES (?, ?, ?)')
  const inThread = db.prepare<[string, string, string], { n: number }>(
    `SELECT count(*) AS n FROM email_messages JOIN email_runs ON email_message_id = email_messages.id
     WHERE account_id = ? AND thread = ? AND created_at > ? AND outcome = 'started'`,
  )
  const newest = db.prepare<[string], { at: string }>(
    'SELECT received_at AS at FROM email_messages WHERE account_id = ? ORDER BY id DESC LIMIT 1',
  )
  const page = db.prepare<[string, string, number], Row>(
    `SELECT ${COLUMNS} FROM email_messages WHERE account_id = ? AND id < ? ORDER BY id DESC LIMIT ?`,
  )
  const count = db.prepare<[string], { n: number }>(
    `SELECT count(*) AS n FROM (SELECT 1 FROM email_messages WHERE account_id = ? LIMIT ${MOST_COUNTED})`,
  )
  const ofRun = db.prepare<[string], Row>(
    `SELECT ${COLUMNS} FROM email_messages WHERE id = (SELECT email_message_id FROM email_runs WHERE run_id = ?)`,
  )
  const chatOf = db.prepare<[string], { chat: string | null }>(
    `SELECT telegram_chat_id AS chat FROM email_accounts WHERE id = (SELECT account_id FROM email_messages
       WHERE id = (SELECT email_message_id FROM email_runs WHERE run_id = ?))`,
  )
  const runsOf = db.prepare<[string], string>(
    'SELECT run_id FROM email_runs WHERE email_message_id = ? ORDER BY run_id',
  )
  const made = db.prepare<{ id: string }, unknown>(
    'SELECT 1 FROM steps WHERE id = @id UNION ALL SELECT 1 FROM outbox WHERE id = @id',
  )
  const sweep = db.prepare(
    'DELETE FROM email_messages WHERE id IN (SELECT id FROM email_messages WHERE created_at < ? ORDER BY created_at LIMIT ?)',
  )

  const shown = (row: Row): ShownEmail => ({
    ...row,
    proven: row.proven === 1,
    attachments: JSON.parse(row.attachments) as EmailMessage['attachments'],
    run_ids: runsOf.pluck().all(row.id) as string[],
  })

  return {
    /** Whether this mail was looked at before, wherever it lay. */
    isKnown: (accountId: string, identity: string): boolean => known.get(accountId, identity) !== undefined,

    insert: (mail: EmailMessage): void =>
      void insert.run({
        ...mail,
        proven: Number(mail.proven),
        attachments: JSON.stringify(mail.attachments),
        at: now().toISOString(),
      }),

    link: (runId: string, mailId: string, triggerId: string | null): void => void link.run(runId, mailId, triggerId),

    /** How many runs mails of a thread started in the last 24 hours. */
    runsInThread: (accountId: string, thread: string): number =>
      inThread.get(accountId, thread, new Date(now().getTime() - DAY_MS).toISOString())!.n,

    lastReceivedAt: (accountId: string): string | null => newest.get(accountId)?.at ?? null,

    /** Whether Steward itself gave out this Message-ID: it holds the id of a call or of a delivery. */
    isOwnMessageId(messageId: string): boolean {
      const id = messageId.split('@')[0]!.toLowerCase()
      return isUuid(id) && made.get({ id }) !== undefined
    },

    /** Newest first. */
    list(accountId: string, { limit, cursor }: { limit: number; cursor?: string | undefined }) {
      const rows = page.all(accountId, CURSORS.from(cursor) ?? '~', limit + 1)
      const items = rows.slice(0, limit).map(shown)
      const total = count.get(accountId)!.n
      return {
        items,
        next_cursor: rows.length > limit ? CURSORS.to(items.at(-1)!.id) : null,
        total,
        ...(total === MOST_COUNTED ? { total_is_min: true } : {}),
      }
    },

    /** The mail that started a run. */
    ofRun(runId: string): ShownEmail | null {
      const row = ofRun.get(runId)
      return row ? shown(row) : null
    },

    /** The chat where the owner wants to hear of a run that a mail started; undefined for any other, and where none is named. */
    chatOf: (runId: string): string | undefined => chatOf.get(runId)?.chat ?? undefined,

    /** Lets go of what was looked at before that, so much at most. Says how many went. */
    sweep: (before: string, limit: number): number => sweep.run(before, limit).changes,
  }
}
