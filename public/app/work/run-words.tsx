import type { JSX } from 'preact'
import type { RunStatus } from '../../../services/shapes/frames.ts'
import { dollars, duration } from '../format.ts'
import { Badge } from '../ui/states.tsx'
import type { OccurrenceState, RunEntry } from './types.ts'

/** How runs are spoken of. */

const STATUS: Record<RunStatus, ['' | 'good' | 'bad' | 'ask', string]> = {
  queued: ['', 'queued'],
  running: ['', 'running'],
  waiting: ['ask', 'waiting'],
  paused: ['ask', 'paused'],
  succeeded: ['good', 'done'],
  failed: ['bad', 'failed'],
  stopped: ['', 'stopped'],
  interrupted: ['bad', 'interrupted'],
}

export const STATUSES = Object.keys(STATUS) as RunStatus[]

export const statusWord = (status: RunStatus): string => STATUS[status]?.[1] ?? status

export function StatusBadge({ status }: { status: RunStatus }): JSX.Element {
  return <Badge kind={STATUS[status]?.[0] ?? ''}>{statusWord(status)}</Badge>
}

export const ORIGINS: Record<string, string> = {
  chat: 'chat',
  schedule: 'on schedule',
  manual: 'started by hand',
  agent: 'asked by an agent',
  telegram: 'by Telegram',
  email: 'by mail',
  webhook: 'by a webhook',
}

export const originWord = (origin: string): string => ORIGINS[origin] ?? origin

const OCCURRENCES: Record<OccurrenceState, ['' | 'good' | 'bad' | 'ask', string]> = {
  ran: ['good', 'ran'],
  skipped: ['', 'skipped'],
  missed: ['bad', 'missed'],
  merged: ['', 'merged'],
}

export function OccurrenceBadge({ state }: { state: OccurrenceState }): JSX.Element {
  const [kind, word] = OCCURRENCES[state] ?? ['', state]
  return <Badge kind={kind}>{word}</Badge>
}

/** "1,203 in, 80 out". */
export const tokens = ({ input_tokens, output_tokens }: { input_tokens: number; output_tokens: number }): string =>
  `${input_tokens.toLocaleString()} in, ${output_tokens.toLocaleString()} out`

/** "$0.12"; in words where nobody knows the price. */
export const costOf = (usd: number | null): string => (usd === null ? 'price unknown' : dollars(usd))

/** How long a run took, or has taken so far; null while it has not begun. */
export function tookOf({ started_at, ended_at }: RunEntry, now = Date.now()): string | null {
  if (!started_at) return null
  return duration((ended_at ? Date.parse(ended_at) : now) - Date.parse(started_at))
}
