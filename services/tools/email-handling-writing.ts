import { z } from 'zod'
import { operation, type Operation, type Reach } from '../agent/tool.ts'
import type { Clock } from '../deps.ts'
import { AppError } from '../errors.ts'
import type { EmailAccount } from '../mail/account-rows.ts'
import { compose } from '../mail/compose.ts'
import { everybody } from '../mail/recipients.ts'
import { messageIdOf, type Plan } from '../mail/sending.ts'
import type { Labels } from '../shapes/labels.ts'
import { lazy } from '../shapes/lazy.ts'
import { visible } from '../policy/sanitize.ts'
import type { Bound, HandlingMail } from './email-handling.ts'
import { sendEmail } from './email-sending.ts'
import { grouped, quoted } from './wording.ts'

type Parts = { mail: () => HandlingMail; bound: Bound }
type Draft = {
  to?: string | string[] | undefined
  cc?: string | string[] | undefined
  subject?: string | undefined
  body: string
  in_reply_to?: string | undefined
}

const NOTHING_READ: Labels = { integrity: 'owner', privacy: 'private' }
const MOST_BODY = 100_000
const Addresses = lazy(() => z.union([z.string().max(10_000), z.array(z.string().max(1000)).max(50)]))
const NOBODY = /^(no-?reply|do-?not-?reply|donotreply|bounces?|mailer-daemon|postmaster)([+.-].*)?@/i

/** Puts a mail among the drafts, for the owner to look at and send. It goes nowhere by itself. */
export function draftMail({ now, mail, bound }: Parts & { now: Clock }): Operation<Draft> {
  async function plan(
    draft: Draft,
    userId: string,
    runId: string | undefined,
  ): Promise<{ account: EmailAccount; plan: Plan }> {
    const account = bound.accountOf(runId)
    if (draft.in_reply_to !== undefined) bound.assertIn(account, draft.in_reply_to)
    return { account, plan: await mail().sending.plan(draft, userId) }
  }

  /** It counts against no limit before it is sent. */
  function reachOf({ account, plan: planned }: { account: EmailAccount; plan: Plan }): Reach {
    const { destinations = [] } = mail().sending.reachOf(planned)
    const pins = [`drafts ${account.id} ${account.address}`, `as ${planned.subject}`]
    return { destinations: destinations.map(({ address, class: kind }) => ({ address, class: kind })), pins }
  }

  async function folderOf(account: EmailAccount, signal: AbortSignal): Promise<string> {
    const folder = await mail().mailboxOf(account).folderFor('\\Drafts', signal)
    if (folder !== undefined) return folder
    throw new AppError('not_found', 'This mailbox has no folder for drafts.')
  }

  return operation<Draft>({
    description:
      'Put a mail among the drafts, as plain text to addresses that are on the list. in_reply_to: the id of a mail that it answers; then to and subject may be left out',
    input: lazy(() =>
      z.strictObject({
        to: Addresses().optional(),
        cc: Addresses().optional(),
        subject: z.string().max(1000).optional(),
        body: z.string().min(1).max(MOST_BODY),
        in_reply_to: z.string().max(2000).optional(),
      }),
    ),
    effect: 'write',
    destructive: false,
    attendedOnly: false,
    yields: NOTHING_READ,
    recovery: 'verify',
    verify: async (_draft, { runId, callId, signal }) => {
      const account = bound.accountOf(runId)
      const there = await mail().inHand.drafted(account, await folderOf(account, signal), callId, signal)
      return there ? 'done' : 'not_done'
    },
    inspect: async (draft, userId, _callId, runId) => reachOf(await plan(draft, userId, runId)),
    describe: ({ to, subject, body, in_reply_to: id }) => {
      const whom =
        to === undefined
          ? 'whoever wrote it'
          : [to]
              .flat()
              .map((one) => quoted(one, 320))
              .join(', ')
      const what = id === undefined ? 'a mail' : `an answer to ${bound.called(id)}`
      const about = subject === undefined ? '' : `, subject ${quoted(subject)}`
      return `Put ${what} to ${whom} among the drafts${about}, ${grouped(body.length)} characters that begin ${quoted(body)}.`
    },
    run: async (draft, { userId, runId, callId, signal }, reach) => {
      const planned = await plan(draft, userId, runId)
      if (JSON.stringify(reachOf(planned)) !== JSON.stringify(reach))
        throw new AppError('conflict', 'It is no longer what was decided on. Try again.')
      const {
        account,
        plan: { recipients, subject, thread },
      } = planned
      const { raw } = await compose({
        ...recipients,
        bcc: [],
        messageId: messageIdOf(callId, account),
        from: account.address,
        fromName: '',
        subject,
        text: visible(draft.body),
        date: now(),
        answers: thread,
        byHand: true,
      })
      const folder = await folderOf(account, signal)
      await mail()
        .mailboxOf(account)
        .append({ folder, raw, flags: ['\\Draft', '\\Seen'] }, signal)
      return { content: `It lies among the drafts (${quoted(folder, 60)}), to ${everybody(recipients).join(', ')}.` }
    },
  })
}

type Reply = { id: string; body: string }

/** Answers a mail in its thread, to whom its sender wants answers to go to; decided and sent as every mail is. */
export function replyToMail({ mail, bound }: Parts): Operation<Reply> {
  const send = sendEmail(mail)
  const asMail = ({ id, body }: Reply) => ({ body, in_reply_to: id })

  /** Programs and lists are not answered (RFC 3834). */
  async function look({ id }: Reply, userId: string, runId: string | undefined): Promise<void> {
    const account = bound.accountOf(runId)
    bound.assertIn(account, id)
    if (!account.smtp)
      throw new AppError('conflict', 'This mailbox has no server to send by. Put the answer among the drafts.')
    const { automatic, answerTo } = await mail().sending.threadOf(userId, id)
    if (automatic !== undefined) throw new AppError('forbidden', `That is not answered. ${automatic.reason}`)
    const nobody = answerTo.find((address) => NOBODY.test(address))
    if (nobody !== undefined) throw new AppError('forbidden', `Nobody reads answers to ${quoted(nobody, 320)}.`)
  }

  return operation<Reply>({
    description: 'Answer a mail in its thread, as plain text to its sender, who must be on the list',
    input: lazy(() => z.strictObject({ id: z.string().min(1).max(2000), body: z.string().min(1).max(MOST_BODY) })),
    effect: 'send',
    destructive: false,
    attendedOnly: false,
    yields: send.yields,
    recovery: 'verify',
    ...(send.timeoutMs === undefined ? {} : { timeoutMs: send.timeoutMs }),
    verify: (reply, context) => send.verify!(asMail(reply), context),
    inspect: async (reply, userId, callId, runId) => {
      await look(reply, userId, runId)
      return send.inspect(asMail(reply), userId, callId, runId)
    },
    describe: (reply, userId, runId) => send.describe(asMail(reply), userId, runId),
    reserve: (reply, step, reach) => send.reserve!(asMail(reply), step, reach),
    release: (step) => send.release!(step),
    run: async (reply, context, reach) => {
      await look(reply, context.userId, context.runId)
      return send.run(asMail(reply), context, reach)
    },
    settle: (answer, reply, step) => send.settle!(answer, asMail(reply), step),
  })
}
