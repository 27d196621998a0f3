import { z } from 'zod'
import { operation, type Tool } from '../agent/tool.ts'
import type { Clock } from '../deps.ts'
import { AppError } from '../errors.ts'
import type { FileChanges } from '../files/change.ts'
import type { EmailAccount } from '../mail/account-rows.ts'
import type { Mail } from '../mail/mail.ts'
import type { Labels } from '../shapes/labels.ts'
import { lazy } from '../shapes/lazy.ts'
import { saveAttachment } from './email-attachment.ts'
import { sendEmail } from './email-sending.ts'
import { houseClock, listText, mailSource, mailText } from './email-wording.ts'
import { named, quoted } from './wording.ts'

export type EmailToolDeps = {
  now: Clock
  timezone: string
  mail: () => Pick<Mail, 'accounts' | 'mailboxOf' | 'read' | 'sending' | 'allowance'>
  changes: Pick<FileChanges, 'write' | 'wasWritten'>
}

type Listing = { account?: string | undefined; folder?: string | undefined; limit: number; unread_only: boolean }
type Query = { query: string; account?: string | undefined }

const STRANGERS: Labels = { integrity: 'third_party', privacy: 'private' }
const OWN: Labels = { integrity: 'owner', privacy: 'private' }
const USUALLY = 20
const MOST_LISTED = 50
const MOST_QUERY = 200

/** The mail of a user's accounts: looked into, and sent from. */
export function createEmailTool({ now, timezone, mail, changes }: EmailToolDeps): Tool {
  const clock = houseClock(timezone, now)
  const reads = {
    effect: 'read',
    destructive: false,
    attendedOnly: false,
    yields: STRANGERS,
    recovery: 'redo',
  } as const
  const Account = lazy(() => z.string().max(320).optional())

  /** By its label, id or address; else the only one, or the first. */
  function accountOf(userId: string, wanted: string | undefined): EmailAccount {
    const all = mail()
      .accounts.list(userId)
      .filter(({ enabled, imap }) => enabled && imap)
    const found = wanted === undefined ? all[0] : all.find((one) => isMeant(one, wanted))
    if (found) return found
    if (all.length === 0) throw new AppError('not_found', 'There is no mail account that can be looked into.')
    throw new AppError(
      'not_found',
      `There is no such mail account. ${named(
        'Accounts',
        all.map(({ label }) => label),
      )}`,
    )
  }

  const list = operation<Listing>({
    ...reads,
    description: 'The newest mails of a folder (INBOX unless said otherwise), newest first',
    input: lazy(() =>
      z.strictObject({
        account: Account(),
        folder: z.string().min(1).max(500).optional(),
        limit: z.int().min(1).max(MOST_LISTED).default(USUALLY),
        unread_only: z.boolean().default(false),
      }),
    ),
    inspect: () => ({}),
    describe: ({ account, folder = 'INBOX' }) =>
      `List the mails in ${quoted(folder, 100)}${account === undefined ? '' : ` of ${quoted(account, 100)}`}.`,
    run: async ({ account: wanted, folder = 'INBOX', limit, unread_only: unreadOnly }, { userId, signal }) => {
      const account = accountOf(userId, wanted)
      const { mails, total } = await mail().mailboxOf(account).list({ folder, limit, unreadOnly }, signal)
      const what = `${mails.length} of ${total} ${unreadOnly ? 'unread ' : ''}mails in ${quoted(folder, 60)} of ${quoted(account.label, 60)}`
      const content = mails.length === 0 ? `No mails. (${what})` : `${what}, newest first:\n${listText(mails)}`
      return { content, summary: what, source: `the list of mails of ${account.label}` }
    },
  })

  const read = operation<{ id: string }>({
    ...reads,
    description: 'A whole mail, by the id from a list or search; it stays unread',
    input: lazy(() => z.strictObject({ id: z.string().min(1).max(2000) })),
    inspect: () => ({}),
    describe: () => 'Read a mail.',
    run: async ({ id }, { userId, signal }) => {
      const { listed, message } = await mail().read(userId, id, signal)
      const source = mailSource(listed, message, clock)
      return { content: mailText(listed, message), summary: `${quoted(message.subject, 100)}, ${source}`, source }
    },
  })

  const search = operation<Query>({
    ...reads,
    description: 'Mails in which every word occurs, in any folder; "in quotation marks" for words together',
    input: lazy(() => z.strictObject({ query: z.string().min(1).max(MOST_QUERY), account: Account() })),
    inspect: () => ({}),
    describe: ({ query }) => `Search the mails for ${quoted(query)}.`,
    run: async ({ query, account: wanted }, { userId, signal }) => {
      const account = accountOf(userId, wanted)
      const { mails, total, leftOut } = await mail().mailboxOf(account).search({ query, limit: USUALLY }, signal)
      const rest = leftOut.length === 0 ? '' : `\n[Not searched: ${leftOut.map((one) => quoted(one, 60)).join(', ')}]`
      const what = `${mails.length} of ${total} mails found in ${quoted(account.label, 60)}`
      const content = mails.length === 0 ? 'Nothing found.' : `${what}, newest first:\n${listText(mails)}`
      return { content: content + rest, summary: what, source: `a search in the mails of ${account.label}` }
    },
  })

  const whitelist = operation<Record<string, never>>({
    ...reads,
    description: 'The addresses that mail may be sent to, and how many more go there today',
    input: lazy(() => z.strictObject({})),
    yields: OWN,
    inspect: () => ({}),
    describe: () => 'List the addresses that mail may be sent to.',
    run: async () => {
      const all = mail().allowance()
      const content = all.length === 0 ? 'No address is on the list; no mail can be sent.' : all.map(allowed).join('\n')
      return { content, summary: `${all.length} addresses`, labels: OWN }
    },
  })

  return {
    name: 'email',
    description: "The owner's mail accounts.",
    known: (userId) => {
      const all = mail().accounts.list(userId)
      return named(
        'Accounts',
        all.filter(({ enabled }) => enabled).map(({ label }) => label),
      )
    },
    operations: {
      list_emails: list,
      read_email: read,
      search,
      send_email: sendEmail(mail),
      save_attachment: saveAttachment({ mail, changes }),
      list_whitelist: whitelist,
    },
  }
}

function isMeant({ id, label, address }: EmailAccount, wanted: string): boolean {
  const plain = wanted.trim().toLowerCase()
  return id === plain || [label, address].some((one) => one.toLowerCase() === plain)
}

type Allowance = ReturnType<Mail['allowance']>[number]

function allowed({ email, daily_limit, sent_today, owner }: Allowance): string {
  const left =
    daily_limit === 0 ? 'no daily limit' : `${Math.max(0, daily_limit - sent_today)} of ${daily_limit} left today`
  return `${email} (${left}${owner ? ", the owner's own" : ''})`
}
