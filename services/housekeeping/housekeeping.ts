import type { Audit } from '../audit.ts'
import { SYSTEM } from '../audit/entry.ts'
import type { createCloseStack } from '../close.ts'
import type { Deps } from '../deps.ts'
import type { Events } from '../events.ts'
import type { Trash } from '../files/trash.ts'
import type { Grants } from '../grants.ts'
import type { Idempotency } from '../idempotency.ts'
import type { Log } from '../log.ts'
import type { EmailMessages } from '../mail/messages.ts'
import type { Notifications } from '../notifications.ts'
import type { PasswordResets } from '../password-resets.ts'
import type { Sessions } from '../sessions.ts'
import type { Settings } from '../settings.ts'
import { inBatches } from './batches.ts'
import { createOldRecords } from './records.ts'
import type { RetentionName } from './retention.ts'
import { createTranscripts } from './transcripts.ts'

const EVERY_MS = 15 * 60_000
const DAY_MS = 24 * 3600_000
const FOR_GOOD_DAYS = 36_500
const GRANT_USES_DAYS = 60
/** @NOTE what was looked at longer ago would be looked at again where a folder is numbered anew: see REMEMBERED_MS. */
const EMAILS_DAYS = 400
/** So long a link that leads nowhere any more is told from one that never was. */
const LINKS_DAYS = 30
const TELEGRAM_DAYS = 7

/** How many rows went from each table. */
export type Removed = Record<string, number>

export type HousekeepingDeps = Deps & {
  log: Pick<Log, 'error' | 'info'>
  settings: Pick<Settings, 'get'>
  sessions: Pick<Sessions, 'sweep'>
  passwordResets: Pick<PasswordResets, 'sweep'>
  idempotency: Pick<Idempotency, 'sweep'>
  trash: Pick<Trash, 'sweep'>
  events: Pick<Events, 'trim'>
  notifications: Pick<Notifications, 'sweep'>
  grants: Pick<Grants, 'drop'>
  emails: Pick<EmailMessages, 'sweep'>
  audit: Pick<Audit, 'retention' | 'record'>
}

export type Housekeeping = ReturnType<typeof createHousekeeping>

/**
 * Lets go of what has had its time: transcripts, events, old files in the trash, notifications long read, deliveries, ledgers, mails that were looked at,
 * sessions, links for forgotten passwords, remembered requests and audit entries, each as long as the settings say. What is unfinished or waits for an answer
 * is never touched. It works in small parts, so nobody waits for it; the timer and the route do the same work, one at a time.
 */
export function createHousekeeping(deps: HousekeepingDeps) {
  const { now, log, settings } = deps
  const transcripts = createTranscripts(deps)
  const records = createOldRecords(deps)
  let going: Promise<Removed> | undefined
  let isOver = false

  const daysAgo = (days: number): string => new Date(now().getTime() - days * DAY_MS).toISOString()
  const cutoff = (name: RetentionName): string | undefined => {
    const days = settings.get(name)
    return days === null ? undefined : daysAgo(days)
  }
  /** Nothing goes where it is kept for good. */
  const older = (name: RetentionName, remove: (before: string, limit: number) => number): Promise<number> => {
    const before = cutoff(name)
    return before === undefined ? Promise.resolve(0) : inBatches((limit) => (isOver ? 0 : remove(before, limit)))
  }

  async function sweepTranscripts(): Promise<Removed> {
    const before = cutoff('transcripts_days')
    const gone =
      before === undefined ? { runs: 0, conversations: 0, events: 0 } : await transcripts.sweep(before, () => isOver)
    if (gone.runs + gone.conversations > 0) {
      const subject = `${gone.runs} runs, ${gone.conversations} conversations`
      deps.audit.record({ kind: 'conversation', action: 'removed by retention', subject, by: SYSTEM })
    }
    return gone
  }

  async function sweepOccurrences(): Promise<number> {
    let gone = 0
    for (const id of [...records.schedules()])
      gone += await older('occurrences_days', (before, limit) => records.occurrences(id, before, limit))
    return gone
  }

  const chores: (() => Removed | Promise<Removed>)[] = [
    sweepTranscripts,
    async () => ({ events: await older('events_days', (before, limit) => deps.events.trim(new Date(before), limit)) }),
    async () => ({ trash: await deps.trash.sweep(settings.get('trash_days') ?? FOR_GOOD_DAYS) }),
    async () => ({ notifications: await older('notifications_days', deps.notifications.sweep) }),
    async () => ({ outbox: await older('deliveries_days', records.deliveries) }),
    async () => ({ occurrences: await sweepOccurrences() }),
    async () => ({ email_messages: await inBatches((limit) => deps.emails.sweep(daysAgo(EMAILS_DAYS), limit)) }),
    async () => ({ audit: await deps.audit.retention.sweep() }),
    () => ({ http_sessions: deps.sessions.sweep() }),
    () => ({ idempotency_keys: deps.idempotency.sweep() }),
    () => ({ grant_uses: records.grantUses(daysAgo(GRANT_USES_DAYS)) }),
    () => ({ approval_links: records.links(daysAgo(LINKS_DAYS)) }),
    () => ({ email_reservations: records.reservations(daysAgo(GRANT_USES_DAYS)) }),
    () => ({ telegram_seen: records.telegram(daysAgo(TELEGRAM_DAYS)) }),
    () => ({ password_resets: deps.passwordResets.sweep() }),
  ]

  /** One chore that fails keeps nobody from the others. */
  async function clean(): Promise<Removed> {
    const removed: Removed = {}
    for (const chore of chores) {
      if (isOver) break
      try {
        for (const [table, count] of Object.entries(await chore())) removed[table] = (removed[table] ?? 0) + count
      } catch (error) {
        log.error({ err: error }, 'housekeeping failed')
      }
    }
    if (Object.values(removed).some((count) => count > 0)) log.info({ removed }, 'let go of what has had its time')
    return removed
  }

  /** Who asks while it is being done gets the same answer. */
  const sweep = (): Promise<Removed> => (going ??= clean().finally(() => (going = undefined)))

  return {
    sweep,

    /** A minute after the start, and every quarter of an hour. */
    start(closing: ReturnType<typeof createCloseStack>): void {
      const first = setTimeout(() => void sweep(), 60_000).unref()
      const timer = setInterval(() => void sweep(), EVERY_MS).unref()
      closing.add('housekeeping', async () => {
        clearTimeout(first)
        clearInterval(timer)
        isOver = true
        await going
      })
    },
  }
}
