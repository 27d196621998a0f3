import type { JSX } from 'preact'
import { fullTime } from '../format.ts'
import { Section } from '../ui/page.tsx'
import { senderOf, type EmailMessage } from './email-types.ts'
import { Facts } from './facts.tsx'

/** The mail that started a run. */
export function EmailSection({ email }: { email: EmailMessage }): JSX.Element {
  const back = <a href={`/settings/mail/${email.account_id}`}>What else came in</a>
  return (
    <Section title="The mail that started it" actions={back}>
      <Facts
        facts={[
          ['From', <span class="break">{senderOf(email)}</span>],
          ['Sender', email.proven ? 'proven by the mail server' : 'not proven'],
          ['Subject', <span class="break">{email.subject || '(no subject)'}</span>],
          ['Came in', `${fullTime(email.received_at)}, in ${email.folder}`],
          email.attachments.length > 0
            ? ['Attachments', <span class="break">{email.attachments.map(({ name }) => name).join(', ')}</span>]
            : null,
        ]}
      />
    </Section>
  )
}
