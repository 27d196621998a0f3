import { normalize } from 'node:path'
import type { Actor, Audit } from './audit.ts'
import { dayIn } from './budgets/house-day.ts'
import { cursorsOf } from './cursors.ts'
import type { Deps } from './deps.ts'
import { AppError, invalidField } from './errors.ts'
import { canonicalPathNow } from './files/open.ts'
import { newId } from './ids.ts'
import type { Grant } from './policy/decide.ts'

/** A standing yes as the owner sees it. One of `agent_id` and `conversation_id` is null. */
export type StandingYes = {
  id: string
  agent_id: string | null
  conversation_id: string | null
  operation: string
  destinations: string[]
  paths: string[]
  after_third_party: boolean
  per_day: number
  used_today: number
  approval_id: string | null
  expires_at: string | null
  created_at: string
}

export type GrantDraft = Pick<StandingYes, 'agent_id' | 'conversation_id' | 'operation' | 'destinations' | 'paths'> & {
  after_third_party?: boolean | undefined
  per_day?: number | undefined
  expires_at?: string | null | undefined
  approval_id?: string | undefined
}

/** For whom grants are looked up: the agent at the root of the run, and the conversation as far as it was not cleared. */
export type GrantHolder = {
  userId: string
  agentId: string | null
  conversationId: string | null
  clearedAt: string | null
}

type Row = Omit<StandingYes, 'destinations' | 'paths' | 'after_third_party'> & {
  destinations: string
  paths: string
  after_third_party: number
}

const COLUMNS = `id, agent_id, conversation_id, operation, destinations, paths, after_third_party, per_day, approval_id,
  expires_at, created_at, coalesce((SELECT uses FROM grant_uses WHERE grant_id = grants.id AND day = @today), 0) AS used_today`

/** So often a day where nobody said otherwise. */
const PER_DAY = 5

const CURSORS = cursorsOf('grants')

const CONVERSATION_MS = 24 * 3600_000

export type Grants = ReturnType<typeof createGrants>

/**
 * The owner's standing yeses. Each is bound to one operation and to the destinations or paths it names, may be used so often
 * a day, and is on the audit log when it is made, used and revoked.
 */
