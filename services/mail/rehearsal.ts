import type { EmailAccount } from './account-rows.ts'
import { judgeMail, type Judgement, type MailFacts } from './judge.ts'
import type { MailMessage } from './message.ts'
import type { MailReader } from './parse.ts'

/** What would become of a mail, had it come in; `note` says what could not be told from what was pasted. */
export type Rehearsed = { message: MailMessage; judged: Judgement; note: string | null }

const FIELD = /^[!-9;-~]{1,100}[ \t]*:/
const KNOWN =
  /^(from|to|cc|subject|date|received|return-path|delivered-to|message-id|mime-version|content-type|authentication-results|dkim-signature|reply-to)[ \t]*:/im
const BODY_ONLY =
  'This has no header (From, To, Subject and so on), so it was read as the words of a mail from somebody who is allowed. To have the sender checked too, paste the whole source of the mail.'
const SOMEBODY = { name: '', address: 'somebody@example.org' }

/** Judges a pasted mail as listening would, and starts nothing. Text without a header counts as the words of a mail. */
export function createRehearsal({
  reader,
  factsOf,
}: {
  reader: MailReader
  factsOf: (account: EmailAccount) => MailFacts
}) {
  return async (account: EmailAccount, pasted: string, signal: AbortSignal): Promise<Rehearsed> => {
    const text = pasted.replace(/^\s*\n/, '')
    const hasHeader = FIELD.test(text) && KNOWN.test(text.slice(0, 65_536).split(/\r?\n\r?\n/, 1)[0]!)
    const message = await reader.parse(Buffer.from(hasHeader ? text : `\n${text}`), signal)
    const facts = factsOf(account)
    if (hasHeader) return { message, judged: judgeMail(message, facts), note: null }
    const allowed = { ...facts, account: { ...facts.account, allowedSenders: ['*'], authservId: null } }
    const judged = judgeMail({ ...message, from: [SOMEBODY] }, allowed)
    return {
      message,
      judged: { ...judged, sender: null, provenReason: 'it cannot be told who sent it' },
      note: BODY_ONLY,
    }
  }
}
