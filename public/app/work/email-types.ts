/** What the server says of a mail that came in. */
export type Outcome = 'started' | 'no_match' | 'not_allowed' | 'automatic' | 'own' | 'loop' | 'unreadable' | 'failed'

export type EmailMessage = {
  id: string
  account_id: string
  folder: string
  sender: string | null
  sender_name: string | null
  proven: boolean
  subject: string
  sent_at: string | null
  received_at: string
  size: number
  attachments: { name: string; media_type: string; size: number }[]
  outcome: Outcome
  reason: string
  run_ids: string[]
}

export const OUTCOMES: Record<Outcome, [words: string, kind: '' | 'good' | 'bad' | 'ask']> = {
  started: ['started', 'good'],
  no_match: ['no rule fits', ''],
  not_allowed: ['sender not allowed', ''],
  automatic: ['sent by a program', ''],
  own: ['your own', ''],
  loop: ['held back', 'ask'],
  unreadable: ['unreadable', 'bad'],
  failed: ['failed', 'bad'],
}

/** Who it says it is from. */
export function senderOf({ sender, sender_name }: EmailMessage): string {
  if (sender === null) return 'Nobody can tell'
  return sender_name ? `${sender_name} <${sender}>` : sender
}
