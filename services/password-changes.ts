import type { Actor, Audit } from './audit.ts'
import type { Deps } from './deps.ts'
import { hashPassword } from './passwords.ts'
import type { Sessions } from './sessions.ts'
import type { User, Users } from './users.ts'

type Whom = Pick<User, 'id' | 'username'>
type How = { by: Actor; action: string; outcome?: string; keepSession?: string }

export type PasswordChangesDeps = Deps & {
  audit: Pick<Audit, 'record'>
  users: Pick<Users, 'setHash'>
  sessions: Pick<Sessions, 'endOthers'>
}

export type PasswordChanges = ReturnType<typeof createPasswordChanges>

/** Whichever way a password is changed: sessions end and links for a forgotten one are worth nothing, in one transaction. */
export function createPasswordChanges({ db, now, audit, users, sessions }: PasswordChangesDeps) {
  const voidLinks = db.prepare(
    `UPDATE password_resets SET expires_at = @at WHERE user_id = @userId AND used_at IS NULL AND expires_at > @at`,
  )

  function put(user: Whom, hash: string, { by, action, outcome, keepSession = '' }: How): void {
    db.transact(() => {
      users.setHash(user.id, hash)
      sessions.endOthers(user.id, keepSession)
      voidLinks.run({ userId: user.id, at: now().toISOString() })
      audit.record({ kind: 'user', action, subject: user.username, by, ...(outcome === undefined ? {} : { outcome }) })
    })
  }

  return {
    /** With a hash that was made before. All sessions end but `keepSession`. */
    put,

    /** By the user, signed in: this session goes on. Throws `invalid` for a password that is too short. */
    async change(user: Whom, password: string, by: Actor, keepSession: string): Promise<void> {
      put(user, await hashPassword(password), { by, action: 'password changed', keepSession })
    },
  }
}
