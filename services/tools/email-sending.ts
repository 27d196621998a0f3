import { z } from 'zod'
import { operation, UncertainError, type Operation, type ToolOutcome } from '../agent/tool.ts'
import { AppError } from '../errors.ts'
import { canonicalPathNow } from '../files/open.ts'
import { addressesIn } from '../mail/address-list.ts'
import type { Mail } from '../mail/mail.ts'
import { everybody, type Recipients } from '../mail/recipients.ts'
import type { MailDraft, Sending } from '../mail/sending.ts'
import { answerSubject } from '../mail/threads.ts'
import type { Labels } from '../shapes/labels.ts'
import { lazy } from '../shapes/lazy.ts'
import { fileWithSize } from './email-wording.ts'
import { grouped, quoted } from './wording.ts'

const NOTHING_READ: Labels = { integrity: 'owner', privacy: 'private' }
const MOST_BODY = 100_000
const MOST_FILES = 20
const TIMEOUT_MS = 150_000
const SENT_AGAIN = 'Steward tries again by itself over the next three days. Do not send it again.'

type List = string | string[]
const Addresses = lazy(() => z.union([z.string().max(10_000), z.array(z.string().max(1000)).max(50)]))

/** Sends a mail by the owner's account, or answers one in its thread. What was sent is known by the call's own id. */
export function sendEmail(mail: () => Pick<Mail, 'sending'>): Operation<MailDraft> {
  const sending = () => mail().sending

  return operation<MailDraft>({
    description:
      'Send a mail as plain text to addresses that are on the list. in_reply_to: the id of a mail, to answer it in its thread; then to and subject may be left out. attachments: whole paths',
    input: lazy(() =>
      z.strictObject({
        to: Addresses().optional(),
        subject: z.string().max(1000).optional(),
        body: z.string().max(MOST_BODY),
        cc: Addresses().optional(),
        bcc: Addresses().optional(),
        attachments: z.array(z.string().max(4096)).max(MOST_FILES).optional(),
        in_reply_to: z.string().max(2000).optional(),
      }),
    ),
    effect: 'send',
    destructive: false,
    attendedOnly: false,
    yields: { integrity: 'third_party', privacy: 'private' },
    recovery: 'verify',
    timeoutMs: TIMEOUT_MS,
    verify: (_args, { callId }) => sending().happened(callId),
    inspect: async (draft, userId, callId) => sending().reachOf(await sending().plan(draft, userId), callId),
    describe: (draft, userId) => sentence(draft, userId, sending()),
    reserve: (_draft, { callId }, reach) => sending().reserve(callId, reach),
    release: ({ callId }) => sending().release(callId),
    run: async (draft, context, reach) => told(await sending().send(draft, context, reach)),
    settle: (answer, _args, { callId }) => sending().settle(callId, answer),
  })
}

/** To whom exactly, about what, how it begins, and what goes along. */
function sentence(draft: MailDraft, userId: string, { knownThread, senderOf }: Mail['sending']): string {
  const { subject, body, attachments = [], in_reply_to: answered } = draft
  const thread = answered === undefined ? undefined : knownThread(answered)
  const account = senderOf(userId, thread)
  const to = draft.to ?? thread?.answerTo ?? []
  const whom = [`to ${addresses(to)}`, ...copies('cc', draft.cc), ...copies('bcc', draft.bcc)].join(', ')
  const about = subject ?? (thread ? answerSubject(thread.subject) : '')
  const what = answered === undefined ? 'Send a mail' : 'Answer a mail'
  const files =
    attachments.length === 0
      ? ''
      : `, with ${attachments.map((path) => fileWithSize(canonicalPathNow(path))).join(', ')}`
  const by = account ? ` from ${quoted(account.address, 320)}` : ''
  return `${what}${by} ${whom}, subject ${quoted(about)}, ${grouped(body.length)} characters that begin ${quoted(body)}${files}.`
}

function copies(name: string, list: List | readonly string[] | undefined): string[] {
  return list === undefined ? [] : [`${name} ${addresses(list)}`]
}

/** @NOTE as they were read, not as they are spelled: a display name may look like another address. */
function addresses(list: List | readonly string[]): string {
  const all = [list].flat().flatMap((one) => addressesIn(one, 'to'))
  return all.map((address) => quoted(address, 320)).join(', ') || 'whoever wrote it'
}

function told({ state, error, answer, copy, plan }: Sending & { plan: { recipients: Recipients } }): ToolOutcome {
  const whom = everybody(plan.recipients).join(', ')
  if (state === 'held')
    return { content: `Steward is paused. The mail to ${whom} is kept and sent afterwards; do not send it again.`, labels: NOTHING_READ } // prettier-ignore
  if (state === 'delivered') {
    const how = answer === '' ? `The mail to ${whom} was taken by the mail server.` : answer
    const kept =
      copy?.state === 'failed'
        ? ` The copy in the folder of sent mail could not be made yet: ${copy.error} Steward tries again by itself.`
        : ''
    const labels = answer === '' && kept === '' ? { labels: NOTHING_READ } : {}
    return { content: how + kept, summary: answer === '' ? `Sent to ${whom}` : answer, ...labels }
  }
  if (state === 'uncertain') throw new UncertainError(`It is not known whether the mail to ${whom} was sent. ${error}`)
  if (state === 'failed') throw new AppError('upstream_failed', `The mail was not sent. ${error}`)
  return { content: `The mail to ${whom} was not taken yet: ${error} ${SENT_AGAIN}`, summary: `Queued for another try: ${error}` } // prettier-ignore
}
