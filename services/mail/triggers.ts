import type { Actor, Audit } from '../audit.ts'
import type { Deps } from '../deps.ts'
import { AppError, invalidField } from '../errors.ts'
import type { EmailAccount } from './account-rows.ts'
import type { Trigger } from './judge.ts'

export type TriggerChange = {
  phrase?: string | undefined
  agent_id?: string | null | undefined
  enabled?: boolean | undefined
  /** From 1; beyond the last one is the end. */
  position?: number | undefined
}
export type TriggerDraft = TriggerChange & { phrase: string }
export type StoredTrigger = Trigger & { accountId: string; position: number; createdAt: string; updatedAt: string }

type Row = Omit<StoredTrigger, 'enabled'> & { enabled: number }

type Noted = Trigger & { position: number | undefined }

const COLUMNS =
  'id, account_id AS accountId, phrase, agent_id AS agentId, enabled, position, created_at AS createdAt, updated_at AS updatedAt'
const MOST_A_ACCOUNT = 200

export type TriggersDeps = Deps & {
  newId: () => string
  audit: Pick<Audit, 'record'>
  agents: { find(id: string): { userId: string; deletedAt: string | null } | undefined }
}

export type EmailTriggers = ReturnType<typeof createEmailTriggers>

/** The rules of mail accounts, in the order in which they count. Callers have made sure whose account it is. */
export function createEmailTriggers({ db, now, newId, audit, agents }: TriggersDeps) {
  const ofAccount = db.prepare<[string], Row>(
    `SELECT ${COLUMNS} FROM email_triggers WHERE account_id = ? ORDER BY position, id`,
  )
  const byId = db.prepare<[string], Row>(`SELECT ${COLUMNS} FROM email_triggers WHERE id = ?`)
  const insert = db.prepare(
    `INSERT INTO email_triggers (id, user_id, account_id, phrase, agent_id, enabled, position, created_at, updated_at)
     VALUES (@id, @userId, @accountId, @phrase, @agentId, @enabled, @position, @createdAt, @updatedAt)`,
  )
  const update = db.prepare(
    'UPDATE email_triggers SET phrase = @phrase, agent_id = @agentId, enabled = @enabled, updated_at = @updatedAt WHERE id = @id',
  )
  const put = db.prepare('UPDATE email_triggers SET position = ? WHERE id = ?')
  const drop = db.prepare('DELETE FROM email_triggers WHERE id = ?')

  const toTrigger = (row: Row): StoredTrigger => ({ ...row, enabled: row.enabled === 1 })

  const inOrder = (accountId: string): StoredTrigger[] =>
    ofAccount.all(accountId).map((row, at) => ({ ...toTrigger(row), position: at + 1 }))

  /** Puts a rule in its place; those behind it follow, without a gap. Answers the place. */
  function place(accountId: string, id: string, position: number): number {
    const ids = inOrder(accountId).map((rule) => rule.id)
    const others = ids.filter((one) => one !== id)
    const at = Math.min(position, ids.length) - 1
    others.toSpliced(at, 0, id).forEach((one, index) => put.run(index + 1, one))
    return at + 1
  }

  /** Whether this agent may be started by mails of the account: its owner's, and not removed. */
  function hasAgent({ userId }: Pick<EmailAccount, 'userId'>, agentId: string): boolean {
    const agent = agents.find(agentId)
    return agent?.userId === userId && agent.deletedAt === null
  }

  function get(account: EmailAccount, id: string): StoredTrigger {
    const row = byId.get(id)
    if (row?.accountId !== account.id) throw new AppError('not_found', 'There is no such rule.')
    return toTrigger(row)
  }

  function check(account: EmailAccount, { agent_id }: TriggerChange, after: Trigger): void {
    if (agent_id && !hasAgent(account, agent_id)) throw invalidField('agent_id', 'There is no such agent.')
    if (after.agentId === null && account.agentId === null)
      throw invalidField('agent_id', 'Name the agent that this rule starts, or give the account one first.')
  }

  /** @NOTE what it looks for is the owner's own word. */
  function noted(action: string, account: EmailAccount, of: Noted, by: Actor): void {
    const { phrase, agentId, enabled, position } = of
    const rule = JSON.stringify({ phrase, agent_id: agentId, enabled, position })
    audit.record({ kind: 'email_account', action, subject: account.label, arguments: rule, by })
  }

  return {
    hasAgent,
    ofAccount: inOrder,

    /** What keeps a rule from starting anything, in words for the owner; null where nothing does. */
    warningOf(account: EmailAccount, { agentId }: Trigger): string | null {
      const chosen = agentId ?? account.agentId
      if (chosen === null) return 'Neither this rule nor its account names an agent, so it starts nothing.'
      return hasAgent(account, chosen)
        ? null
        : 'The agent of this rule is gone, so it starts nothing. Choose another one.'
    },

    create(account: EmailAccount, draft: TriggerDraft, by: Actor): StoredTrigger {
      return db.transact(() => {
        const last = inOrder(account.id).length
        if (last >= MOST_A_ACCOUNT)
          throw new AppError('conflict', `An account has at most ${MOST_A_ACCOUNT} rules. Remove one first.`)
        const at = now().toISOString()
        const blank = { id: newId(), accountId: account.id, agentId: null, enabled: true, createdAt: at, updatedAt: at }
        const trigger = { ...blank, phrase: draft.phrase, ...changeOf(draft), position: last + 1 }
        check(account, draft, trigger)
        insert.run({ ...trigger, userId: account.userId, enabled: Number(trigger.enabled) })
        const position = place(account.id, trigger.id, draft.position ?? trigger.position)
        noted('rule added', account, { ...trigger, position }, by)
        return { ...trigger, position }
      })
    },

    /** What is left out stays. */
    change(account: EmailAccount, id: string, draft: TriggerChange, by: Actor): void {
      db.transact(() => {
        const trigger = { ...get(account, id), ...changeOf(draft), updatedAt: now().toISOString() }
        if (draft.agent_id !== undefined) check(account, draft, trigger)
        update.run({ ...trigger, enabled: Number(trigger.enabled) })
        const position = draft.position === undefined ? undefined : place(account.id, id, draft.position)
        noted('rule changed', account, { ...trigger, position }, by)
      })
    },

    remove(account: EmailAccount, id: string, by: Actor): void {
      db.transact(() => {
        const trigger = get(account, id)
        drop.run(id)
        noted('rule removed', account, { ...trigger, position: undefined }, by)
      })
    },
  }
}

function changeOf({ phrase, agent_id, enabled }: TriggerChange): Partial<Trigger> {
  return {
    ...(phrase === undefined ? {} : { phrase }),
    ...(agent_id === undefined ? {} : { agentId: agent_id || null }),
    ...(enabled === undefined ? {} : { enabled }),
  }
}
