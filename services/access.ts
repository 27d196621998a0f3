import { createApiKeys } from './api-keys.ts'
import type { Audit } from './audit.ts'
import { createChallenges } from './challenges.ts'
import type { Deps } from './deps.ts'
import { createEndings } from './endings.ts'
import type { Mailer } from './mailer.ts'
import { createPasskeys } from './passkeys.ts'
import { createPasswordChanges } from './password-changes.ts'
import { createPasswordResets } from './password-resets.ts'
import { createRecoveryCodes } from './recovery-codes.ts'
import { createRotation } from './rotation.ts'
import { createSessions } from './sessions.ts'
import { createSetup } from './setup.ts'
import { createAskLimits, createSignInLimits, createSocketLimits } from './sign-in-limits.ts'
import { createTickets } from './tickets.ts'
import { createTotp } from './totp.ts'
import { createUsers } from './users.ts'
import type { Vault } from './vault.ts'
import { createWho } from './who.ts'

export type AccessDeps = Deps & {
  dataDir: string
  vault: Vault
  audit: Audit
  /** The master key comes from the environment, where we cannot write. */
  keyInEnvironment: boolean
  mailer: Mailer
  publicUrl: URL | undefined
  onFault: (error: unknown) => void
}

/** Who may come in and how: users, their sessions and keys, and the brakes on guessing. */
export function createAccess({ db, now, dataDir, vault, audit, keyInEnvironment, ...deps }: AccessDeps) {
  const base = { db, now }
  const endings = createEndings()
  const users = createUsers({ ...base, audit, endings })
  const sessions = createSessions({ ...base, endings })
  const apiKeys = createApiKeys({ ...base, audit, endings })
  const passwordChanges = createPasswordChanges({ ...base, audit, users, sessions })
  return {
    endings,
    users,
    sessions,
    apiKeys,
    totp: createTotp({ ...base, vault, audit, recoveryCodes: createRecoveryCodes(base) }),
    passkeys: createPasskeys({ ...base, audit, users, challenges: createChallenges({ now }) }),
    passwordChanges,
    passwordResets: createPasswordResets({ ...base, ...deps, audit, users, changes: passwordChanges }),
    who: createWho({ now, audit, users, sessions, apiKeys }),
    rotation: createRotation({ ...base, vault, audit, dataDir, keyInEnvironment, endSessions: sessions.endAll }),
    setup: createSetup({ dataDir, users }),
    tickets: createTickets({ now }),
    signInLimits: createSignInLimits(),
    askLimits: createAskLimits(),
    socketLimits: createSocketLimits(),
  }
}
