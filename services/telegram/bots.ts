import type { Actor, Audit } from '../audit.ts'
import type { Deps } from '../deps.ts'
import { AppError, invalidField } from '../errors.ts'
import type { NoticeKind } from '../shapes/telegram.ts'
import type { Vault } from '../vault.ts'

/** A user's bot and how it is set. Without `botId` there is no token yet. */
export type Bot = {
  userId: string
  botId: string | null
  username: string | null
  name: string | null
  enabled: boolean
  /** Null: Steward itself. */
  defaultAgentId: string | null
  /** Older messages are reported, not acted on. */
  maxAgeS: number
  /** How long Telegram may be silent before the owner is told. */
  deadlineS: number
  /** The kinds of notifications that are told in the owner's chats. */
  notices: NoticeKind[]
}

/** What getMe says of a token. */
export type Identity = { botId: string; username: string; name: string }

export type BotChange = {
  /** Known to be good; null takes the token away. */
  token?: { value: string; of: Identity } | null | undefined
  enabled?: boolean | undefined
  defaultAgentId?: string | null | undefined
  maxAgeS?: number | undefined
  deadlineS?: number | undefined
  notices?: NoticeKind[] | undefined
}

type Row = Omit<Bot, 'enabled' | 'notices'> & { enabled: number; notices: string }

const COLUMNS = `user_id AS userId, bot_id AS botId, username, name, enabled, default_agent_id AS defaultAgentId,
  max_age_s AS maxAgeS, deadline_s AS deadlineS, notices`

export type BotsDeps = Deps & {
  vault: Pick<Vault, 'seal' | 'open'>
  audit: Pick<Audit, 'record'>
  alsoMask: (source: () => Iterable<[string, string]>) => () => void
  agents: { get(userId: string, id: string): unknown }
}

export type Bots = ReturnType<typeof createBots>

/** The bots at Telegram, one a user at most. A token goes in and never comes out again but toward Telegram. */
export function createBots({ db, now, vault, audit, alsoMask, agents }: BotsDeps) {
  const byUser = db.prepare<[string], Row>(`SELECT ${COLUMNS} FROM telegram_bots WHERE user_id = ?`)
  const all = db.prepare<[], Row>(`SELECT ${COLUMNS} FROM telegram_bots ORDER BY user_id`)
  const sealedOf = db.prepare<[string], { sealed: string | null }>('SELECT sealed FROM telegram_bots WHERE user_id = ?')
  const ofBot = db.prepare<[string], { userId: string }>('SELECT user_id AS userId FROM telegram_bots WHERE bot_id = ?')
  const put = db.prepare(
    `INSERT INTO telegram_bots (user_id, bot_id, username, name, sealed, enabled, default_agent_id, max_age_s, deadline_s, notices, created_at, updated_at)
     VALUES (@userId, @botId, @username, @name, @sealed, @enabled, @defaultAgentId, @maxAgeS, @deadlineS, @notices, @at, @at)
     ON CONFLICT (user_id) DO UPDATE SET bot_id = excluded.bot_id, username = excluded.username, name = excluded.name,
       sealed = excluded.sealed, enabled = excluded.enabled, default_agent_id = excluded.default_agent_id,
       max_age_s = excluded.max_age_s, deadline_s = excluded.deadline_s, notices = excluded.notices, updated_at = excluded.updated_at`,
  )

  const rename = db.prepare('UPDATE telegram_bots SET username = ?, name = ? WHERE user_id = ?')

  const place = (userId: string) => ({ table: 'telegram_bots', row: userId, field: 'token' })
  const tokensChanged = alsoMask(() => all.all().flatMap(({ userId, username }) => masked(userId, username)))

  /** For the moment of use. */
  function tokenOf(userId: string): string | undefined {
    const sealed = sealedOf.get(userId)?.sealed
    return sealed == null ? undefined : vault.open(sealed, place(userId))
  }

  /** The secret half is worth masking by itself. One that cannot be opened must not take the others along. */
  function masked(userId: string, username: string | null): [string, string][] {
    try {
      const token = tokenOf(userId)
      if (token === undefined) return []
      return [token, token.slice(token.indexOf(':') + 1)].map((form) => [`telegram:${username}`, form])
    } catch {
      return []
    }
  }

  const find = (userId: string): Bot => {
    const row = byUser.get(userId)
    return row ? toBot(row) : { userId, ...NONE }
  }

  function assertFree(userId: string, { botId }: Identity): void {
    const holder = ofBot.get(botId)?.userId
    if (holder !== undefined && holder !== userId)
      throw new AppError('conflict', 'This bot is in use here already. Make one of your own at BotFather.')
  }

  function assertAgent(userId: string, agentId: string): void {
    try {
      agents.get(userId, agentId)
    } catch {
      throw invalidField('default_agent_id', 'There is no such agent.')
    }
  }

  return {
    find,
    all: (): Bot[] => all.all().map(toBot),
    tokenOf,

    /** What Telegram calls it now. */
    called: (userId: string, { username, name }: Identity): void => void rename.run(username, name, userId),

    change(
      userId: string,
      { token, enabled, defaultAgentId, maxAgeS, deadlineS, notices }: BotChange,
      by: Actor,
    ): void {
      db.transact(() => {
        const before = find(userId)
        if (token) assertFree(userId, token.of)
        if (defaultAgentId) assertAgent(userId, defaultAgentId)
        const of = token === undefined ? before : (token?.of ?? { botId: null, username: null, name: null })
        const kept = sealedOf.get(userId)?.sealed ?? null
        const sealed = token === undefined ? kept : token && vault.seal(token.value, place(userId))
        const after = {
          ...{ botId: of.botId, username: of.username, name: of.name },
          enabled: enabled ?? (token ? true : before.enabled),
          defaultAgentId: defaultAgentId === undefined ? before.defaultAgentId : defaultAgentId || null,
          maxAgeS: maxAgeS ?? before.maxAgeS,
          deadlineS: deadlineS ?? before.deadlineS,
          notices: notices ?? before.notices,
        }
        put.run({ userId, ...after, ...flat(after), sealed, at: now().toISOString() })
        const said = {
          bot: after.username,
          enabled: after.enabled,
          default_agent_id: after.defaultAgentId,
          max_age_s: after.maxAgeS,
          deadline_s: after.deadlineS,
          notices: after.notices,
        }
        const outcome = token ? 'with a new token' : token === null ? 'without a token' : ''
        audit.record({ kind: 'telegram', action: 'bot changed', by, arguments: JSON.stringify(said), outcome })
        db.afterCommit(tokensChanged)
      })
    },
  }
}

const USUAL: NoticeKind[] = ['approval', 'trouble', 'budget']
const NONE = {
  botId: null,
  username: null,
  name: null,
  enabled: true,
  defaultAgentId: null,
  maxAgeS: 600,
  deadlineS: 75,
  notices: USUAL,
}

const toBot = (row: Row): Bot => ({
  ...row,
  enabled: row.enabled === 1,
  notices: JSON.parse(row.notices) as NoticeKind[],
})
const flat = ({ enabled, notices }: Pick<Bot, 'enabled' | 'notices'>) => ({
  enabled: Number(enabled),
  notices: JSON.stringify(notices),
})
