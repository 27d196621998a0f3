import { z } from 'zod'
import { operation, type Reach, type Tool, type ToolContext } from '../agent/tool.ts'
import type { Clock } from '../deps.ts'
import { AppError } from '../errors.ts'
import type { EmailAccount } from '../mail/account-rows.ts'
import { mailPlaceOf } from '../mail/mail-id.ts'
import type { Mail } from '../mail/mail.ts'
import type { ListedMail } from '../mail/mailbox.ts'
import type { Labels } from '../shapes/labels.ts'
import { lazy } from '../shapes/lazy.ts'
import { draftMail, replyToMail } from './email-handling-writing.ts'
import { Listing, listMails, LOOKS, MailFolderName, MailId, MailQuery, readMail, searchMails } from './email-looking.ts'
import { houseClock } from './email-wording.ts'
import { quoted } from './wording.ts'

export type HandlingMail = Pick<Mail, 'mailboxOf' | 'read' | 'sending' | 'inHand'>

export type EmailHandlingToolDeps = { now: Clock; timezone: string; mail: () => HandlingMail }

/** What every operation begins with: the one account of the run, and no other's mails. */
export type Bound = {
  accountOf: (runId: string | undefined) => EmailAccount
  /** Throws `not_found` for the id of a mail elsewhere. */
  assertIn: (account: EmailAccount, id: string) => void
  /** A mail in words for the owner, as far as it was looked at. */
  called: (id: string) => string
}

const NOTHING_READ: Labels = { integrity: 'owner', privacy: 'private' }
const FLAGS = { seen: '\\Seen', flagged: '\\Flagged', answered: '\\Answered' } as const
const TRASH = /^(trash|deleted)$/i

type Flag = { id: string; flag: 'seen' | 'unseen' | 'flagged' | 'unflagged' | 'answered' }
type Move = { id: string; folder: string }

