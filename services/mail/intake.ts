import { AppError } from '../errors.ts'
import type { Db } from '../../db/open.ts'
import { visible } from '../policy/sanitize.ts'
import type { DoingAgent } from '../schedules/work.ts'
import type { Intake } from '../shapes/intake.ts'
import type { EmailAccount } from './account-rows.ts'
import { mailboxNameOf, type Bookmark, type Bookmarks } from './bookmarks.ts'
import type { FetchedMail, MailHead } from './fetching.ts'
import { identityOf } from './identity.ts'
import { judgeMail, type Judgement, type MailFacts, type Start } from './judge.ts'
import { letterOf } from './letter.ts'
import type { EmailMessage, EmailMessages } from './messages.ts'
import type { MailMessage } from './message.ts'
import type { EmailTriggers } from './triggers.ts'

/** What of an agent decides whether and how it starts. */
type MailAgent = Pick<DoingAgent, 'prompt' | 'promptMode' | 'integrity'>

export type MailIntakeDeps = {
  db: Db
  newId: () => string
  accounts: { find(id: string): EmailAccount | undefined }
  bookmarks: Pick<Bookmarks, 'move'>
  messages: EmailMessages
  triggers: Pick<EmailTriggers, 'ofAccount' | 'hasAgent'>
  match: () => 'first' | 'all'
  whitelist: () => readonly string[]
  agents: { find(id: string): MailAgent | undefined }
  submit: (intake: Intake) => { id: string }
  mayWork: (userId: string) => boolean
  notify: (draft: { userId: string; kind: 'trouble'; title: string; text: string; agentId?: string }) => void
}

/** A mail with what was read of it, or why it could not be read. */
export type Read = { mail: FetchedMail; message: MailMessage | Error }

/** The account is followed no more, or was changed: whoever reads for it stops, and nothing was done. */
export class NotFollowed extends Error {}

export type MailIntake = ReturnType<typeof createMailIntake>

const LONGEST_SUBJECT = 500
const MOST_ATTACHMENTS = 100

/**
 * From a mail to what it starts, in one transaction: what became of it, its runs, and the bookmark behind it. A mail
 * that was looked at before moves the bookmark and nothing else, wherever it lies now.
 */
export function createMailIntake(deps: MailIntakeDeps) {
  const { db, bookmarks, messages } = deps
  /** Accounts whose owner knows already that nobody is there to take its mail. */
  const told = new Set<string>()
  /** Of the transaction that is under way. */
  let telling: string[] = []

  function present({ accountId, mailbox }: Bookmark): EmailAccount {
    const account = deps.accounts.find(accountId)
    if (!account?.enabled || mailboxNameOf(account) !== mailbox || !deps.mayWork(account.userId))
      throw new NotFollowed()
    return account
  }

  function move(bookmark: Bookmark, uid: number): void {
    if (!bookmarks.move(bookmark, uid)) throw new NotFollowed()
  }

  function factsOf(account: EmailAccount): MailFacts {
    return {
      account,
      triggers: deps.triggers.ofAccount(account.id),
      match: deps.match(),
      whitelist: deps.whitelist(),
      isOwnMessageId: messages.isOwnMessageId,
      hasAgent: (id) => deps.triggers.hasAgent(account, id),
      runsInThread: (thread) => messages.runsInThread(account.id, thread),
    }
  }

  /** Throws what is no matter of this mail. */
  function begin(
    account: EmailAccount,
    message: MailMessage,
    { proven, provenReason }: Judgement,
    start: Start,
  ): string {
    const agent = deps.agents.find(start.agentId)!
    const attachments = letterOf(message, { proven, reason: provenReason })
    return db.transact(() => deps.submit({ ...intakeOf(account, agent, start.agentId, deps.newId()), attachments })).id
  }

  /** All of it or nothing: a run that cannot be submitted as it is set up is told, and nothing of this mail is begun. */
  function beginAll(account: EmailAccount, message: MailMessage, judged: Judgement): string[] | AppError {
    try {
      return db.transact(() => judged.starts.map((start) => begin(account, message, judged, start)))
    } catch (error) {
      if (error instanceof AppError && error.code !== 'unavailable') return error
      throw error
    }
  }

  function settle(
    account: EmailAccount,
    mail: MailHead,
    message: MailMessage,
    identity: string,
    bookmark: Bookmark,
  ): void {
    const judged = judgeMail(message, factsOf(account))
    const begun = judged.outcome === 'started' ? beginAll(account, message, judged) : []
    const runIds = begun instanceof AppError ? [] : begun
    const fate = begun instanceof AppError ? { outcome: 'failed' as const, reason: begun.message } : judged
    const row = rowOf(account, mail, message, { ...judged, outcome: fate.outcome, reason: fate.reason }, bookmark)
    const id = deps.newId()
    messages.insert({ ...row, id, identity })
    runIds.forEach((runId, at) => messages.link(runId, id, judged.starts[at]!.triggerId))
    if (fate.outcome === 'started') forget(account)
    if (fate.outcome === 'failed' || fate.outcome === 'loop') tell(account, fate.outcome, fate.reason)
  }

  function tell(account: EmailAccount, outcome: 'failed' | 'loop', reason: string): void {
    const once = `${account.id} ${outcome} ${outcome === 'failed' ? reason : ''}`
    if (told.has(once)) return
    const title = outcome === 'loop' ? 'may be two programs that answer each other' : 'could not start what it is for'
    deps.notify({
      userId: account.userId,
      kind: 'trouble',
      title: `A mail to “${account.label}” ${title}`,
      text: reason,
    })
    told.add(once)
    telling.push(once)
  }

  function take(bookmark: Bookmark, mail: FetchedMail, message: MailMessage): void {
    const account = present(bookmark)
    const identity = identityOf(mail.ids, message)
    if (!messages.isKnown(account.id, identity)) settle(account, mail, message, identity, bookmark)
    move(bookmark, mail.uid)
  }

  function giveUp(bookmark: Bookmark, head: MailHead, reason: string): void {
    const account = present(bookmark)
    const identity = `unread:${bookmark.mailbox}:${bookmark.path}:${bookmark.uidValidity}:${head.uid}`
    if (!messages.isKnown(account.id, identity))
      messages.insert({ ...unreadRow(account, head, bookmark, reason), id: deps.newId(), identity })
    move(bookmark, head.uid)
  }

  /** What fails after something has worked again is told anew. */
  function forget({ id }: EmailAccount): void {
    for (const once of told) if (once.startsWith(`${id} failed`)) told.delete(once)
  }

  return {
    factsOf,

    /** What was looked at before by the server's own word for it, and need not be read again. */
    isKnown: (bookmark: Bookmark, { ids }: MailHead): boolean =>
      (ids.emailId !== undefined || ids.gmMsgId !== undefined) &&
      messages.isKnown(bookmark.accountId, identityOf(ids, { headers: {}, bodyHash: '' })),

    /** Nothing up to there needs to be looked at any more. Throws NotFollowed. */
    pass: (bookmark: Bookmark, uid: number): void =>
      db.transact(() => {
        present(bookmark)
        move(bookmark, uid)
      }),

    /**
     * All of them or none. Throws NotFollowed, and whatever the database throws: then nothing was done, and the mails come
     * again.
     */
    takeAll(bookmark: Bookmark, read: readonly Read[]): void {
      telling = []
      try {
        db.transact(() => {
          for (const { mail, message } of read)
            if (message instanceof Error) giveUp(bookmark, mail, message.message)
            else take(bookmark, mail, message)
        })
      } catch (error) {
        for (const once of telling) told.delete(once)
        throw error
      }
    },

    /** One that nobody can make anything of: it is written down and stops nothing. */
    giveUp: (bookmark: Bookmark, head: MailHead, reason: string): void =>
      db.transact(() => giveUp(bookmark, head, reason)),
  }
}

