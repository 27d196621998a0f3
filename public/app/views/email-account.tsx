import type { JSX } from 'preact'
import { useEffect } from 'preact/hooks'
import type { PageProps } from '../routes.ts'
import { More } from '../ui/more.tsx'
import { Page, Section } from '../ui/page.tsx'
import { useResource } from '../ui/resource.ts'
import { Badge, Empty, Loading, Problem, Time } from '../ui/states.tsx'
import { OUTCOMES, senderOf, type EmailMessage } from '../work/email-types.ts'
import { useEvery } from '../work/live.ts'
import { useList } from '../work/use-list.ts'
import { AccountBadge, AccountState } from './email-account-state.tsx'
import { EmailRules } from './email-rules.tsx'
import type { EmailAccount } from './email-accounts.tsx'

const LIVE_MS = 4_000

/** One mail account: how listening goes, what came in and what became of it. */
export function EmailAccountPage({ params }: PageProps): JSX.Element {
  const path = `/api/email-accounts/${params['id']}`
  const found = useResource<EmailAccount>(path)
  const mails = useList<EmailMessage>(`${path}/messages`)
  const account = found.data
  useEvery(LIVE_MS, true, found.reload)
  useEvery(LIVE_MS, true, mails.reload)
  const title = account?.label ?? 'Mail account'
  useEffect(() => void (document.title = `${title} · Steward`), [title])
  return (
    <Page title={title} actions={account && <AccountBadge account={account} />}>
      <p>
        <a href="/settings/mail">All mail accounts</a>
      </p>
      <Problem error={found.error ?? mails.error} retry={() => void found.reload().then(mails.reload)} />
      {account && <AccountState account={account} />}
      {account?.imap_host != null && <EmailRules account={account} reload={found.reload} />}
      {account && <CameIn mails={mails} />}
      {!account && found.loading && <Loading />}
    </Page>
  )
}

function CameIn({ mails }: { mails: ReturnType<typeof useList<EmailMessage>> }) {
  const { list } = mails
  return (
    <Section title="What came in" intro="Each mail since Steward listens, and what became of it. Kept for 400 days.">
      {!list && mails.loading && <Loading />}
      {list?.items.length === 0 && (
        <Empty icon="mail" title="Nothing yet">
          What was in the mailbox before is left alone. The next mail shows up here.
        </Empty>
      )}
      <ul class="rows plain-list" aria-label="What came in">
        {(list?.items ?? []).map((mail) => (
          <MailRow key={mail.id} mail={mail} />
        ))}
      </ul>
      <More more={mails.more} busy={mails.loading} />
    </Section>
  )
}

function MailRow({ mail }: { mail: EmailMessage }) {
  const [words, kind] = OUTCOMES[mail.outcome]
  return (
    <li class="row card-row">
      <div class="row-text">
        <strong class="break">{mail.subject || '(no subject)'}</strong> <Badge kind={kind}>{words}</Badge>
        <div class="small break">{senderOf(mail)}</div>
        <div class="muted small break">
          <Time at={mail.received_at} />
          {mail.folder.toUpperCase() === 'INBOX' ? '' : ` in ${mail.folder}`} · {mail.reason}
        </div>
      </div>
      <div class="row-actions">
        {mail.run_ids.map((id, at) => (
          <a key={id} href={`/runs/${id}`}>
            {mail.run_ids.length === 1 ? 'See the run' : `Run ${at + 1}`}
            <span class="visually-hidden"> of {mail.subject || 'the mail without a subject'}</span>
          </a>
        ))}
      </div>
    </li>
  )
}
