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
import { Listing, listMails, LOOKS, MailId, MailQuery, readMail, searchMails } from './email-looking.ts'
import { houseClock } from './email-wording.ts'
import { named, quoted } from './wording.ts'

export type EmailToolDeps = {
  now: Clock
  timezone: string
  mail: () => Pick<Mail, 'accounts' | 'mailboxOf' | 'read' | 'sending' | 'allowance'>
  changes: Pick<FileChanges, 'write' | 'wasWritten'>
}

type Query = { query: string; account?: string | undefined }

const OWN: Labels = { integrity: 'owner', privacy: 'private' }

/** The mail of a user's accounts: looked into, and sent from. */
export function createEmailTool({ now, timezone, mail, changes }: EmailToolDeps): Tool {
  const clock = houseClock(timezone, now)
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

  const place = (account: EmailAccount, signal: AbortSignal) => ({
    box: mail().mailboxOf(account),
    label: account.label,
    signal,
  })

  const list = operation<Listing & { account?: string | undefined }>({
    ...LOOKS,
    description: 'The newest mails of a folder (INBOX unless said otherwise), newest first',
    input: lazy(() => z.strictObject({ account: Account() }).extend(Listing().shape)),
    inspect: () => ({}),
    describe: ({ account, folder = 'INBOX' }) =>
      `List the mails in ${quoted(folder, 100)}${account === undefined ? '' : ` of ${quoted(account, 100)}`}.`,
    run: async ({ account, ...listing }, { userId, signal }) =>
      listMails(place(accountOf(userId, account), signal), listing),
  })

  const read = operation<{ id: string }>({
    ...LOOKS,
    description: 'A whole mail, by the id from a list or search; it stays unread',
    input: lazy(() => z.strictObject({ id: MailId() })),
    inspect: () => ({}),
    describe: () => 'Read a mail.',
    run: async ({ id }, context) => readMail(mail(), id, context, clock),
  })

  const search = operation<Query>({
    ...LOOKS,
    description: 'Mails in which every word occurs, in any folder; "in quotation marks" for words together',
    input: lazy(() => z.strictObject({ query: MailQuery(), account: Account() })),
    inspect: () => ({}),
    describe: ({ query }) => `Search the mails for ${quoted(query)}.`,
    run: async ({ query, account }, { userId, signal }) =>
      searchMails(place(accountOf(userId, account), signal), { query }),
  })

  const whitelist = operation<Record<string, never>>({
    ...LOOKS,
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
