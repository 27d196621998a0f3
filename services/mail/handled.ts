import type { Deps } from '../deps.ts'
import { AppError } from '../errors.ts'
import type { EmailAccount } from './account-rows.ts'
import { mailPlaceOf, type MailPlace } from './mail-id.ts'
import type { Mailbox } from './mailbox.ts'
import { messageIdOf } from './sending.ts'

export type HandledDeps = Pick<Deps, 'db'> & {
  find: (id: string) => EmailAccount | undefined
  runStore: { find(id: string): { userId: string; mailbox: string | null } | undefined }
  mailboxOf: (account: EmailAccount) => Mailbox
}

export type HandledMail = ReturnType<typeof createHandled>

/** The accounts that agents look after: which run works on which, and what is known of the mails in them. */
export function createHandled({ db, find, runStore, mailboxOf }: HandledDeps) {
  const looked = db.prepare<[MailPlace], { messageId: string | null }>(
    `SELECT message_id AS messageId FROM email_messages
     WHERE account_id = @accountId AND folder = @folder AND uid_validity = @uidValidity AND uid = @uid`,
  )

  /** An account whose mail an agent looks after, as it is at this moment. */
  function handled(accountId: string): EmailAccount | undefined {
    const account = find(accountId)
    return account?.accountType === 'handling' && account.enabled && account.imap ? account : undefined
  }

  async function has(account: EmailAccount, id: string, signal: AbortSignal): Promise<boolean> {
    try {
      await mailboxOf(account).header(id, signal)
      return true
    } catch (error) {
      if (error instanceof AppError && error.code === 'not_found') return false
      throw error
    }
  }

  return {
    handled,

    /** The account that a run looks after; undefined where it looks after none. */
    accountOf(runId: string | undefined): EmailAccount | undefined {
      const run = runId === undefined ? undefined : runStore.find(runId)
      const account = run && run.mailbox !== null ? handled(run.mailbox) : undefined
      return account?.userId === run?.userId ? account : undefined
    },

    /**
     * After a crash: whether a mail was moved. It was not where it still lies; it was where the folder that it was to go to has it. A
     * mail that is gone, and of which nobody knows by what to find it, may have been moved by somebody else.
     */
    async moved(
      account: EmailAccount,
      id: string,
      to: string,
      signal: AbortSignal,
    ): Promise<'done' | 'not_done' | 'unknown'> {
      if (await has(account, id, signal)) return 'not_done'
      const messageId = looked.get(mailPlaceOf(id))?.messageId
      if (messageId == null) return 'unknown'
      const there = await mailboxOf(account).findByMessageId(to, messageId, signal)
      return there.length > 0 ? 'done' : 'unknown'
    },

    /** After a crash: whether the draft of a call lies there. */
    async drafted(account: EmailAccount, folder: string, callId: string, signal: AbortSignal): Promise<boolean> {
      return (await mailboxOf(account).findByMessageId(folder, messageIdOf(callId, account), signal)).length > 0
    },
  }
}
