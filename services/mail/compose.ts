import type { RawMail } from './smtp.ts'

/** A plain mail of the house itself. Addresses are bare ones. */
export type PlainMail = {
  messageId: string
  from: string
  fromName: string
  to: string
  subject: string
  text: string
  date: Date
}

/**
 * The mail as text/plain with our own headers only (RFC 5322), marked as made by a machine, so that nothing answers it by
 * itself (RFC 3834).
 */
export async function composePlain(mail: PlainMail): Promise<RawMail> {
  const { default: MailComposer } = await import('nodemailer/lib/mail-composer')
  const raw = await new MailComposer({
    messageId: `<${mail.messageId}>`,
    from: { name: mail.fromName, address: mail.from },
    to: { name: '', address: mail.to },
    subject: mail.subject.replace(/[\r\n]+/g, ' '),
    text: mail.text,
    date: mail.date,
    headers: { 'Auto-Submitted': 'auto-generated' },
    disableFileAccess: true,
    disableUrlAccess: true,
  })
    .compile()
    .build()
  return { from: mail.from, to: [mail.to], raw }
}
