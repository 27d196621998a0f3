import type { Audit } from './audit.ts'
import type { createCloseStack } from './close.ts'
import type { Events } from './events.ts'
import type { Trash } from './files/trash.ts'
import type { Idempotency } from './idempotency.ts'
import type { Log } from './log.ts'
import type { Notifications } from './notifications.ts'
import type { PasswordResets } from './password-resets.ts'
import type { Sessions } from './sessions.ts'

const EVERY_MS = 15 * 60_000
const EVENT_DAYS = 30
const DAY_MS = 24 * 3600_000

/**
 * Lets go of what has had its time: sessions, links for forgotten passwords, remembered requests, old files in the trash, old frames of the event log,
 * notifications long read, and audit entries that the owner does not keep any longer.
 */
export function startHousekeeping(deps: {
  now: () => Date
  log: Log
  sessions: Sessions
  passwordResets: PasswordResets
  idempotency: Idempotency
  trash: Trash
  events: Events
  notifications: Notifications
  audit: Pick<Audit, 'retention'>
  closing: ReturnType<typeof createCloseStack>
}): void {
  const chores = [
    () => deps.sessions.sweep(),
    () => deps.passwordResets.sweep(),
    () => deps.idempotency.sweep(),
    () => deps.trash.sweep(),
    () => deps.notifications.sweep(),
    () => deps.audit.retention.sweep(),
    () => deps.events.trim(new Date(deps.now().getTime() - EVENT_DAYS * DAY_MS)),
  ]

  async function clean(): Promise<void> {
    for (const chore of chores) {
      try {
        await chore()
      } catch (error) {
        deps.log.error({ err: error }, 'housekeeping failed')
      }
    }
  }

  const first = setTimeout(() => void clean(), 60_000).unref()
  const timer = setInterval(() => void clean(), EVERY_MS).unref()
  deps.closing.add('housekeeping', () => {
    clearTimeout(first)
    clearInterval(timer)
  })
}
