import type { Deps } from '../deps.ts'
import type { EmailAccount } from './account-rows.ts'

/** Where listening stands in one folder. UIDs up to `lastUid` are done with. */
export type Bookmark = {
  accountId: string
  path: string
  mailbox: string
  uidValidity: string
  lastUid: number
  /** Below it only what the server got after `startedAt` is looked at. */
  freshUid: number
  startedAt: string
}

/** What the server says of a folder. */
export type FolderState = { uidValidity: string; uidNext: number }

export type Bookmarks = ReturnType<typeof createBookmarks>

/** Whose mailbox an account reads, and where: another one is another mailbox, with UIDs of its own. */
export const mailboxNameOf = ({ imap }: Pick<EmailAccount, 'imap'>): string =>
  `${imap?.username ?? ''}@${imap?.host ?? ''}`

/** The rows of email_folders. Callers hold the transaction. */
export function createBookmarks({ db, now }: Deps) {
  const COLUMNS = `account_id AS accountId, path, mailbox, uid_validity AS uidValidity, last_uid AS lastUid, fresh_uid AS freshUid,
    started_at AS startedAt`
  const one = db.prepare<[string, string, string], Bookmark>(
    `SELECT ${COLUMNS} FROM email_folders WHERE account_id = ? AND path = ? AND mailbox = ?`,
  )
  const put = db.prepare(
    `INSERT INTO email_folders (account_id, path, mailbox, uid_validity, last_uid, fresh_uid, started_at, updated_at)
     VALUES (@accountId, @path, @mailbox, @uidValidity, @lastUid, @freshUid, @startedAt, @at)
     ON CONFLICT (account_id, path) DO UPDATE SET mailbox = excluded.mailbox, uid_validity = excluded.uid_validity,
       last_uid = excluded.last_uid, fresh_uid = excluded.fresh_uid, started_at = excluded.started_at, updated_at = excluded.updated_at`,
  )
  const move = db.prepare(
    `UPDATE email_folders SET last_uid = max(last_uid, @uid), updated_at = @at
     WHERE account_id = @accountId AND path = @path AND mailbox = @mailbox AND uid_validity = @uidValidity`,
  )
  const drop = db.prepare('DELETE FROM email_folders WHERE account_id = ?')

  const at = () => now().toISOString()

  function write(bookmark: Bookmark): Bookmark {
    put.run({ ...bookmark, at: at() })
    return bookmark
  }

  return {
    find: (accountId: string, mailbox: string, path: string): Bookmark | undefined => one.get(accountId, path, mailbox),

    /** A folder that is seen for the first time: what is there stays unread by us. */
    begin: (of: Pick<Bookmark, 'accountId' | 'path' | 'mailbox'>, { uidValidity, uidNext }: FolderState): Bookmark =>
      write({ ...of, uidValidity, lastUid: uidNext - 1, freshUid: uidNext, startedAt: at() }),

    /** The folder has numbered its mails anew (RFC 9051, 2.3.1.1): all of it is gone through, but nothing older than the start. */
    renumbered: (before: Bookmark, { uidValidity, uidNext }: FolderState): Bookmark =>
      write({ ...before, uidValidity, lastUid: 0, freshUid: uidNext }),

    /** Never backwards. False where the folder is followed no more, or was numbered anew meanwhile. */
    move: ({ accountId, path, mailbox, uidValidity }: Bookmark, uid: number): boolean =>
      move.run({ accountId, path, mailbox, uidValidity, uid, at: at() }).changes > 0,

    /** Whoever listens again starts from then. */
    drop: (accountId: string): void => void drop.run(accountId),
  }
}
