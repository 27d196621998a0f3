import type { Actor, Audit } from '../audit.ts'
import type { Deps } from '../deps.ts'
import { AppError, invalidField } from '../errors.ts'
import type { EmailAccount } from './account-rows.ts'
import type { Trigger } from './judge.ts'

export type TriggerChange = {
  phrase?: string | undefined
  agent_id?: string | null | undefined
  enabled?: boolean | undefined
}
export type TriggerDraft = TriggerChange & { phrase: string }
export type StoredTrigger = Trigger & { accountId: string; createdAt: string; updatedAt: string }

type Row = Omit<StoredTrigger, 'enabled'> & { enabled: number }

const COLUMNS =
  'id, account_id AS accountId, phrase, agent_id AS agentId, enabled, created_at AS createdAt, updated_at AS updatedAt'
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
    `SELECT ${COLUMNS} FROM email_triggers WHERE account_id = ? ORDER BY created_at, id`,
  )
  const byId = db.prepare<[string], Row>(`SELECT ${COLUMNS} FROM email_triggers WHERE id = ?`)
  const count = db.prepare<[string], { n: number }>('SELECT count(*) AS n FROM email_triggers WHERE account_id = ?')
  const insert = db.prepare(
    `INSERT INTO email_triggers (id, user_id, account_id, phrase, agent_id, enabled, created_at, updated_at)
     VALUES (@id, @userId, @accountId, @phrase, @agentId, @enabled, @createdAt, @updatedAt)`,
  )
  const update = db.prepare(
    'UPDATE email_triggers SET phrase = @phrase, agent_id = @agentId, enabled = @enabled, updated_at = @updatedAt WHERE id = @id',
  )
  const drop = db.prepare('DELETE FROM email_triggers WHERE id = ?')

  const toTrigger = (row: Row): StoredTrigger => ({ ...row, enabled: row.enabled === 1 })

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
  function noted(action: string, account: EmailAccount, { phrase, agentId, enabled }: Trigger, by: Actor): void {
    const rule = JSON.stringify({ phrase, agent_id: agentId, enabled })
    audit.record({ kind: 'email_account', action, subject: account.label, arguments: rule, by })
  }

  return {
    hasAgent,
    ofAccount: (accountId: string): StoredTrigger[] => ofAccount.all(accountId).map(toTrigger),

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
        if (count.get(account.id)!.n >= MOST_A_ACCOUNT)
          throw new AppError('conflict', `An account has at most ${MOST_A_ACCOUNT} rules. Remove one first.`)
        const at = now().toISOString()
        const blank = { id: newId(), accountId: account.id, agentId: null, enabled: true, createdAt: at, updatedAt: at }
        const trigger = { ...blank, phrase: draft.phrase, ...changeOf(draft) }
        check(account, draft, trigger)
        insert.run({ ...trigger, userId: account.userId, enabled: Number(trigger.enabled) })
        noted('rule added', account, trigger, by)
        return trigger
      })
    },

    /** What is left out stays. */
    change(account: EmailAccount, id: string, draft: TriggerChange, by: Actor): void {
      db.transact(() => {
        const trigger = { ...get(account, id), ...changeOf(draft), updatedAt: now().toISOString() }
        if (draft.agent_id !== undefined) check(account, draft, trigger)
        update.run({ ...trigger, enabled: Number(trigger.enabled) })
        noted('rule changed', account, trigger, by)
      })
    },

    remove(account: EmailAccount, id: string, by: Actor): void {
      db.transact(() => {
        const trigger = get(account, id)
        drop.run(id)
        noted('rule removed', account, trigger, by)
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
