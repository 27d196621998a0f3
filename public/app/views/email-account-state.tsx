import type { JSX } from 'preact'
import { Icon } from '../ui/icons.tsx'
import { Badge, Time } from '../ui/states.tsx'
import type { EmailAccount } from './email-accounts.tsx'

const WORDS: Record<EmailAccount['status'], [words: string, kind: '' | 'good' | 'bad' | 'ask']> = {
  connected: ['listening', 'good'],
  connecting: ['connecting', 'ask'],
  error: ['not listening', 'bad'],
  off: ['off', ''],
}

/** How listening to an account goes, in a word. */
export function AccountBadge({ account }: { account: EmailAccount }): JSX.Element | null {
  if (account.imap_host === null && account.enabled) return null
  const [words, kind] = WORDS[account.status]
  return <Badge kind={kind}>{words}</Badge>
}

/** What is wrong with it and what to do, and when the last mail came in. */
export function AccountState({ account }: { account: EmailAccount }): JSX.Element {
  return (
    <>
      {account.last_message_at !== null && (
        <div class="muted small">
          Last mail <Time at={account.last_message_at} />
        </div>
      )}
      {account.last_error !== null && (
        <div class="notice problem" role="status">
          <Icon name="alert" />
          <span class="break">
            {account.last_error} {adviceFor(account)}
          </span>
        </div>
      )}
    </>
  )
}

function adviceFor({ status, last_error }: EmailAccount): string {
  if (status !== 'error') return ''
  if (/refused the IMAP sign-in|There is no password/.test(last_error ?? ''))
    return 'Edit the account and give the password again: it is tried at once then.'
  return 'Steward keeps trying by itself; nothing that comes in meanwhile is lost.'
}
