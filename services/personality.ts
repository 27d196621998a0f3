import type { Actor, Audit } from './audit.ts'
import type { Deps } from './deps.ts'

/** The owner's own words: how the agent is called, how it should be (`soul`), and whom it works for (`user`). */
export type Personality = { agentName: string; soul: string; user: string }

const DEFAULT: Personality = { agentName: 'Steward', soul: '', user: '' }

export type Personalities = ReturnType<typeof createPersonalities>

/** Each user's own. They go into system prompts as the owner's words, so nobody else may ever write them. */
export function createPersonalities({ db, now, audit }: Deps & { audit: Pick<Audit, 'record'> }) {
  const byUser = db.prepare<[string], Personality>(
    'SELECT agent_name AS agentName, soul, about AS user FROM personalities WHERE user_id = ?',
  )
  const put = db.prepare(
    `INSERT INTO personalities (user_id, agent_name, soul, about, updated_at) VALUES (@userId, @agentName, @soul, @user, @at)
     ON CONFLICT (user_id) DO UPDATE SET agent_name = excluded.agent_name, soul = excluded.soul, about = excluded.about,
       updated_at = excluded.updated_at`,
  )
  const known = new Map<string, Personality>()

  function get(userId: string): Personality {
    const personality = known.get(userId) ?? byUser.get(userId) ?? DEFAULT
    known.set(userId, personality)
    return personality
  }

  return {
    get,

    /** Changes what is given and leaves the rest. The audit log says which texts, not what they say. */
    change(userId: string, values: { [K in keyof Personality]?: Personality[K] | undefined }, by: Actor): void {
      const before = get(userId)
      const after = {
        agentName: values.agentName ?? before.agentName,
        soul: values.soul ?? before.soul,
        user: values.user ?? before.user,
      }
      const changed = (['agentName', 'soul', 'user'] as const).filter((name) => after[name] !== before[name])
      if (changed.length === 0) return
      db.transact(() => {
        put.run({ userId, ...after, at: now().toISOString() })
        const subject = changed.map((name) => (name === 'agentName' ? 'agent_name' : name)).join(', ')
        audit.record({ kind: 'setting', action: 'personality changed', subject, by })
        db.afterCommit(() => known.set(userId, after))
      })
    },
  }
}