function intakeOf(
  account: EmailAccount,
  agent: MailAgent,
  agentId: string,
  conversationId: string,
): Omit<Intake, 'attachments'> {
  const sentence = `A mail came in for the account “${account.label}”. Do with it what your instructions say.`
  return {
    door: 'email',
    address: account.id,
    userId: account.userId,
    conversationId,
    origin: 'email',
    by: 'api',
    attended: false,
    ...(agent.promptMode === 'system_only'
      ? { text: agent.prompt, integrity: agent.integrity }
      : { text: sentence, integrity: 'owner' as const }),
    agentId,
    kind: 'run',
  }
}

type Row = Omit<EmailMessage, 'id' | 'identity'>

function rowOf(
  account: EmailAccount,
  mail: MailHead,
  message: MailMessage,
  judged: Judgement,
  bookmark: Bookmark,
): Row {
  const line = (text: string, most: number) => visible(text).replace(/\s+/g, ' ').trim().slice(0, most).toWellFormed()
  return {
    ...placeOf(account, mail, bookmark),
    messageId: message.messageId && line(message.messageId, LONGEST_SUBJECT),
    thread: judged.thread,
    sender: judged.sender && line(judged.sender.address, 320),
    senderName: judged.sender && line(judged.sender.name, 200),
    proven: judged.proven,
    subject: line(message.subject, LONGEST_SUBJECT),
    sentAt: message.sentAt,
    attachments: message.attachments
      .slice(0, MOST_ATTACHMENTS)
      .map(({ name, mediaType, size }) => ({ name: line(name, 255), media_type: line(mediaType, 100), size })),
    outcome: judged.outcome,
    reason: judged.reason,
  }
}

function unreadRow(account: EmailAccount, head: MailHead, bookmark: Bookmark, reason: string): Row {
  const nothing = { messageId: null, sender: null, senderName: null, sentAt: null }
  return {
    ...placeOf(account, head, bookmark),
    ...nothing,
    thread: '',
    proven: false,
    subject: '',
    attachments: [],
    outcome: 'unreadable',
    reason: reason.slice(0, LONGEST_SUBJECT),
  }
}

const placeOf = (account: EmailAccount, { uid, receivedAt, size }: MailHead, { path, uidValidity }: Bookmark) => ({
  userId: account.userId,
  accountId: account.id,
  folder: path,
  uidValidity,
  uid,
  receivedAt,
  size,
})
