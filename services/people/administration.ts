import type { Actor, Audit } from '../audit.ts'
import type { Deps } from '../deps.ts'
import type { Endings } from '../endings.ts'
import { AppError } from '../errors.ts'
import { newId } from '../ids.ts'
import type { PasswordChanges } from '../password-changes.ts'
import type { Sessions } from '../sessions.ts'
import type { Role } from '../users.ts'

/** A person of the house as an administrator sees them. */
export type UserEntry = {
  id: string
  username: string
  role: Role
  is_active: boolean
  mfa_enabled: boolean
  created_at: string
  /** By browser or by key; null where they never were here. */
  last_seen_at: string | null
}

export type UserBelongings = { conversations: number; agents: number; tasks: number; api_keys: number }

/** `passwordHash` is made before, as hashing takes its time. */
export type UserDraft = { username: string; passwordHash: string; role: Role }
export type UserChange = { role?: Role | undefined; isActive?: boolean | undefined; passwordHash?: string | undefined }

type Row = Omit<UserEntry, 'is_active' | 'mfa_enabled'> & { is_active: number; mfa_enabled: number }

const ENTRY = `id, username, role, is_active, totp_active AS mfa_enabled, created_at, nullif(max(
  coalesce((SELECT max(last_seen_at) FROM http_sessions WHERE user_id = users.id), ''),
  coalesce((SELECT max(last_used_at) FROM api_keys WHERE user_id = users.id), '')), '') AS last_seen_at`

export type AdministrationDeps = Deps & {
  audit: Pick<Audit, 'record'>
  endings: Endings
  sessions: Pick<Sessions, 'endOthers'>
  passwordChanges: Pick<PasswordChanges, 'put'>
  /** Stops everything that a user has going. */
  stopWork: (userId: string) => void
}

export type Administration = ReturnType<typeof createAdministration>

/** What administrators may do with the people of the house. There is always one active administrator. */
export function createAdministration(deps: AdministrationDeps) {
  const { db, now, audit, endings, sessions, passwordChanges, stopWork } = deps
  const all = db.prepare<[], Row>(`SELECT ${ENTRY} FROM users ORDER BY created_at, id`)
  const byId = db.prepare<[string], Row>(`SELECT ${ENTRY} FROM users WHERE id = ?`)
  const otherAdmins = db.prepare<[string], { one: number }>(
    `SELECT 1 AS one FROM users WHERE role = 'admin' AND is_active = 1 AND id <> ? LIMIT 1`,
  )
  const insert = db.prepare(
    `INSERT INTO users (id, username, password_hash, role, created_at, updated_at)
     VALUES (@id, @username, @passwordHash, @role, @at, @at) ON CONFLICT DO NOTHING`,
  )
  const update = db.prepare('UPDATE users SET role = @role, is_active = @isActive, updated_at = @at WHERE id = @id')
  const belongings = db.prepare<{ id: string }, UserBelongings>(
    `SELECT (SELECT count(*) FROM conversations WHERE user_id = @id AND kind = 'chat') AS conversations,
       (SELECT count(*) FROM agents WHERE user_id = @id AND deleted_at IS NULL) AS agents,
       (SELECT count(*) FROM tasks WHERE user_id = @id AND deleted_at IS NULL) AS tasks,
       (SELECT count(*) FROM api_keys WHERE user_id = @id) AS api_keys`,
  )

  function get(id: string): UserEntry {
    const row = byId.get(id)
    if (!row) throw new AppError('not_found', 'There is no such user.')
    return toEntry(row)
  }

  const isAdmin = ({ role, is_active }: Pick<UserEntry, 'role' | 'is_active'>) => role === 'admin' && is_active

  /** Throws `conflict` where nobody could look after the house any more. */
  function keepAnAdmin(before: UserEntry, after?: Pick<UserEntry, 'role' | 'is_active'>): void {
    if (!isAdmin(before) || (after && isAdmin(after)) || otherAdmins.get(before.id)) return
    throw new AppError(
      'conflict',
      `${before.username} is the only active administrator. Make somebody else an administrator first.`,
    )
  }

  function shutOut(id: string): void {
    sessions.endOthers(id, '')
    stopWork(id)
    db.afterCommit(() => endings.tell({ userId: id }))
  }

  /** `keepSession`: the one that goes on where somebody gives themselves a new password. */
  function change(id: string, draft: UserChange, by: Actor, keepSession = ''): void {
    db.transact(() => {
      const before = get(id)
      const after = { role: draft.role ?? before.role, is_active: draft.isActive ?? before.is_active }
      keepAnAdmin(before, after)
      const { passwordHash } = draft
      if (passwordHash !== undefined)
        passwordChanges.put(before, passwordHash, { by, action: 'password changed', keepSession })
      const outcome = changesOf(before, after)
      if (outcome === '') return
      update.run({ id, role: after.role, isActive: Number(after.is_active), at: now().toISOString() })
      audit.record({ kind: 'user', action: 'changed', subject: before.username, by, outcome })
      if (before.is_active && !after.is_active) shutOut(id)
    })
  }

  return {
    list: (): UserEntry[] => all.all().map(toEntry),
    get,
    belongings: (id: string): UserBelongings => belongings.get({ id })!,
    change,

    /** Throws `conflict` where the name is taken, in any case of letters. */
    create({ username, passwordHash, role }: UserDraft, by: Actor): UserEntry {
      const id = newId()
      db.transact(() => {
        const { changes } = insert.run({ id, username, passwordHash, role, at: now().toISOString() })
        if (changes === 0) throw new AppError('conflict', `There is already a user called ${username}.`)
        audit.record({ kind: 'user', action: 'created', subject: username, by, outcome: `role: ${role}` })
      })
      return get(id)
    },

    /** Throws `conflict` for whoever must not go: the only active administrator. */
    keepAnAdmin,
  }
}

function changesOf(before: UserEntry, after: Pick<UserEntry, 'role' | 'is_active'>): string {
  const parts = [
    after.role !== before.role && `role: ${before.role} → ${after.role}`,
    after.is_active !== before.is_active && (after.is_active ? 'activated' : 'deactivated'),
  ]
  return parts.filter(Boolean).join(', ')
}

function toEntry(row: Row): UserEntry {
  return { ...row, is_active: row.is_active === 1, mfa_enabled: row.mfa_enabled === 1 }
}
