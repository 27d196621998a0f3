import type { Outcome } from './email-types.ts'

/** A rule of a mail account. */
export type EmailRule = {
  id: string
  phrase: string
  agent_id: string | null
  enabled: boolean
  /** From 1. */
  position: number
  warning: string | null
}

type Named = { agent_id: string | null; agent_name: string | null }

/** What would become of a pasted mail. */
export type Rehearsal = {
  outcome: Outcome
  reason: string
  note: string | null
  matches: (Named & { trigger_id: string; phrase: string })[]
  starts: (Named & { trigger_id: string | null })[]
  sender: { name: string; address: string } | null
  proven: boolean
  proven_reason: string
  subject: string
  text: string
  folded: boolean
  attachments: { name: string; media_type: string; size: number }[]
  problems: string[]
}

/** What of an account decides what its mails start. */
export type StartingAccount = {
  id: string
  account_type: 'trigger' | 'handling'
  folders: string[]
  extra_tools: string[]
  agent_id: string | null
  allowed_senders: string[] | null
  authserv_id: string | null
  telegram_chat_id: string | null
}