/** One mailbox, for the run that looks after it. To every other run this tool does not exist, and each call of it is refused. */
export function createEmailHandlingTool({ now, timezone, mail }: EmailHandlingToolDeps): Tool {
  const clock = houseClock(timezone, now)
  const writes = { effect: 'write', destructive: false, attendedOnly: false, yields: NOTHING_READ } as const

  const bound: Bound = {
    accountOf(runId) {
      const account = mail().inHand.accountOf(runId)
      if (account) return account
      throw new AppError('forbidden', 'This run looks after no mailbox.')
    },
    assertIn({ id: accountId }, id) {
      if (mailPlaceOf(id).accountId === accountId) return
      throw new AppError(
        'not_found',
        'That mail is not in the mailbox that you look after. Take ids from a list or a search of it.',
      )
    },
    called(id) {
      const known = mail().sending.knownThread(id)
      return known ? `the mail ${quoted(known.subject)} by ${quoted(known.from.join(', ') || 'nobody', 320)}` : 'a mail'
    },
  }

  /** Looks at the mail itself, so that whoever is asked is told which one it is. */
  async function lookAt(id: string, userId: string, runId: string | undefined): Promise<EmailAccount> {
    const account = bound.accountOf(runId)
    bound.assertIn(account, id)
    await mail().sending.threadOf(userId, id)
    return account
  }

  const boxOf = ({ runId }: ToolContext) => mail().mailboxOf(bound.accountOf(runId))
  const nothing = (_args: unknown, _userId: string, _callId?: string, runId?: string): Reach => {
    bound.accountOf(runId)
    return {}
  }

  const place = (context: ToolContext) => ({ box: boxOf(context), signal: context.signal })

  const list = operation<Listing>({
    ...LOOKS,
    description: 'The newest mails of a folder (INBOX unless said otherwise), newest first',
    input: Listing,
    inspect: nothing,
    describe: ({ folder = 'INBOX' }) => `List the mails in ${quoted(folder, 100)}.`,
    run: async (listing, context) => listMails(place(context), listing),
  })

  const search = operation<{ query: string; folder?: string | undefined }>({
    ...LOOKS,
    description: 'Mails in which every word occurs, in any folder; "in quotation marks" for words together',
    input: lazy(() => z.strictObject({ query: MailQuery(), folder: MailFolderName().optional() })),
    inspect: nothing,
    describe: ({ query }) => `Search the mails for ${quoted(query)}.`,
    run: async (query, context) => searchMails(place(context), query),
  })

  const read = operation<{ id: string }>({
    ...LOOKS,
    description: 'A whole mail, by the id from a list or search; it stays unread',
    input: lazy(() => z.strictObject({ id: MailId() })),
    inspect: ({ id }, _userId, _callId, runId) => {
      bound.assertIn(bound.accountOf(runId), id)
      return {}
    },
    describe: () => 'Read a mail.',
    run: async ({ id }, context) => {
      bound.assertIn(bound.accountOf(context.runId), id)
      return readMail(mail(), id, context, clock)
    },
  })

  const flag = operation<Flag>({
    ...writes,
    description: 'Mark a mail as seen, unseen, flagged, unflagged or answered',
    input: lazy(() =>
      z.strictObject({ id: MailId(), flag: z.enum(['seen', 'unseen', 'flagged', 'unflagged', 'answered']) }),
    ),
    recovery: 'verify',
    verify: async ({ id, flag: mark }, context) => {
      bound.assertIn(bound.accountOf(context.runId), id)
      const { listed } = await boxOf(context).source(id, context.signal)
      return marksOf(listed).includes(mark) ? 'done' : 'not_done'
    },
    inspect: async ({ id }, userId, _callId, runId) => placeIn(await lookAt(id, userId, runId)),
    describe: ({ id, flag: mark }, _userId, runId) => `Mark ${bound.called(id)} as ${mark}${inWords(mail(), runId)}.`,
    run: async ({ id, flag: mark }, context) => {
      const account = bound.accountOf(context.runId)
      bound.assertIn(account, id)
      const name = FLAGS[mark.replace(/^un/, '') as keyof typeof FLAGS]
      const change = mark.startsWith('un') ? { remove: [name] } : { add: [name] }
      await boxOf(context).flag(id, change, context.signal)
      return { content: `Marked as ${mark}.` }
    },
  })

  const move = operation<Move>({
    ...writes,
    description: 'Move a mail to another folder; to "Trash" to delete it',
    input: lazy(() => z.strictObject({ id: MailId(), folder: MailFolderName() })),
    recovery: 'verify',
    verify: async ({ id, folder }, context) => {
      const account = bound.accountOf(context.runId)
      bound.assertIn(account, id)
      return mail().inHand.moved(account, id, await folderNamed(folder, context), context.signal)
    },
    inspect: async ({ id, folder }, userId, _callId, runId) => placeIn(await lookAt(id, userId, runId), folder),
    describe: ({ id, folder }, _userId, runId) =>
      `Move ${bound.called(id)} to ${TRASH.test(folder) ? 'the trash' : quoted(folder, 500)}${inWords(mail(), runId)}.`,
    run: async ({ id, folder }, context) => {
      bound.assertIn(bound.accountOf(context.runId), id)
      const to = await folderNamed(folder, context)
      const newId = await boxOf(context).move(id, to, context.signal)
      return {
        content: newId === undefined ? 'Moved.' : `Moved. Its id is now ${newId}`,
        summary: `Moved to ${quoted(to, 60)}`,
      }
    },
  })

  /** The trash goes by several names. */
  async function folderNamed(folder: string, context: ToolContext): Promise<string> {
    if (!TRASH.test(folder)) return folder
    return (await boxOf(context).folderFor('\\Trash', context.signal)) ?? folder
  }

  return {
    name: 'email_handling',
    description: 'The mailbox that you look after.',
    known: (_userId, runId) => {
      const account = mail().inHand.accountOf(runId)
      return account ? `Mailbox: ${JSON.stringify(account.address)}` : ''
    },
    operations: {
      list_emails: list,
      search,
      read_email: read,
      flag,
      move,
      draft: draftMail({ now, mail, bound }),
      reply: replyToMail({ mail, bound }),
    },
  }
}

function marksOf({ unread, flagged, answered }: ListedMail): Flag['flag'][] {
  return [unread ? 'unseen' : 'seen', flagged ? 'flagged' : 'unflagged', ...(answered ? ['answered' as const] : [])]
}

/** Where in the house's own terms a change takes place, as a standing yes names it. */
function placeIn({ address }: EmailAccount, folder?: string): Reach {
  const to = folder === undefined ? '' : `/${TRASH.test(folder) ? 'Trash' : folder}`
  return { destinations: [{ address: `mailbox:${address}${to}`, class: 'owner' }] }
}

function inWords({ inHand }: HandlingMail, runId: string | undefined): string {
  const account = inHand.accountOf(runId)
  return account ? ` in the mailbox ${quoted(account.label, 64)}` : ''
}
