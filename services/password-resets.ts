import { createHash, randomBytes } from 'node:crypto'
import type { Audit } from './audit.ts'
import type { Deps } from './deps.ts'
import { AppError } from './errors.ts'
import type { Mailer } from './mailer.ts'
import type { PasswordChanges } from './password-changes.ts'
import { hashPassword } from './passwords.ts'
import type { User, Users } from './users.ts'

const VALID_MS = 30 * 60_000
const HOUR_MS = 3600_000
/** Links a user gets in an hour, so that nobody fills their mailbox. */
const LINKS_AN_HOUR = 5
/** A link that was used or is too old is told from one that never was for this long. */
const KEPT_MS = 30 * 24 * HOUR_MS

export type Forgetful = { email: string } | { username: string }
type Row = { userId: string; expiresAt: string; usedAt: string | null }

export type PasswordResetsDeps = Deps & {
  audit: Pick<Audit, 'record'>
  users: Pick<Users, 'find' | 'findByName' | 'findByEmail'>
  changes: PasswordChanges
  mailer: Mailer
  /** What links begin with; without it there are none. */
  publicUrl: URL | undefined
  onFault: (error: unknown) => void
}

export type PasswordResets = ReturnType<typeof createPasswordResets>

/** Links in mails for who forgot their password: good once, for 30 minutes, and only the newest. Of each only a hash is kept. */
export function createPasswordResets(deps: PasswordResetsDeps) {
  const { db, now, audit, users, changes, mailer, publicUrl } = deps
  const find = db.prepare<[string], Row>(
    'SELECT user_id AS userId, expires_at AS expiresAt, used_at AS usedAt FROM password_resets WHERE token_hash = ?',
  )
  const insert = db.prepare(
    'INSERT INTO password_resets (token_hash, user_id, created_at, expires_at) VALUES (?, ?, ?, ?)',
  )
  const voidOlder = db.prepare(
    'UPDATE password_resets SET expires_at = @at WHERE user_id = @userId AND used_at IS NULL AND expires_at > @at',
  )
  const recent = db.prepare<[string, string], { n: number }>(
    'SELECT count(*) AS n FROM password_resets WHERE user_id = ? AND created_at > ?',
  )
  const use = db.prepare('UPDATE password_resets SET used_at = ? WHERE token_hash = ? AND used_at IS NULL')
  const sweep = db.prepare('DELETE FROM password_resets WHERE created_at <= ?')

  const ago = (ms: number) => new Date(now().getTime() - ms).toISOString()
  const configured = (): boolean => mailer.configured() && publicUrl !== undefined

  /** A new token for this user; those before are worth nothing from now on. */
  function make(user: User): string {
    const token = randomBytes(32).toString('base64url')
    db.transact(() => {
      const at = now()
      voidOlder.run({ userId: user.id, at: at.toISOString() })
      const expires = new Date(at.getTime() + VALID_MS).toISOString()
      insert.run(hashOf(token), user.id, at.toISOString(), expires)
      const by = { userId: null, name: 'web' }
      audit.record({ kind: 'user', action: 'password link sent', subject: user.username, by })
    })
    return token
  }

  async function sendLink(who: Forgetful): Promise<void> {
    const user = 'email' in who ? users.findByEmail(who.email) : users.findByName(who.username)
    if (!user?.isActive || user.email === null || publicUrl === undefined) return
    if (recent.get(user.id, ago(HOUR_MS))!.n >= LINKS_AN_HOUR) return
    const link = `${publicUrl.origin}/reset-password#token=${make(user)}`
    await mailer.send({ to: user.email, subject: 'A new password for Steward', text: textFor(user, link) })
  }

  /** Whose token this is, if it is still good. */
  function holderOf(token: string): User {
    const row = find.get(hashOf(token))
    const user = row && users.find(row.userId)
    if (!user?.isActive) throw new AppError('not_found', 'This link is not known here. Ask for a new one.')
    if (row!.usedAt !== null) throw new AppError('conflict', 'This link was used already. Ask for a new one.')
    if (row!.expiresAt <= now().toISOString())
      throw new AppError('expired', 'This link is too old, or a newer one was sent. Ask for a new one.')
    return user
  }

  return {
    /** Whether a link can be sent at all. */
    configured,

    /** Sends a link to whoever this is, if anybody; later, so that neither the answer nor its time tells who exists. */
    ask(who: Forgetful): void {
      if (!configured()) return
      setImmediate(() => void sendLink(who).catch(deps.onFault))
    },

    /**
     * Sets the password by the token of a link; ends all sessions of its user. Throws `not_found`, `conflict` (used), `expired`
     * or `invalid` (too short).
     */
    async redeem(token: string, password: string, address: string): Promise<void> {
      holderOf(token)
      const hash = await hashPassword(password)
      db.transact(() => {
        const user = holderOf(token)
        use.run(now().toISOString(), hashOf(token))
        const by = { userId: user.id, name: `web:${user.username}` }
        changes.put(user, hash, { by, action: 'password reset by mail', outcome: address })
      })
    },

    sweep: (): number => sweep.run(ago(KEPT_MS)).changes,
  }
}

const textFor = ({ username }: User, link: string): string =>
  `Somebody, hopefully you, asked for a new password for ${username}.

Open this within 30 minutes to choose one:
${link}

If it was not you, do nothing: the password stays as it is.
`

const hashOf = (token: string): string => createHash('sha256').update(token).digest('hex')
