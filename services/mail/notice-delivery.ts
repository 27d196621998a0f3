import type { Clock } from '../deps.ts'
import type { Deliver, Delivery } from '../outbox/delivery.ts'
import type { Draft } from '../outbox/store.ts'
import type { EmailAccount } from './account-rows.ts'
import { compose } from './compose.ts'
import type { NoticeMail } from './notices.ts'
import type { RawMail } from './smtp.ts'

type Body = { notice: { to: string; subject: string; text: string; approval_id?: string | undefined } }

/** A notice as it waits in the outbox. The link in it is not made before it goes out. */
export function noticeDraft(id: string, { userId, account, to, subject, text, approvalId }: NoticeMail): Draft {
  const body: Body = { notice: { to, subject, text, approval_id: approvalId } }
  return { id, userId, runId: null, callId: null, door: 'email', address: account.id, body: JSON.stringify(body) }
}

export const isNotice = (body: string): boolean => body.startsWith('{"notice":')

/** The same at every try, and so it is found again. */
export const noticeMessageId = (id: string, { address }: Pick<EmailAccount, 'address'>): string =>
  `${id}@${address.slice(address.lastIndexOf('@') + 1)}`

export type NoticeDeliveryDeps = {
  now: Clock
  find: (accountId: string) => EmailAccount | undefined
  fromName: (userId: string) => string
  ending: (approvalId: string) => string
  /** Whether a mail lies among what was sent. */
  isSent: (accountId: string, messageId: string) => Promise<boolean>
  send: (account: EmailAccount, mail: RawMail, way: Parameters<Deliver>[1]) => Promise<Delivery>
}

/** Sends notices. Each has a Message-ID of its own, by which it is looked for where nobody knows whether it went out. */
export function createNoticeDelivery({ now, find, fromName, ending, isSent, send }: NoticeDeliveryDeps): Deliver {
  return async ({ id, address, body }, way) => {
    const { to, subject, text, approval_id } = (JSON.parse(body) as Body).notice
    const account = find(address)
    if (!account?.enabled || !account.smtp)
      return { to, state: 'refused', error: 'The mail account that it was to leave by is gone or off.', forGood: true }
    const whole = approval_id === undefined ? text : `${text}\n\n${ending(approval_id)}`
    const facts = { from: account.address, fromName: fromName(account.userId), subject, text: whole, date: now() }
    const messageId = noticeMessageId(id, account)
    const delivery = await send(account, await compose({ messageId, to: [to], ...facts }), way)
    if (delivery.state !== 'uncertain' || !(await isSent(account.id, messageId))) return delivery
    return { to, state: 'delivered', status: null, answer: '' }
  }
}
