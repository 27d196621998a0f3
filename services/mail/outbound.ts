import type { Deps } from '../deps.ts'
import type { Log } from '../log.ts'
import type { Deliver } from '../outbox/delivery.ts'
import type { Outbox } from '../outbox/outbox.ts'
import type { OutboxStore } from '../outbox/store.ts'
import type { Lists } from '../policy/decide.ts'
import type { AddressEntry } from '../whitelists/addresses.ts'
import type { EmailAccount } from './account-rows.ts'
import type { EmailAccounts } from './accounts.ts'
import { createDailyLimits } from './daily-limits.ts'
import { outgoingOf } from './outgoing-body.ts'
import { createMailDeliver } from './deliver.ts'
import { mailPlaceOf } from './mail-id.ts'
import type { Mailbox } from './mailbox.ts'
import type { MailMessage } from './message.ts'
import type { ResolveHost } from './resolver.ts'
import { createSending } from './sending.ts'
import { createSent, type SentDeps } from './sent.ts'
import { createThreads } from './threads.ts'

export type OutboundDeps = Deps & {
  timezone: string
  accounts: EmailAccounts
  mailboxOf: (account: EmailAccount) => Mailbox
  parse: (raw: Uint8Array, signal: AbortSignal) => Promise<MailMessage>
  resolve: ResolveHost
  agentName: (userId: string) => string
  whitelists: { address: (email: string) => AddressEntry | undefined; addresses: () => AddressEntry[] }
  lists: (userId: string) => Lists
  outbox: Pick<Outbox, 'dispatch' | 'enqueue' | 'find' | 'resolve'>
  store: Pick<OutboxStore, 'find' | 'empty' | 'uncopied'>
  notify: SentDeps['notify']
  log: Pick<Log, 'info'>
}

export type Outbound = ReturnType<typeof createOutbound>

/** Everything about mails that tools send, put together. */
export function createOutbound(deps: OutboundDeps) {
  const { db, accounts, whitelists, mailboxOf } = deps
  const limits = createDailyLimits(deps)
  const threads = createThreads({ ...deps, account: accounts.get })
  const sent = createSent({ ...deps, account: accounts.find })
  const sending = createSending({ ...deps, limits, threads, sent, entryOf: whitelists.address })
  const deliver = createMailDeliver({ ...deps, limits, sent })

  return {
    sending,
    /** Goes on with what the last stop left. */
    start: (): void => sent.start(),
    closeSent: () => sent.close(),
    /** Whether a mail of an account lies among what was sent; false also where that cannot be found out. */
    isSent: sent.holds,

    /** The whitelist with what went to each address today. */
    allowance(): (AddressEntry & { sent_today: number })[] {
      const today = limits.today()
      return whitelists
        .addresses()
        .map((entry) => ({ ...entry, sent_today: today.get(entry.email.toLowerCase()) ?? 0 }))
    },

    /** This door of the outbox. */
    door: {
      deliver: deliver satisfies Deliver,

      settled({ id, callId }: { id: string; callId: string | null }, state: 'delivered' | 'failed'): void {
        if (state === 'failed' && callId !== null) limits.release(callId)
        if (state === 'delivered') db.afterCommit(() => void sent.keep(id))
      },

      /** Whether it lies among what was sent. */
      arrived: async ({ address, body }: { address: string; body: string }): Promise<boolean> =>
        body !== '' && sent.holds(address, outgoingOf(body).messageId),
    },

    /** A mail as a tool reads it. Throws `not_found` for one of somebody else's. */
    async read(userId: string, id: string, signal: AbortSignal) {
      const mailbox = mailboxOf(accounts.get(userId, mailPlaceOf(id).accountId))
      const { listed, raw } = await mailbox.source(id, signal)
      return { listed, message: await deps.parse(raw, signal) }
    },
  }
}
