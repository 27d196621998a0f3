import { createApiKeys } from './api-keys.ts'
import type { Audit } from './audit.ts'
import type { Deps } from './deps.ts'
import { createEndings } from './endings.ts'
import { createRecoveryCodes } from './recovery-codes.ts'
import { createRotation } from './rotation.ts'
import { createSessions } from './sessions.ts'
import { createSetup } from './setup.ts'
import { createSignInLimits, createSocketLimits } from './sign-in-limits.ts'
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
}

/** Who may come in and how: users, their sessions and keys, and the brakes on guessing. */
export function createAccess({ db, now, dataDir, vault, audit, keyInEnvironment }: AccessDeps) {
  const base = { db, now }
  const endings = createEndings()
  const users = createUsers({ ...base, audit, endings })
  const sessions = createSessions({ ...base, endings })
  const apiKeys = createApiKeys({ ...base, audit, endings })
  return {
    endings,
    users,
    sessions,
    apiKeys,
    totp: createTotp({ ...base, vault, audit, recoveryCodes: createRecoveryCodes(base) }),
    who: createWho({ now, audit, users, sessions, apiKeys }),
    rotation: createRotation({ ...base, vault, audit, dataDir, keyInEnvironment, endSessions: sessions.endAll }),
    setup: createSetup({ dataDir, users }),
    tickets: createTickets({ now }),
    signInLimits: createSignInLimits(),
    socketLimits: createSocketLimits(),
  }
}
