import type { RawMail } from './smtp.ts'

export type OutgoingFile = { name: string; content: Buffer }

/** A mail of ours. Addresses are bare ones. */
export type OutgoingMail = {
  messageId: string
  from: string
  fromName: string
  to: readonly string[]
  cc?: readonly string[]
  bcc?: readonly string[]
  subject: string
  text: string
  date: Date
  /** The mail that it answers; ids without angle brackets, the thread's oldest first. */
  answers?: { messageId: string | null; references: readonly string[] } | undefined
  attachments?: readonly OutgoingFile[]
  /** A person looks at it and sends it. */
  byHand?: boolean
}

const MOST_REFERENCES = 20
const MESSAGE_ID = /^[\x21-\x3b\x3d\x3f-\x7e]{1,500}$/

/**
 * The mail as text/plain with our own headers only (RFC 5322), marked as made by a machine, so that nothing answers it by
 * itself (RFC 3834). Blind copies stand in the envelope alone.
 */
export async function compose(mail: OutgoingMail): Promise<RawMail> {
  const { default: MailComposer } = await import('nodemailer/lib/mail-composer')
  const { to, cc = [], bcc = [] } = mail
  const raw = await new MailComposer({
    messageId: `<${mail.messageId}>`,
    from: { name: mail.fromName, address: mail.from },
    to: to.map(nameless),
    cc: cc.map(nameless),
    subject: mail.subject.replace(/[\r\n]+/g, ' '),
    text: mail.text,
    textEncoding: 'quoted-printable',
    date: mail.date,
    ...thread(mail),
    headers: mail.byHand ? {} : { 'Auto-Submitted': mail.answers ? 'auto-replied' : 'auto-generated' },
    attachments: (mail.attachments ?? []).map(({ name, content }) => ({ filename: name, content })),
    disableFileAccess: true,
    disableUrlAccess: true,
  })
    .compile()
    .build()
  return { from: mail.from, to: [...to, ...cc, ...bcc], raw }
}

/** RFC 5322, 3.6.4. What is no id of a message is left out. */
function thread({ answers }: OutgoingMail): { inReplyTo?: string; references?: string[] } {
  const id = answers?.messageId
  if (!answers || !id || !MESSAGE_ID.test(id)) return {}
  const [first, ...later] = [...answers.references.filter((one) => one !== id && MESSAGE_ID.test(one)), id]
  const references = [first!, ...later.slice(1 - MOST_REFERENCES)].map((one) => `<${one}>`)
  return { inReplyTo: `<${id}>`, references }
}

const nameless = (address: string) => ({ name: '', address })
