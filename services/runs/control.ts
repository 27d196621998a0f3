import type { Db } from '../../db/open.ts'
import type { Actor, Audit } from '../audit.ts'
import type { Settings } from '../settings.ts'
import type { Gate } from './gate.ts'
import type { Queue } from './queue.ts'
import type { Runs } from './runs.ts'
import { COLUMNS, toRun, type Row, type Run, type RunStore } from './store.ts'

const MOST_SHOWN = 200

/** One that waits, as people are shown it. */
export type QueueItem = {
  run_id: string
  origin: string
  /** Of the task or agent; of neither where Steward itself answers. */
  name: string | null
  agent_id: string | null
  task_id: string | null
  conversation_id: string
  status: string
  lane: string
  /** How many stand before it; null where it waits for something else than its turn. */
  position: number | null
  reason: string
  created_at: string
}

export type Control = ReturnType<typeof createControl>

/** The switch for everything, and what stands in the queue and why. */
export function createControl({
  db,
  store,
  settings,
  audit,
  runs,
  queue,
  gate,
  nameOf,
}: {
  db: Db
  store: RunStore
  settings: Settings
  audit: Pick<Audit, 'record'>
  runs: Runs
  queue: Queue
  gate: Gate
  nameOf: (run: Run) => string
}) {
  const unfinished = db.prepare<[string, number], Row>(
    `SELECT ${COLUMNS} FROM runs WHERE status IN ('queued', 'waiting', 'paused') AND user_id = ? ORDER BY number LIMIT ?`,
  )
  const standing = db.prepare<[], { lane: 'chat' | 'background'; status: string; n: number }>(
    `SELECT lane, status, count(*) AS n FROM runs WHERE status IN ('queued', 'running', 'waiting', 'paused') GROUP BY lane, status`,
  )

  function setPaused(paused: boolean, by: Actor): void {
    if (settings.get('paused') === paused) return
    db.transact(() => {
      settings.change({ paused })
      audit.record({ kind: 'setting', action: paused ? 'paused' : 'resumed', subject: 'everything', by })
    })
    if (!paused) runs.release()
  }

  function item(run: Run, position: number): QueueItem {
    const { id, origin, agentId, taskId, conversationId, status, lane, createdAt } = run
    const name = agentId === null && taskId === null ? null : nameOf(run)
    const about = { run_id: id, name, origin, agent_id: agentId, task_id: taskId, conversation_id: conversationId }
    const inLine = status === 'queued' ? position : null
    return { ...about, status, lane, position: inLine, reason: reasonOf(run, position), created_at: createdAt }
  }

  function reasonOf(run: Run, position: number): string {
    if (run.status === 'waiting') return 'Waits for your answer, or for another agent.'
    const hold = run.hold ?? gate.holdOf(run)
    if (hold) return gate.reasonOf(hold)
    const [first] = store.active(run.conversationId)
    if (first && first.id !== run.id) return 'Waits for what goes on before it in its conversation.'
    const limit = run.lane === 'chat' ? 'max_concurrent_chats' : 'max_concurrent_runs'
    if (queue.running(run.lane) >= settings.get(limit))
      return `Waits for a free place; ${settings.get(limit)} go at a time.`
    if (run.autonomous && run.startedAt === null && !queue.roomThisHour())
      return `The ${settings.get('max_autonomous_runs_per_hour')} autonomous runs of this hour are used up.`
    return position === 0 ? 'Begins now.' : 'Waits for its turn.'
  }

  /** How many runs of the whole house go and wait. */
  function counts() {
    const rows = standing.all()
    const count = (status: string, lane?: string) =>
      rows
        .filter((row) => row.status === status && (lane ?? row.lane) === row.lane)
        .reduce((sum, row) => sum + row.n, 0)
    const of = (lane: 'chat' | 'background', limit: 'max_concurrent_chats' | 'max_concurrent_runs') => ({
      running: count('running', lane),
      queued: count('queued', lane),
      max_concurrent: settings.get(limit),
    })
    return {
      running: count('running'),
      queued: count('queued'),
      max_concurrent: settings.get('max_concurrent_runs'),
      waiting: count('waiting'),
      paused: count('paused'),
      is_paused: settings.get('paused'),
      chats: of('chat', 'max_concurrent_chats'),
      runs: of('background', 'max_concurrent_runs'),
    }
  }

  return {
    /** No model call and no tool starts any more, anywhere, until `resume`; nothing is lost. */
    pause: (by: Actor): void => setPaused(true, by),
    resume: (by: Actor): void => setPaused(false, by),

    counts,

    /** Counts of the whole house; the waiting ones of this user, in the order they came. */
    queue(userId: string) {
      const places = { chat: 0, background: 0 }
      const items = unfinished.all(userId, MOST_SHOWN).map((row) => {
        const run = toRun(row)!
        return item(run, run.status === 'queued' ? places[run.lane]++ : 0)
      })
      return { ...counts(), items }
    },
  }
}
