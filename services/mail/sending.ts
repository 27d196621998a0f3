import type { Reach, ToolContext } from '../agent/tool.ts'
import type { Clock } from '../deps.ts'
import { AppError, invalidField } from '../errors.ts'
import type { Outbox, Outcome } from '../outbox/outbox.ts'
import type { Message } from '../outbox/store.ts'
import type { Lists } from '../policy/decide.ts'
import { pathRefusal } from '../policy/paths.ts'
import { visible } from '../policy/sanitize.ts'
import type { AddressEntry } from '../whitelists/addresses.ts'
import type { EmailAccount } from './account-rows.ts'
import { lookAtFiles, pinOf, readFiles, type Attached } from './attached.ts'
import { compose } from './compose.ts'
import type { DailyLimits } from './daily-limits.ts'
import { bodyOf } from './outgoing-body.ts'
import { destinationOf, everybody, recipientsIn, type Recipients } from './recipients.ts'
import type { Copied, Sent } from './sent.ts'
import { answerSubject, type Thread, type Threads } from './threads.ts'

export type SendingDeps = {
  now: Clock
  accounts: { list(userId: string): EmailAccount[] }
  /** The whitelist's entry of an address. */
  entryOf: (address: string) => AddressEntry | undefined
  lists: (userId: string) => Lists
  agentName: (userId: string) => string
  limits: DailyLimits
  threads: Threads
  outbox: Pick<Outbox, 'dispatch' | 'enqueue' | 'find' | 'resolve'>
  sent: Sent
}

type List = string | readonly string[] | undefined
export type MailDraft = {
  to?: List
  cc?: List
  bcc?: List
  subject?: string | undefined
  body: string
  attachments?: readonly string[] | undefined
  in_reply_to?: string | undefined
}

/** A mail that could be sent: by whom, to whom, and with which files as they are now. */
export type Plan = {
  account: EmailAccount | undefined
  recipients: Recipients
  subject: string
  thread: Thread | undefined
  files: Attached[]
}

/** What became of a mail; `copy` is missing where it was not delivered (yet). */
export type Sending = Outcome & { copy?: Copied }
type Call = Pick<ToolContext, 'userId' | 'runId' | 'callId' | 'signal'>

const LONGEST_SUBJECT = 500
const COPY_MS = 15_000

export type MailSending = ReturnType<typeof createSending>

