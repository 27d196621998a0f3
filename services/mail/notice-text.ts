import type { Notification } from '../notifications.ts'
import type { Approval } from '../policy/approvals.ts'
import { visible } from '../policy/sanitize.ts'
import type { Integrity } from '../shapes/labels.ts'
import { withoutLinks } from './plain-links.ts'

/** What a notification is about, as far as its mail says it. */
export type NoticeFacts = {
  note: Notification
  /** Undefined where it is about no run. */
  integrity: Integrity | undefined
  /** Of the agent or task that asks. */
  askedBy: string
  approval: Approval | undefined
  /** Where the page is, without a path. */
  page: string | undefined
  /** A moment as the house says it. */
  inWords: (at: Date) => string
}

const MOST_SUBJECT = 150
const MOST_QUOTED = 1_000
/** Words of the house alone. */
const OWN: readonly Notification['kind'][] = ['budget', 'missed']
const QUOTES = /["“”„‟«»＂″❝❞〝〞〟]/gu

/**
 * A notification as the text of a mail. Words that others may have had a hand in stand in quotation marks, shortened, and without
 * anything to click on; the only links are those of the page itself.
 */
export function noticeText(facts: NoticeFacts): { subject: string; text: string } {
  const { note, approval } = facts
  const parts = approval ? questionParts(facts, approval) : reportParts(facts)
  return { subject: shortened(oneLine(note.title), MOST_SUBJECT), text: parts.filter(Boolean).join('\n\n') }
}

function questionParts({ askedBy, inWords }: NoticeFacts, approval: Approval): string[] {
  const ends = inWords(new Date(approval.expires_at))
  const what = approval.kind === 'uncertain' ? UNCERTAIN : 'asks for your yes'
  return [
    `${oneLine(askedBy)} ${what}:`,
    withoutLinks(visible(approval.description)),
    `Why you are asked: ${withoutLinks(oneLine(approval.reason))}`,
    `Nothing is done before you answer. Without an answer by ${ends} it counts as a no.`,
  ]
}

const UNCERTAIN = 'was cut off, and nobody knows whether this happened'

function reportParts({ note, integrity, page }: NoticeFacts): string[] {
  const isOwn = OWN.includes(note.kind) || integrity === 'owner'
  const place = placeOf(note)
  const more = page === undefined || place === undefined ? '' : `All of it: ${page}${place}`
  return [isOwn ? visible(note.text).trim() : foreign(note.text), more]
}

/** Line by line behind `>`, between quotation marks that nothing within can end. */
function foreign(text: string): string {
  const clean = withoutLinks(visible(text)).replace(QUOTES, "'").trim()
  if (clean === '') return ''
  const quoted = `"${shortened(clean, MOST_QUOTED)}"`.split('\n').map((line) => `> ${line}`.trimEnd())
  return ['In its own words, shortened and without links, since others may have written some of them:', ...quoted].join(
    '\n',
  )
}

function placeOf({ kind, run_id, task_id, agent_id }: Notification): string | undefined {
  if (kind === 'budget') return '/usage'
  if (run_id !== null) return `/runs/${run_id}`
  if (task_id !== null) return `/tasks/${task_id}`
  return agent_id === null ? '/notifications' : `/agents/${agent_id}`
}

const oneLine = (text: string): string => visible(text).replace(/\s+/g, ' ').trim()

function shortened(text: string, length: number): string {
  return text.length <= length ? text : `${text.slice(0, length - 1)}…`.toWellFormed()
}

/** How a mail about a question ends: with the way to answer it. */
export function wayToAnswer(link: string | undefined, open: boolean): string {
  if (!open) return 'It was answered in the meantime.'
  if (link === undefined) return 'Open Steward and look under Approvals to read it whole and answer it.'
  return `To read it whole and answer it, signed in:\n${link}\n\nThe link is good for this question alone, and once.`
}
