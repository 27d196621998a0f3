import type { Audit } from '../audit.ts'
import type { Deps } from '../deps.ts'
import type { Deliver } from '../outbox/delivery.ts'
import type { Outbox } from '../outbox/outbox.ts'
import type { Message, OutboxStore } from '../outbox/store.ts'
import type { Approvals } from '../policy/approvals.ts'
import type { Integrity } from '../shapes/labels.ts'
import type { EmailAccounts } from './accounts.ts'
import { createApprovalLinks } from './approval-links.ts'
import { createNoticeDelivery, isNotice, noticeDraft, noticeMessageId } from './notice-delivery.ts'
import { createNotices, type NoticesDeps } from './notices.ts'
import type { ResolveHost } from './resolver.ts'
import { sendSmtp } from './smtp.ts'

type Named = { find(id: string): { name: string } | undefined }

/** A door of the outbox. */
type Door = {
  deliver: Deliver
  settled: (message: Message, state: 'delivered' | 'failed') => void
  arrived: (message: Message) => Promise<boolean>
}

export type TellingDeps = Deps & {
  newId: () => string
  timezone: string
  audit: Pick<Audit, 'record'>
  approvals: Pick<Approvals, 'find'>
  runStore: { find(id: string): { agentId: string | null; taskId: string | null; integrity: Integrity } | undefined }
  agents: Named
  tasks: Named
  whitelists: { addresses: NoticesDeps['addresses'] }
  publicUrl: URL | undefined
  persona: (userId: string) => { agentName: string }
}

type Sending = {
  accounts: EmailAccounts
  houseAccount: NoticesDeps['houseAccount']
  resolve: ResolveHost
  outbox: Pick<Outbox, 'enqueue'>
  store: Pick<OutboxStore, 'empty'>
  /** Whether a mail lies among what was sent. */
  isSent: (accountId: string, messageId: string) => Promise<boolean>
  /** The way out of every other mail. */
  door: Door
}

/** What users are told by mail, with the links in it and its way out, put together. */
export function createTelling(deps: TellingDeps & Sending) {
  const { now, runStore, agents, tasks, accounts, resolve, door, isSent } = deps

  function aboutRun(runId: string): { name: string; integrity: Integrity } | undefined {
    const run = runStore.find(runId)
    if (!run) return undefined
    const task = run.taskId === null ? undefined : tasks.find(run.taskId)
    const agent = run.agentId === null ? undefined : agents.find(run.agentId)
    return { name: task?.name ?? agent?.name ?? 'Steward', integrity: run.integrity }
  }

  const links = createApprovalLinks(deps)
  const notices = createNotices({
    ...deps,
    links,
    aboutRun,
    addresses: () => deps.whitelists.addresses(),
    enqueue: (mail) => deps.outbox.enqueue(noticeDraft(deps.newId(), mail)),
  })
  const deliver = createNoticeDelivery({
    now,
    find: accounts.find,
    fromName: (userId) => deps.persona(userId).agentName,
    ending: notices.ending,
    isSent,
    send: (account, mail, { signal, begin }) =>
      sendSmtp(account, { resolve, password: accounts.passwordOf(account.id, 'smtp') }, mail, signal, begin),
  })

  return {
    links,
    notices,
    /** Who works in a run, for its owner. */
    askedBy: (runId: string): string => aboutRun(runId)?.name ?? 'Steward',

    door: {
      deliver: (message, way) => (isNotice(message.body) ? deliver(message, way) : door.deliver(message, way)),
      settled(message, state) {
        if (!isNotice(message.body)) return door.settled(message, state)
        if (state === 'delivered') deps.store.empty(message.id)
      },
      async arrived(message) {
        if (!isNotice(message.body)) return door.arrived(message)
        const account = accounts.find(message.address)
        return account !== undefined && isSent(account.id, noticeMessageId(message.id, account))
      },
    } satisfies Door,
  }
}