/** Mails that tools send: looked at, counted, written into the outbox as one whole and sent from there. */
export function createSending(deps: SendingDeps) {
  const { limits, threads, sent, outbox } = deps

  /** The account of the mail that is answered, else the first that can send. */
  function senderOf(userId: string, thread: Thread | undefined): EmailAccount | undefined {
    const able = deps.accounts.list(userId).filter(({ enabled, smtp }) => enabled && smtp)
    return able.find(({ id }) => id === thread?.accountId) ?? able[0]
  }

  /** Whom it is to; where that is left open, whoever wrote the mail that it answers. */
  function recipientsOf({ to, cc, bcc }: MailDraft, thread: Thread | undefined): Recipients {
    if (to === undefined && thread === undefined) throw invalidField('to', 'Say to whom.')
    if (to === undefined && thread!.answerTo.length === 0)
      throw invalidField('to', 'That mail does not say whom to answer. Say to whom.')
    return recipientsIn({ to: to ?? thread!.answerTo, cc, bcc }, deps.entryOf)
  }

  async function plan(draft: MailDraft, userId: string): Promise<Plan> {
    const thread = draft.in_reply_to === undefined ? undefined : await threads.of(userId, draft.in_reply_to)
    const recipients = recipientsOf(draft, thread)
    const subject = subjectOf(draft, thread)
    const lists = deps.lists(userId)
    const files = await lookAtFiles(draft.attachments ?? [], (fact) => pathRefusal(fact, lists) !== undefined)
    return { account: senderOf(userId, thread), recipients, subject, thread, files }
  }

  /** What the policy sees of a mail, and what an approval of it is bound to. */
  function reachOf({ account, recipients, thread, files, subject }: Plan, callId?: string): Reach {
    const destinations = everybody(recipients).map((address) =>
      destinationOf(address, deps.entryOf(address), limits.written(address, callId)),
    )
    const from = account ? `from ${account.id} ${account.address}` : 'from nobody'
    const pins = [from, ...(thread ? [`as ${subject}`] : []), ...files.map(pinOf)]
    return { destinations, pins, ...(files.length > 0 ? { paths: files.map(({ fact }) => fact) } : {}) }
  }

  async function rendered({ account, recipients, subject, thread, files }: Plan, text: string, call: Call) {
    const messageId = messageIdOf(call.callId, account!)
    const own = everybody(recipients).every((address) => deps.entryOf(address)?.owner === true)
    const mail = await compose({
      ...recipients,
      messageId,
      from: account!.address,
      fromName: own ? deps.agentName(call.userId) : '',
      subject,
      text: visible(text),
      date: deps.now(),
      answers: thread,
      attachments: await readFiles(files),
    })
    return bodyOf({ ...mail, messageId, bcc: recipients.bcc })
  }

  async function settledCopy(callId: string): Promise<Copied> {
    const patience = AbortSignal.timeout(COPY_MS)
    const slow = new Promise<Copied>((resolve) =>
      patience.addEventListener('abort', () => resolve({ state: 'failed', error: 'It takes long.' }), { once: true }),
    )
    return Promise.race([sent.keep(callId), slow])
  }

  return {
    plan,
    reachOf,
    knownThread: threads.known,
    threadOf: threads.of,
    senderOf,

    /** Takes a place at every recipient; in the transaction that writes the step as started. Throws `forbidden`. */
    reserve: (callId: string, { destinations = [] }: Reach): void =>
      limits.reserve(
        callId,
        destinations.map(({ address }) => address),
      ),

    /**
     * The call ended without having sent anything. What went into the outbox gives its places back from there; of what may have
     * arrived earlier, and is not to be sent once more after all, nothing is awaited any longer.
     */
    release(callId: string): void {
      const row = outbox.find(callId)
      if (!row) limits.release(callId)
      if (row?.state === 'uncertain') outbox.resolve(callId, 'give_up')
    },

    /** Sends what was looked at and decided on, or throws `conflict`. */
    async send(draft: MailDraft, call: Call, reach: Reach): Promise<Sending & { plan: Plan }> {
      const planned = await plan(draft, call.userId)
      const { account } = planned
      if (!account) throw new AppError('conflict', 'No mail account of yours can send.')
      if (fingerprint(reachOf(planned, call.callId)) !== fingerprint(reach))
        throw new AppError('conflict', 'It is no longer what was decided on. Try again.')
      const known = outbox.find(call.callId)?.body
      const body = known ?? (await rendered(planned, draft.body, call))
      const { userId, runId, callId } = call
      const mail = { id: callId, userId, runId, callId, door: 'email', address: account.id, body } as const
      const outcome = await outbox.dispatch(mail, call.signal)
      if (outcome.state === 'held') {
        call.signal.throwIfAborted()
        outbox.enqueue(mail)
      }
      const copy = outcome.state === 'delivered' ? { copy: await settledCopy(callId) } : {}
      return { ...outcome, ...copy, plan: planned }
    },

    /** After a crash: whether the mail has gone out, as far as the outbox and the folder of sent mail know. */
    async happened(callId: string): Promise<'done' | 'not_done' | 'unknown'> {
      const row = outbox.find(callId)
      if (row?.state === 'delivered') return 'done'
      if (row?.state !== 'sending' && row?.state !== 'uncertain') return 'not_done'
      if (!(await sent.holds(row.address, messageIdIn(row)))) return 'unknown'
      outbox.resolve(callId, 'done')
      return 'done'
    },

    settle: (callId: string, answer: 'done' | 'give_up'): void => outbox.resolve(callId, answer),
  }
}

function messageIdIn({ body }: Message): string {
  return body === '' ? '' : (JSON.parse(body) as { messageId: string }).messageId
}

/** By which a step finds its mail again. */
export function messageIdOf(callId: string, { address }: Pick<EmailAccount, 'address'>): string {
  return `${callId}@${address.slice(address.lastIndexOf('@') + 1)}`
}

function subjectOf({ subject }: MailDraft, thread: Thread | undefined): string {
  if (subject === undefined && thread === undefined) throw invalidField('subject', 'Give it a subject.')
  const words = subject ?? answerSubject(thread!.subject)
  return visible(words).replace(/\s+/g, ' ').trim().slice(0, LONGEST_SUBJECT).toWellFormed()
}

function fingerprint({ destinations = [], paths = [], pins = [] }: Reach): string {
  return JSON.stringify([destinations.map(({ address, class: kind }) => [address, kind]), paths, pins])
}
