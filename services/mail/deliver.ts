import type { Deliver, Delivery } from '../outbox/delivery.ts'
import type { EmailAccount } from './account-rows.ts'
import type { DailyLimits } from './daily-limits.ts'
import { outgoingOf, type OutgoingBody } from './outgoing-body.ts'
import type { ResolveHost } from './resolver.ts'
import type { Sent } from './sent.ts'
import { sendSmtp, type SmtpDelivery } from './smtp.ts'

export type MailDeliverDeps = {
  accounts: {
    find: (id: string) => EmailAccount | undefined
    passwordOf: (id: string, half: 'smtp') => string | undefined
  }
  resolve: ResolveHost
  limits: Pick<DailyLimits, 'release'>
  sent: Pick<Sent, 'holds'>
}

/**
 * Sends mails of the outbox by the account that they were written for, under the Message-ID of their step. Where nobody knows what
 * became of one, the folder of sent mail is looked into: what lies there was sent.
 */
export function createMailDeliver({ accounts, resolve, limits, sent }: MailDeliverDeps): Deliver {
  return async ({ callId, address, body }, { begin, signal }) => {
    const mail = outgoingOf(body)
    const to = mail.to.join(', ')
    const account = accounts.find(address)
    if (!account) return { to, state: 'refused', error: 'The mail account was removed.', forGood: true }
    if (!account.enabled) return { to, state: 'refused', error: `The mail account ${account.label} is switched off.` }
    if (!begin()) return { to, state: 'held' }
    const delivery = await sendSmtp(account, { resolve, password: accounts.passwordOf(address, 'smtp') }, mail, signal)
    if (delivery.state === 'uncertain' && (await sent.holds(address, mail.messageId)))
      return { to, state: 'delivered', status: null, answer: '' }
    return partly(delivery, mail, (recipient) => callId !== null && limits.release(callId, recipient))
  }

  /** Whom it was not taken for is told exactly, and has not been written to. */
  function partly(delivery: SmtpDelivery, mail: OutgoingBody, release: (recipient: string) => unknown): Delivery {
    const { refused = [], ...rest } = delivery
    if (rest.state !== 'delivered' || refused.length === 0) return rest
    const without = refused.map(({ address }) => address)
    const taken = mail.to.filter((one) => !without.includes(one)).join(', ')
    const words = refused.map(({ address, error }) => `${address} (${error})`).join(', ')
    const also = () => without.forEach((one) => release(one))
    return { ...rest, answer: `The mail server took it for ${taken}, but not for ${words}.`, also }
  }
}
