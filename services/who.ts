import type { ApiKey, ApiKeys } from './api-keys.ts'
import type { Actor, Audit } from './audit.ts'
import type { Clock } from './deps.ts'
import { createKeyUses } from './key-uses.ts'
import type { Sessions } from './sessions.ts'
import type { Scope } from './shapes/api-key.ts'
import type { By } from './shapes/frames.ts'
import type { Integrity } from './shapes/labels.ts'
import type { User, Users } from './users.ts'

/**
 * Who is asking, and what their words count as. `confirmed`: the password was given in the last five minutes.
 * `fresh` looks again and is undefined once the session, key or user has ended.
 */
export type Who = {
  user: User
  by: By
  actor: Actor
  input: Integrity
  fresh: () => Who | undefined
} & (
  { via: 'session'; sessionId: string; confirmed: boolean } | { via: 'key'; keyId: string; scopes: readonly Scope[] }
)

export type WhoDeps = {
  now: Clock
  audit: Pick<Audit, 'record'>
  users: Users
  sessions: Sessions
  apiKeys: ApiKeys
}

export type WhoLookup = ReturnType<typeof createWho>

/** Turns a session or a key into a person, as the database has it at this moment. */
export function createWho({ now, audit, users, sessions, apiKeys }: WhoDeps) {
  function activeUser(id: string): User | undefined {
    const user = users.find(id)
    return user?.isActive ? user : undefined
  }

  function bySession(sid: string, userId: string): Who | undefined {
    const session = sessions.read(sid)
    const user = session?.data.userId === userId ? activeUser(userId) : undefined
    if (!session || !user) return undefined
    return {
      via: 'session',
      user,
      sessionId: session.id,
      confirmed: sessions.isConfirmed(session.data),
      by: 'web',
      input: 'owner',
      actor: { userId, name: `web:${user.username}` },
      fresh: () => bySession(sid, userId),
    }
  }

  /** Undefined also where another key took its place. */
  function sameKey({ id, prefix }: ApiKey) {
    const key = apiKeys.find(id)
    return key?.prefix === prefix ? key : undefined
  }

  function byApiKey(key: (ApiKey & { userId: string }) | undefined): Who | undefined {
    const user = key && activeUser(key.userId)
    if (!key || !user) return undefined
    return {
      via: 'key',
      user,
      keyId: key.id,
      scopes: key.scopes,
      by: 'api',
      input: key.input,
      actor: { userId: user.id, name: `key:${key.prefix}` },
      fresh: () => byApiKey(sameKey(key)),
    }
  }

  return {
    bySession,
    byKey: (key: string): Who | undefined => byApiKey(apiKeys.verify(key)),
    noteUse: createKeyUses({ now, audit }).note,
  }
}
