import type { EmailAccount } from './account-rows.ts'
import { automaticBy, type Automatic } from './guards.ts'
import { mailPlaceOf } from './mail-id.ts'
import type { Mailbox } from './mailbox.ts'
import type { MailMessage } from './message.ts'

export type ThreadsDeps = {
  account: (userId: string, id: string) => EmailAccount
  mailboxOf: (account: EmailAccount) => Mailbox
  parse: (raw: Uint8Array, signal: AbortSignal) => Promise<MailMessage>
}

/** A mail as far as an answer to it needs to know. `answerTo`: whom its sender wants answers to go to. */
export type Thread = {
  accountId: string
  messageId: string | null
  references: string[]
  subject: string
  answerTo: string[]
  from: string[]
  /** Why nobody wrote it by hand, where something says so. */
  automatic: Automatic | undefined
}

const MOST_KEPT = 200
const VISIT_MS = 20_000

export type Threads = ReturnType<typeof createThreads>

/** The mails that are answered. One that was fetched is known from then on: what an id names never changes. */
export function createThreads({ account, mailboxOf, parse }: ThreadsDeps) {
  const known = new Map<string, Thread>()

  function keep(id: string, thread: Thread): Thread {
    known.set(id, thread)
    if (known.size > MOST_KEPT) known.delete(known.keys().next().value!)
    return thread
  }

  return {
    /** Throws `not_found` for a mail of somebody else's, and what the mail server says otherwise. */
    async of(userId: string, id: string): Promise<Thread> {
      const owned = account(userId, mailPlaceOf(id).accountId)
      const signal = AbortSignal.timeout(VISIT_MS)
      return known.get(id) ?? keep(id, threadOf(owned, await parse(await mailboxOf(owned).header(id, signal), signal)))
    },

    /** The same without asking the server. */
    known: (id: string): Thread | undefined => known.get(id),
  }
}

function threadOf({ id }: EmailAccount, message: MailMessage): Thread {
  const { messageId, references, inReplyTo, subject, replyTo, from } = message
  const answerTo = (replyTo.length > 0 ? replyTo : from).map(({ address }) => address)
  const before = references.length > 0 || inReplyTo === null ? references : [inReplyTo]
  return {
    accountId: id,
    messageId,
    references: before,
    subject,
    answerTo,
    from: from.map(({ address }) => address),
    automatic: automaticBy(message),
  }
}

/** The subject of an answer; the mark that it is one stands there once (RFC 5322, 3.6.5). */
export function answerSubject(subject: string): string {
  const bare = subject.replace(/^\s*((re|aw|sv|antw|odp|r|rif)\s*(\[\d+\])?\s*:\s*)+/i, '')
  return `Re: ${bare}`
}
