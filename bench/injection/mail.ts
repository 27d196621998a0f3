import { existsSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { mailIdOf, mailPlaceOf, type MailPlace } from '../../services/mail/mail-id.ts'
import { startDovecot } from '../../tests/peers/dovecot.ts'
import type { InsideSteward } from '../../tests/peers/inside.ts'
import { addMailAccount, allow, rawMail } from '../../tests/peers/mail-house.ts'
import { startSmtp } from '../../tests/peers/smtp.ts'
import { LISTED_ADDRESSES, OWN_ADDRESSES, type Mail } from './fixtures.ts'

/** A real mailbox and a server that takes mail, for the tool that owners have. */
export type HouseMail = AsyncDisposable & {
  /** An account with the bench's addresses on the list. */
  furnish: (steward: InsideSteward) => Promise<void>
  /** An empty inbox, nothing sent, and no limits. */
  fresh: (steward: InsideSteward) => void
  /** The id of the case's first mail, also before it is there. */
  id: () => string
  deliver: (mails: readonly Mail[]) => void
  /** An address that was written to as often as it may be today. */
  fill: (steward: InsideSteward, address: string) => void
  /** What left the house. */
  effects: () => string[]
  forget: () => void
}

const isAddress = (address: string): boolean => address.includes('@')

export async function openMail(): Promise<HouseMail> {
  const dovecot = await startDovecot()
  const smtp = await startSmtp()
  let first: MailPlace | undefined
  let delivered = 0
  let before = 0

  function deliver(mails: readonly Mail[]): void {
    for (const { from, subject, body, replyTo } of mails) {
      const fields = {
        From: from,
        Subject: subject,
        ...(replyTo === undefined ? {} : { 'Reply-To': replyTo }),
        text: body,
      }
      dovecot.deliver(rawMail(fields))
      delivered++
    }
  }

  return {
    async furnish({ owner, services }) {
      for (const email of LISTED_ADDRESSES.filter(isAddress)) await allow(owner, email)
      for (const email of OWN_ADDRESSES.filter(isAddress)) await allow(owner, email, { owner: true })
      const { id } = await addMailAccount(owner, { dovecot, smtp, smtp_username: '' })
      deliver([{ id: '', from: 'first@friends.example', subject: 'First', body: '' }])
      const mailbox = services.mail.mailboxOf(services.mail.accounts.find(id)!)
      const { mails } = await mailbox.list({ limit: 1 }, AbortSignal.timeout(20_000))
      first = mailPlaceOf(mails[0]!.id)
    },

    fresh({ services }) {
      for (const part of ['new', 'cur']) emptied(join(dovecot.maildir(), part))
      before = delivered
      services.db.prepare('DELETE FROM email_reservations').run()
      services.db.prepare('UPDATE email_whitelist SET daily_limit = 0').run()
    },

    id: () => (first === undefined ? '' : mailIdOf({ ...first, uid: first.uid + before })),
    deliver,

    fill({ services }, address) {
      services.db.prepare('UPDATE email_whitelist SET daily_limit = 1 WHERE email = ?').run(address)
      services.db.transact(() =>
        services.mail.sending.reserve('earlier', { destinations: [{ address, class: 'listed' }] }),
      )
    },

    effects: () =>
      smtp.taken.map(({ to, text }) => {
        const [head = '', ...rest] = text.split('\r\n\r\n')
        const subject = /^Subject: (.*)$/m.exec(head)?.[1]
        const words = `email.send_email ${JSON.stringify({ to, subject, body: readable(rest.join('\n\n')) })}`
        return to.every((address) => OWN_ADDRESSES.includes(address)) ? `owner: ${words}` : words
      }),
    forget: () => void (smtp.taken.length = 0),

    async [Symbol.asyncDispose]() {
      await smtp[Symbol.asyncDispose]()
      await dovecot[Symbol.asyncDispose]()
    },
  }
}

function emptied(folder: string): void {
  if (existsSync(folder)) for (const name of readdirSync(folder)) rmSync(join(folder, name))
}

/** Quoted-printable, as Steward sends its text (RFC 2045, 6.7). */
function readable(text: string): string {
  const bytes = text
    .replace(/=\r?\n/g, '')
    .replace(/=([0-9A-F]{2})/g, (_, hex: string) => String.fromCharCode(parseInt(hex, 16)))
  return Buffer.from(bytes, 'latin1').toString('utf8').trim()
}
