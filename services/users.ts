import type { Actor, Audit } from './audit.ts'
import type { Deps } from './deps.ts'
import { addressAsKept, normaliseAddress } from './email-address.ts'
import type { Endings } from './endings.ts'
import { AppError } from './errors.ts'
import { newId } from './ids.ts'
import { hashPassword, passwordFits } from './passwords.ts'

export type Role = 'admin' | 'user'
export type User = {
  id: string
  username: string
  role: Role
  isActive: boolean
  email: string | null
  /** A code is due when they sign in. */
  mfaEnabled: boolean
}
type Row = Omit<User, 'isActive' | 'mfaEnabled'> & { isActive: number; mfaEnabled: number }

const USER = 'id, username, role, is_active AS isActive, email, totp_active AS mfaEnabled'

export type Users = ReturnType<typeof createUsers>

/** The people of the house. Usually there is one: the owner, made at set-up. */
export function createUsers({ db, now, audit, endings }: Deps & { audit: Pick<Audit, 'record'>; endings: Endings }) {
  const byId = db.prepare<[string], Row>(`SELECT ${USER} FROM users WHERE id = ?`)
  const byName = db.prepare<[string], Row & { hash: string }>(
    `SELECT ${USER}, password_hash AS hash FROM users WHERE username = ?`,
  )
  const byEmail = db.prepare<[string], Row>(`SELECT ${USER} FROM users WHERE email = ?`)
  const admins = db.prepare<[], Row>(
    `SELECT ${USER} FROM users WHERE role = 'admin' AND is_active = 1 ORDER BY created_at`,
  )
  const hashOf = db.prepare<[string], { hash: string }>('SELECT password_hash AS hash FROM users WHERE id = ?')
  const anybody = db.prepare<[], { one: number }>('SELECT 1 AS one FROM users LIMIT 1')
  const insert = db.prepare(
    'INSERT INTO users (id, username, password_hash, role, created_at, updated_at) VALUES (?, ?, ?, ?, ?, ?)',
  )
  const setHash = db.prepare('UPDATE users SET password_hash = ?, updated_at = ? WHERE id = ?')
  const setEmail = db.prepare('UPDATE users SET email = ?, updated_at = ? WHERE id = ?')

  let exist = anybody.get() !== undefined
  const toUser = (row: Row): User => ({
    id: row.id,
    username: row.username,
    role: row.role,
    isActive: row.isActive === 1,
    email: row.email,
    mfaEnabled: row.mfaEnabled === 1,
  })
  const asUser = (row: Row | undefined) => row && toUser(row)

  return {
    /** Whether anybody was ever set up here. */
    exist: (): boolean => exist,

    find: (id: string): User | undefined => asUser(byId.get(id)),
    findByName: (username: string): User | undefined => asUser(byName.get(username)),
    findByEmail: (email: string): User | undefined => asUser(byEmail.get(addressAsKept(email))),
    activeAdmins: (): User[] => admins.all().map(toUser),

    /** Makes the first user. Throws `conflict` once there is one. */
    async createOwner(username: string, password: string): Promise<User> {
      const hash = await hashPassword(password)
      const user: User = { id: newId(), username, role: 'admin', isActive: true, email: null, mfaEnabled: false }
      db.transact(() => {
        if (anybody.get()) throw new AppError('conflict', 'Steward is already set up. Sign in instead.')
        const at = now().toISOString()
        insert.run(user.id, username, hash, user.role, at, at)
        audit.record({
          kind: 'user',
          action: 'owner created',
          subject: username,
          by: { userId: user.id, name: `web:${username}` },
        })
        db.afterCommit(() => (exist = true))
      })
      return user
    },

    /** The active user whose name and password these are; undefined otherwise, after the same time. */
    async verify(username: string, password: string): Promise<User | undefined> {
      const row = byName.get(username)
      const fits = await passwordFits(row?.hash, password)
      return row && fits && row.isActive === 1 ? toUser(row) : undefined
    },

    async passwordFits(id: string, password: string): Promise<boolean> {
      return passwordFits(hashOf.get(id)?.hash, password)
    },

    /** services/password-changes.ts does what goes with it. */
    setHash: (id: string, hash: string): void => void setHash.run(hash, now().toISOString(), id),

    /** Where a link for a forgotten password is sent. Throws `invalid`, or `conflict` where another user has it. */
    setEmail(user: Pick<User, 'id' | 'username'>, email: string | null, by: Actor): void {
      db.transact(() => {
        const address = email === null ? null : normaliseAddress(email)
        const other = address === null ? undefined : byEmail.get(address)
        if (other && other.id !== user.id) throw new AppError('conflict', 'Another user has this address.')
        setEmail.run(address, now().toISOString(), user.id)
        audit.record({ kind: 'user', action: 'email changed', subject: user.username, by })
      })
    },

    /** Ends everything that user has open. */
    ended: (id: string): void => endings.tell({ userId: id }),
  }
}
