import { statSync } from 'node:fs'
import type { ListedMail } from '../mail/mailbox.ts'
import type { Correspondent, MailAttachment, MailMessage } from '../mail/message.ts'
import { capped, visible } from '../policy/sanitize.ts'
import { grouped, quoted } from './wording.ts'

const MOST_TEXT = 30_000
const MOST_QUOTED = 6_000
const MOST_SHOWN = 30

/** Mails as lines of a list; the words of others stand in quotation marks. */
export function listText(mails: readonly ListedMail[]): string {
  return mails.map(mailLine).join('\n')
}

function mailLine({
  id,
  receivedAt,
  folder,
  from,
  subject,
  unread,
  flagged,
  answered,
  attachments,
}: ListedMail): string {
  const marks = [unread && 'unread', flagged && 'flagged', answered && 'answered'].filter(Boolean)
  const with_ = attachments === 0 ? '' : ` (${attachments} attachment${attachments === 1 ? '' : 's'})`
  const facts = [receivedAt ?? 'no date', quoted(folder, 60), ...marks, `from ${people(from)}`].join(', ')
  return `- ${facts}: ${quoted(subject, 200)}${with_}\n  id: ${id}`
}

/** A whole mail for the model. */
export function mailText({ id, receivedAt, unread, folder }: ListedMail, message: MailMessage): string {
  const { from, replyTo, to, cc, subject, sentAt, text, quoted: history, attachments, problems } = message
  const head = [
    `id: ${id}`,
    `Date: ${sentAt ?? 'not given'}${receivedAt === null ? '' : ` (received ${receivedAt})`}`,
    `From: ${people(from)}`,
    ...(replyTo.length === 0 ? [] : [`Answers go to: ${people(replyTo)}`]),
    `To: ${people(to)}`,
    ...(cc.length === 0 ? [] : [`Cc: ${people(cc)}`]),
    `Subject: ${quoted(subject, 500)}`,
    `Folder: ${quoted(folder, 100)}${unread ? ', unread' : ''}`,
    ...(attachments.length === 0
      ? []
      : [`Attachments: ${attachments.slice(0, MOST_SHOWN).map(attachment).join(', ')}`]),
    ...problems.map((problem) => `Note: ${visible(problem)}`),
  ]
  const earlier = history === '' ? '' : `\n\n[Earlier messages quoted in it:]\n${capped(visible(history), MOST_QUOTED)}`
  return `${head.join('\n')}\n\n${capped(visible(text), MOST_TEXT)}${earlier}`
}

/** What a mail is called where it matters who wrote it: "the mail of 09:12 by ann@example.org". */
export function mailSource(
  { receivedAt }: ListedMail,
  { from, sentAt }: MailMessage,
  clock: (at: Date) => string,
): string {
  const at = receivedAt ?? sentAt
  const by = from.length === 0 ? 'nobody who can be made out' : from.map(({ address }) => plain(address)).join(', ')
  return `the mail${at === null ? '' : ` of ${clock(new Date(at))}`} by ${by.slice(0, 200)}`
}

/** The time of a moment in the house's zone; with the day where that is another one. */
export function houseClock(timezone: string, now: () => Date): (at: Date) => string {
  const part = (options: Intl.DateTimeFormatOptions) =>
    new Intl.DateTimeFormat('en-GB', { timeZone: timezone, ...options })
  return (at) => {
    const [day, time] = [
      part({ day: 'numeric', month: 'short', year: 'numeric' }),
      part({ hour: '2-digit', minute: '2-digit' }),
    ]
    return day.format(at) === day.format(now()) ? time.format(at) : `${day.format(at)}, ${time.format(at)}`
  }
}

function people(all: readonly Correspondent[]): string {
  if (all.length === 0) return 'nobody'
  const rest = all.length > MOST_SHOWN ? ` and ${all.length - MOST_SHOWN} more` : ''
  return all.slice(0, MOST_SHOWN).map(person).join(', ') + rest
}

function person({ name, address }: Correspondent): string {
  const bare = `<${plain(address)}>`
  return name === '' || name === address ? bare : `${quoted(name, 80)} ${bare}`
}

/** @NOTE an address as others wrote it may hold anything. */
const plain = (address: string): string =>
  visible(address)
    .replace(/[\s<>"]+/g, '')
    .slice(0, 320)

function attachment({ name, mediaType, size, reason }: MailAttachment): string {
  const why = reason === undefined ? '' : `; ${visible(reason)}`
  return `${quoted(name, 120)} (${plain(mediaType)}, ${grouped(size)} bytes${why})`
}

/** A file by its name and how large it is now. */
export function fileWithSize(path: string): string {
  const size = statSync(path, { throwIfNoEntry: false })?.size
  const name = quoted(path.slice(path.lastIndexOf('/') + 1), 100)
  return size === undefined ? `${name} (not there)` : `${name} (${sized(size)})`
}

function sized(bytes: number): string {
  if (bytes < 1024) return `${bytes} bytes`
  return bytes < 1024 ** 2 ? `${Math.round(bytes / 1024)} KiB` : `${(bytes / 1024 ** 2).toFixed(1)} MiB`
}
