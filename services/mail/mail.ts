import type { Actor } from '../audit.ts'
import { AppError } from '../errors.ts'
import type { HouseMail, Mailer } from '../mailer.ts'
import type { Delivery } from '../outbox/delivery.ts'
import type { NetworkEdge } from '../outgoing/connect.ts'
import type { Settings } from '../settings.ts'
import type { Webhooks } from '../webhooks/webhooks.ts'
import type { EmailAccount } from './account-rows.ts'
import { createEmailAccounts, type EmailAccountsDeps } from './accounts.ts'
import { checkAccount, type AccountCheck } from './check.ts'
import { compose } from './compose.ts'
import { createListening, type ListeningDeps } from './listening.ts'
import { createMailSettings } from './mail-settings.ts'
import { createConnections } from './connections.ts'
import { createHandled, type HandledDeps } from './handled.ts'
import { mailboxOf } from './mailbox.ts'
import { createOutbound, type OutboundDeps } from './outbound.ts'
import { createMailReader } from './parse.ts'
import { createRehearsal } from './rehearsal.ts'
import { createResolver } from './resolver.ts'
import { sendSmtp } from './smtp.ts'
import { createEmailTriggers } from './triggers.ts'
import { createTelling, type TellingDeps } from './telling.ts'

export type MailDeps = EmailAccountsDeps &
  TellingDeps &
  Pick<HandledDeps, 'runStore'> &
  Pick<ListeningDeps, 'version' | 'log' | 'agents' | 'submit' | 'mayWork' | 'notify'> &
  Pick<OutboundDeps, 'timezone' | 'whitelists' | 'lists'> & {
    persona: (userId: string) => { agentName: string }
    user: (id: string) => { role: 'admin' | 'user'; isActive: boolean } | undefined
    settings: Settings
    webhooks: Pick<Webhooks, 'outbox' | 'store'>
    edge?: NetworkEdge | undefined
    /** The file of the thread that takes mails apart. */
    workers: { mail: URL }
  }

export type Mail = ReturnType<typeof createMail>

/** Mail accounts and what is done with them, put together. */
export function createMail(deps: MailDeps) {
  const { now, newId, version } = deps
  const accounts = createEmailAccounts(deps)
  const isAdmin = (userId: string): boolean => {
    const user = deps.user(userId)
    return user?.role === 'admin' && user.isActive
  }
  const resolve = createResolver({ isAdmin, lookup: deps.edge?.lookup })

  const reader = createMailReader({ file: deps.workers.mail })

  const { passwordOf, onChange } = accounts
  const connections = createConnections({ passwordOf, onChange, resolve, version })
  const whitelist = () => deps.whitelists.addresses().map(({ email }) => email)
  const triggers = createEmailTriggers(deps)
  const house = { accounts, resolve, whitelist, triggers, parser: reader }
  const listening = createListening({ ...deps, ...house })
  const outbound = createOutbound({
    ...deps,
    ...deps.webhooks,
    accounts,
    resolve,
    mailboxOf: (account) => mailboxOf(account, connections),
    parse: reader.parse,
    agentName: (userId) => deps.persona(userId).agentName,
  })

  /** By which the house itself writes: the first that an administrator set up to send. */
  function houseAccount(): EmailAccount | undefined {
    return accounts.all().find(({ enabled, smtp, userId }) => enabled && smtp && isAdmin(userId))
  }

  async function sendOf(account: EmailAccount, letter: HouseMail): Promise<Delivery> {
    const messageId = `${newId()}@${account.address.split('@')[1]}`
    const facts = { messageId, from: account.address, fromName: deps.persona(account.userId).agentName, date: now() }
    const password = accounts.passwordOf(account.id, 'smtp')
    return sendSmtp(account, { resolve, password }, await compose({ ...facts, ...letter, to: [letter.to] }))
  }

  const { door } = outbound
  const inHand = createHandled({
    ...deps,
    find: accounts.find,
    mailboxOf: (account) => mailboxOf(account, connections),
  })
  const telling = createTelling({
    ...deps,
    ...deps.webhooks,
    accounts,
    houseAccount,
    resolve,
    door,
    isSent: outbound.isSent,
  })

  return {
    accounts,
    ...outbound,
    ...telling,
    inHand,
    /** An account that an agent looks after, as it is at this moment. */
    handled: inHand.handled,
    mailboxOf: (account: EmailAccount) => mailboxOf(account, connections),
    reader,
    triggers,
    /** What would become of a mail. */
    rehearse: createRehearsal({ reader, factsOf: listening.factsOf }),
    messages: listening.messages,
    settings: createMailSettings(deps),
    /** What listening to the accounts is up to. */
    listeners: listening.listeners,

    /** Signs in at the account's servers and says what they can do. Throws `not_found`. */
    async check(userId: string, id: string, by: Actor): Promise<AccountCheck> {
      const account = accounts.get(userId, id)
      deps.audit.record({ kind: 'email_account', action: 'tested', subject: account.label, by })
      return checkAccount(account, { passwordOf: accounts.passwordOf, resolve, version })
    },

    /** Mails of the house itself, to an address that a user gave as their own. */
    house: {
      /** Whether there is an account to send them by. */
      configured: (): boolean => houseAccount() !== undefined,

      /** Sends once. Throws where it was not taken, or nobody knows. */
      async send(letter: HouseMail): Promise<void> {
        const account = houseAccount()
        if (!account) throw new AppError('unavailable', 'There is no mail account that can send.')
        const delivery = await sendOf(account, letter)
        if (delivery.state === 'refused' || delivery.state === 'uncertain')
          throw new AppError('upstream_failed', `${account.label}: ${delivery.error}`)
      },
    } satisfies Mailer,

    async close(): Promise<void> {
      await listening.close()
      await Promise.all([outbound.closeSent(), reader.close(), connections.close()])
    },
  }
}
