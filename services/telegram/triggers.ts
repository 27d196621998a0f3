import type { Actor, Audit } from '../audit.ts'
import type { Deps } from '../deps.ts'
import { AppError, invalidField } from '../errors.ts'
import { fits, wordsOf } from '../phrases.ts'

/** A word, or several, that pick an agent for a message. */
export type Trigger = { id: string; position: number; triggerWord: string; agentId: string; enabled: boolean }
type Row = Omit<Trigger, 'enabled'> & { enabled: number }

export type TriggerChange = {
  triggerWord?: string | undefined
  agentId?: string | undefined
  enabled?: boolean | undefined
  position?: number | undefined
}
export type TriggerDraft = TriggerChange & { triggerWord: string; agentId: string }

const COLUMNS = 'id, position, trigger_word AS triggerWord, agent_id AS agentId, enabled'
const MOST = 200

export type TriggersDeps = Deps & {
  newId: () => string
  audit: Pick<Audit, 'record'>
  agents: { get(userId: string, id: string): unknown }
}

export type Triggers = ReturnType<typeof createTriggers>

/** Which words in a message pick which agent, each user's own. */
export function createTriggers({ db, now, newId, audit, agents }: TriggersDeps) {
  const byId = db.prepare<[string, string], Row>(
    `SELECT ${COLUMNS} FROM telegram_triggers WHERE id = ? AND user_id = ?`,
  )
  const ofUser = db.prepare<[string], Row>(
    `SELECT ${COLUMNS} FROM telegram_triggers WHERE user_id = ? ORDER BY position, id`,
  )
  const put = db.prepare(
    `INSERT INTO telegram_triggers (id, user_id, position, trigger_word, agent_id, enabled, created_at, updated_at)
     VALUES (@id, @userId, @position, @triggerWord, @agentId, @enabled, @at, @at)
     ON CONFLICT (id) DO UPDATE SET position = excluded.position, trigger_word = excluded.trigger_word,
       agent_id = excluded.agent_id, enabled = excluded.enabled, updated_at = excluded.updated_at`,
  )
  const remove = db.prepare('DELETE FROM telegram_triggers WHERE id = ?')

  const list = (userId: string): Trigger[] => ofUser.all(userId).map(toTrigger)

  function get(userId: string, id: string): Trigger {
    const row = byId.get(id, userId)
    if (!row) throw new AppError('not_found', 'There is no such trigger.')
    return toTrigger(row)
  }

  function write(userId: string, trigger: Trigger, action: string, by: Actor): void {
    if (wordsOf(trigger.triggerWord).length === 0) throw invalidField('trigger_word', 'Give at least one word.')
    knownAgent(userId, trigger.agentId)
    put.run({ ...trigger, userId, enabled: Number(trigger.enabled), at: now().toISOString() })
    noted(action, trigger, by)
  }

  function knownAgent(userId: string, agentId: string): void {
    try {
      agents.get(userId, agentId)
    } catch {
      throw invalidField('agent_id', 'There is no such agent.')
    }
  }

  function noted(action: string, { triggerWord, agentId, enabled }: Trigger, by: Actor): void {
    const said = JSON.stringify({ agent_id: agentId, enabled })
    audit.record({ kind: 'telegram', action: `trigger ${action}`, subject: triggerWord, by, agentId, arguments: said })
  }

  return {
    list,
    get,

    /** At the end, unless it says where. */
    create(userId: string, draft: TriggerDraft, by: Actor): Trigger {
      return db.transact(() => {
        const all = list(userId)
        if (all.length >= MOST) throw new AppError('conflict', `There are ${MOST} triggers already; remove one first.`)
        const { enabled = true, position = (all.at(-1)?.position ?? 0) + 1 } = draft
        const trigger = { id: newId(), triggerWord: draft.triggerWord, agentId: draft.agentId, enabled, position }
        write(userId, trigger, 'created', by)
        return trigger
      })
    },

    change(userId: string, id: string, change: TriggerChange, by: Actor): void {
      db.transact(() => {
        const before = get(userId, id)
        const { triggerWord = before.triggerWord, agentId = before.agentId } = change
        const { enabled = before.enabled, position = before.position } = change
        write(userId, { id, triggerWord, agentId, enabled, position }, 'changed', by)
      })
    },

    remove(userId: string, id: string, by: Actor): void {
      db.transact(() => {
        const trigger = get(userId, id)
        remove.run(id)
        noted('removed', trigger, by)
      })
    },

    /** The first enabled one, by position, all of whose words occur in the text. */
    pick: (userId: string, text: string): Trigger | undefined =>
      list(userId).find(({ enabled, triggerWord }) => enabled && fits(triggerWord, text)),
  }
}

const toTrigger = (row: Row): Trigger => ({ ...row, enabled: row.enabled === 1 })
