import { z } from 'zod'
import type { ToolContext, ToolOutcome } from '../agent/tool.ts'
import type { Mail } from '../mail/mail.ts'
import type { ListedMail, Mailbox } from '../mail/mailbox.ts'
import type { Labels } from '../shapes/labels.ts'
import { lazy } from '../shapes/lazy.ts'
import { listText, mailSource, mailText, type houseClock } from './email-wording.ts'
import { quoted } from './wording.ts'

/** How mailboxes are looked into, by every tool that may: what it declares, takes and answers. */

const STRANGERS: Labels = { integrity: 'third_party', privacy: 'private' }
const USUALLY = 20
const MOST_LISTED = 50
const MOST_QUERY = 200

export const LOOKS = {
  effect: 'read',
  destructive: false,
  attendedOnly: false,
  yields: STRANGERS,
  recovery: 'redo',
} as const

export const MailFolderName = lazy(() => z.string().min(1).max(500))
export const MailId = lazy(() => z.string().min(1).max(2000))
export const MailQuery = lazy(() => z.string().min(1).max(MOST_QUERY))
export const Listing = lazy(() =>
  z.strictObject({
    folder: MailFolderName().optional(),
    limit: z.int().min(1).max(MOST_LISTED).default(USUALLY),
    unread_only: z.boolean().default(false),
  }),
)
export type Listing = z.infer<ReturnType<typeof Listing>>

/** `label`: the account's, where there may be several. */
type Place = { box: Mailbox; label?: string | undefined; signal: AbortSignal }

const named = (label: string | undefined, before: string): string =>
  label === undefined ? '' : ` ${before} ${quoted(label, 60)}`

function found(mails: readonly ListedMail[], what: string, none: string): Pick<ToolOutcome, 'content' | 'summary'> {
  return { content: mails.length === 0 ? none : `${what}, newest first:\n${listText(mails)}`, summary: what }
}

export async function listMails({ box, label, signal }: Place, listing: Listing): Promise<ToolOutcome> {
  const { folder = 'INBOX', limit, unread_only: unreadOnly } = listing
  const { mails, total } = await box.list({ folder, limit, unreadOnly }, signal)
  const kind = unreadOnly ? 'unread ' : ''
  const what = `${mails.length} of ${total} ${kind}mails in ${quoted(folder, 60)}${named(label, 'of')}`
  const source = label === undefined ? 'the list of mails' : `the list of mails of ${label}`
  return { ...found(mails, what, `No mails. (${what})`), source }
}

export async function searchMails(
  { box, label, signal }: Place,
  { query, folder }: { query: string; folder?: string | undefined },
): Promise<ToolOutcome> {
  const { mails, total, leftOut } = await box.search({ query, folder, limit: USUALLY }, signal)
  const rest = leftOut.length === 0 ? '' : `\n[Not searched: ${leftOut.map((one) => quoted(one, 60)).join(', ')}]`
  const what = `${mails.length} of ${total} mails found${named(label, 'in')}`
  const { content, ...said } = found(mails, what, 'Nothing found.')
  const source = label === undefined ? 'a search in the mails' : `a search in the mails of ${label}`
  return { content: content + rest, ...said, source }
}

export async function readMail(
  mail: Pick<Mail, 'read'>,
  id: string,
  { userId, signal }: Pick<ToolContext, 'userId' | 'signal'>,
  clock: ReturnType<typeof houseClock>,
): Promise<ToolOutcome> {
  const { listed, message } = await mail.read(userId, id, signal)
  const source = mailSource(listed, message, clock)
  return { content: mailText(listed, message), summary: `${quoted(message.subject, 100)}, ${source}`, source }
}
