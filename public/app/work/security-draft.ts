import { durationOf, secondsOf, type Duration } from '../ui/duration-field.tsx'

/** The security settings as the server has them, and as they stand in the form. */

export const SWITCHES = ['flow_guard', 'output_validation', 'sanitize_enhanced', 'canary', 'llm_screen'] as const
export type Switch = (typeof SWITCHES)[number]

export type Security = Record<Switch, boolean> & {
  llm_screen_model: string | null
  approval_timeout_chat_s: number
  approval_timeout_unattended_s: number
  max_result_chars: number
  public_only_providers: string[]
}

export type SecurityDraft = Record<Switch, boolean> & {
  llm_screen_model: string
  approval_timeout_chat_s: Duration
  approval_timeout_unattended_s: Duration
  max_result_chars: string
  public_only_providers: string[]
}

export const FIELDS = [
  'llm_screen_model',
  'approval_timeout_chat_s',
  'approval_timeout_unattended_s',
  'max_result_chars',
] as const

export const draftOf = (settings: Security): SecurityDraft => ({
  ...settings,
  llm_screen_model: settings.llm_screen_model ?? '',
  approval_timeout_chat_s: durationOf(settings.approval_timeout_chat_s),
  approval_timeout_unattended_s: durationOf(settings.approval_timeout_unattended_s),
  max_result_chars: String(settings.max_result_chars),
})

const settingsOf = (draft: SecurityDraft): Security => ({
  ...draft,
  llm_screen_model: draft.llm_screen_model || null,
  approval_timeout_chat_s: secondsOf(draft.approval_timeout_chat_s),
  approval_timeout_unattended_s: secondsOf(draft.approval_timeout_unattended_s),
  max_result_chars: Number(draft.max_result_chars),
  public_only_providers: draft.public_only_providers.toSorted(),
})

/** What the form changes; all else stays as it is. */
export function changesOf(before: Security, draft: SecurityDraft): Partial<Security> {
  const was = { ...before, public_only_providers: before.public_only_providers.toSorted() }
  const changed = Object.entries(settingsOf(draft)).filter(
    ([name, value]) => JSON.stringify(value) !== JSON.stringify(was[name as keyof Security]),
  )
  return Object.fromEntries(changed)
}
