import type { Deps } from '../deps.ts'
import { createLiveness } from '../liveness.ts'
import type { Log } from '../log.ts'
import type { NotificationDraft } from '../notifications.ts'
import type { DoingAgent } from '../schedules/work.ts'
import type { Settings } from '../settings.ts'
import type { Intake } from '../shapes/intake.ts'
import type { EmailAccount } from './account-rows.ts'
import { createBookmarks } from './bookmarks.ts'
import { createMailIntake } from './intake.ts'
import { createListeners } from './listeners.ts'
import { createEmailMessages } from './messages.ts'
import type { MailReader } from './parse.ts'
import type { ResolveHost } from './resolver.ts'
import type { EmailTriggers } from './triggers.ts'

export type ListeningDeps = Deps & {
  newId: () => string
  version: string
  parser: Pick<MailReader, 'parse'>
  settings: Pick<Settings, 'get'>
  accounts: {
    find(id: string): EmailAccount | undefined
    all(): EmailAccount[]
    onChange(listener: (id: string) => void): void
    passwordOf: (id: string, half: 'imap') => string | undefined
  }
  resolve: ResolveHost
  triggers: Pick<EmailTriggers, 'ofAccount' | 'hasAgent'>
  whitelist: () => readonly string[]
  agents: { find(id: string): DoingAgent | undefined }
  submit: (intake: Intake) => { id: string }
  mayWork: (userId: string) => boolean
  notify: (draft: NotificationDraft) => void
  log: Pick<Log, 'error' | 'info'>
}

/** Listening to mail accounts, put together: connections, bookmarks, and what becomes of what comes in. */
export function createListening(deps: ListeningDeps) {
  const { settings, accounts, log } = deps
  const bookmarks = createBookmarks(deps)
  const messages = createEmailMessages(deps)
  const deadlineMs = () => settings.get('mail_deadline_s') * 1_000
  const onFault = (error: unknown) => log.error({ err: error }, 'the owner could not be told')
  const liveness = createLiveness({ deadlineMs, notify: deps.notify, onFault })
  const intake = createMailIntake({ ...deps, bookmarks, messages, match: () => settings.get('mail_match') })
  const listeners = createListeners({
    ...deps,
    bookmarks,
    intake,
    liveness,
    deadlineMs,
    passwordOf: accounts.passwordOf,
    pollMs: () => settings.get('mail_poll_s') * 1_000,
    maxBytes: () => settings.get('mail_max_bytes'),
  })

  return {
    messages,
    listeners,
    factsOf: intake.factsOf,

    close: listeners.close,
  }
}