export function createGrants({ db, now, timezone, audit }: Deps & { timezone: string; audit: Pick<Audit, 'record'> }) {
  const ofUser = db.prepare<[{ userId: string; today: string; before: string; limit: number }], Row>(
    `SELECT ${COLUMNS} FROM grants WHERE user_id = @userId AND id < @before ORDER BY id DESC LIMIT @limit`,
  )
  const count = db.prepare<[string], { n: number }>('SELECT count(*) AS n FROM grants WHERE user_id = ?')
  const byId = db.prepare<[{ id: string; userId: string; today: string }], Row>(
    `SELECT ${COLUMNS} FROM grants WHERE id = @id AND user_id = @userId`,
  )
  const valid = `(expires_at IS NULL OR expires_at > @at)
    AND per_day > coalesce((SELECT uses FROM grant_uses WHERE grant_id = grants.id AND day = @today), 0)`
  const holding = db.prepare<[GrantHolder & { at: string; today: string }], Row>(
    `SELECT ${COLUMNS} FROM grants WHERE agent_id = @agentId AND user_id = @userId AND ${valid}
     UNION ALL SELECT ${COLUMNS} FROM grants WHERE conversation_id = @conversationId AND user_id = @userId
       AND created_at > coalesce(@clearedAt, '') AND ${valid}`,
  )
  const insert = db.prepare(
    `INSERT INTO grants (id, user_id, agent_id, conversation_id, operation, destinations, paths, after_third_party, per_day,
       approval_id, expires_at, created_at)
     VALUES (@id, @userId, @agent_id, @conversation_id, @operation, @destinations, @paths, @after_third_party, @per_day,
       @approval_id, @expires_at, @created_at)`,
  )
  const remove = db.prepare('DELETE FROM grants WHERE id = ?')
  const ofHolder = db.prepare<[{ agentId: string; conversationId: string; today: string }], Row>(
    `SELECT ${COLUMNS} FROM grants WHERE agent_id = @agentId OR conversation_id = @conversationId`,
  )
  const use = db.prepare(
    `INSERT INTO grant_uses (grant_id, day, uses) VALUES (?, ?, 1) ON CONFLICT (grant_id, day) DO UPDATE SET uses = uses + 1`,
  )
  const any = db.prepare<[], { one: number }>('SELECT 1 AS one FROM grants LIMIT 1')

  const today = (): string => dayIn(timezone, now())

  /** One for a conversation ends with the day at the latest. */
  function endOf({ conversation_id }: GrantDraft): string | null {
    return conversation_id === null ? null : new Date(now().getTime() + CONVERSATION_MS).toISOString()
  }

  /** Throws `not_found` also for another user's. */
  function get(userId: string, id: string): StandingYes {
    const row = byId.get({ id, userId, today: today() })
    if (!row) throw new AppError('not_found', 'There is no such grant.')
    return toYes(row)
  }

  return {
    get,

    list(userId: string, { cursor, limit }: { cursor?: string | undefined; limit: number }) {
      const rows = ofUser.all({ userId, today: today(), before: CURSORS.from(cursor) ?? '~', limit: limit + 1 })
      const items = rows.slice(0, limit).map(toYes)
      return {
        items,
        next_cursor: rows.length > limit ? CURSORS.to(items.at(-1)!.id) : null,
        total: count.get(userId)!.n,
      }
    },

    /** What holds for a run now. The day's uses and the end are looked at here, so that `decide` needs no clock. */
    holding(holder: GrantHolder): Grant[] {
      if (!any.get()) return []
      return holding.all({ ...holder, at: now().toISOString(), today: today() }).map(toGrant)
    },

    /** Callers hold the transaction, or not. Throws `invalid` for one that would cover everything, or nothing. */
    create(userId: string, draft: GrantDraft, by: Actor): StandingYes {
      const paths = draft.paths.map(canonicalFolder)
      check({ ...draft, paths })
      const id = newId()
      db.transact(() => {
        insert.run({
          ...draft,
          id,
          userId,
          destinations: JSON.stringify([...new Set(draft.destinations)]),
          paths: JSON.stringify([...new Set(paths)]),
          after_third_party: Number(draft.after_third_party ?? false),
          per_day: draft.per_day ?? PER_DAY,
          approval_id: draft.approval_id ?? null,
          expires_at: draft.expires_at ?? endOf(draft),
          created_at: now().toISOString(),
        })
        record('created', get(userId, id), by)
      })
      return get(userId, id)
    },

    revoke(userId: string, id: string, by: Actor): void {
      db.transact(() => {
        const grant = get(userId, id)
        remove.run(id)
        record('revoked', grant, by)
      })
    },

    /** Nobody is left to use them; in the transaction that removes the agent or the conversation. */
    drop(holder: { agentId?: string; conversationId?: string }, by: Actor): void {
      for (const row of ofHolder.all({
        agentId: holder.agentId ?? '',
        conversationId: holder.conversationId ?? '',
        today: today(),
      })) {
        remove.run(row.id)
        record('revoked', toYes(row), by)
      }
    },

    /** Counts a use, in the transaction that writes the call down as started. */
    use(userId: string, id: string, run: { id: string; conversationId: string }): void {
      const grant = get(userId, id)
      use.run(id, today())
      const by = { userId, name: `run:${run.id}` }
      audit.record({ ...aboutOf('used', grant, by), runId: run.id, conversationId: run.conversationId })
    },
  }

  function record(action: string, grant: StandingYes, by: Actor): void {
    audit.record(aboutOf(action, grant, by))
  }
}

function aboutOf(action: string, grant: StandingYes, by: Actor) {
  const { agent_id, conversation_id, operation, destinations, paths, after_third_party, per_day, expires_at } = grant
  const what = { operation, destinations, paths, after_third_party, per_day, expires_at }
  const about = { agentId: agent_id, conversationId: conversation_id }
  return { kind: 'grant', action, subject: grant.id, by, ...about, arguments: JSON.stringify(what) }
}

function check({ agent_id, conversation_id, destinations, paths }: GrantDraft): void {
  if ((agent_id === null) === (conversation_id === null))
    throw new AppError('invalid', 'A grant is for one agent or for one conversation: give agent_id or conversation_id.')
  if (destinations.length + paths.length === 0)
    throw invalidField('destinations', 'Say what it is for: destinations (addresses, hosts, targets) or paths.')
  if (paths.some((path) => !/^\/[^/]/.test(path)))
    throw invalidField('paths', 'Give whole paths of folders or files, none of them "/".')
}

/** As the policy sees paths: absolute, links resolved, without a slash at the end. */
function canonicalFolder(path: string): string {
  if (!path.startsWith('/')) return path
  return canonicalPathNow(normalize(path)).replace(/\/+$/, '')
}

function toYes(row: Row): StandingYes {
  return {
    ...row,
    destinations: JSON.parse(row.destinations) as string[],
    paths: JSON.parse(row.paths) as string[],
    after_third_party: row.after_third_party === 1,
  }
}

function toGrant(row: Row): Grant {
  const { id, operation, destinations, paths, after_third_party: afterThirdParty, conversation_id } = toYes(row)
  return { id, operation, destinations, paths, afterThirdParty, inConversation: conversation_id !== null }
}
