import { cursorsOf } from '../cursors.ts'
import type { Deps } from '../deps.ts'
import type { Masking } from '../policy/masking.ts'

export type OutboxState = 'queued' | 'sending' | 'delivered' | 'failed' | 'uncertain'

/** What leaves by a door. `id` is told to the receiver and stays the same however often it is sent. */
export type Draft = {
  id: string
  userId: string
  runId: string | null
  callId: string | null
  door: 'webhook' | 'email' | 'telegram'
  /** In the door's own terms: the id of a webhook target or of a mail account, or a user's and a chat's. */
  address: string
  body: string
}

export type Message = Draft & {
  state: OutboxState
  attempts: number
  nextAttemptAt: string | null
  lastStatus: number | null
  lastError: string | null
  /** The beginning of what came back. */
  answer: string | null
  createdAt: string
  updatedAt: string
}

type Change = {
  state: OutboxState
  nextAttemptAt?: string | null
  lastStatus?: number | null
  lastError?: string | null
  answer?: string | null
}

const COLUMNS = `id, user_id AS userId, run_id AS runId, call_id AS callId, door, address, body, state, attempts,
  next_attempt_at AS nextAttemptAt, last_status AS lastStatus, last_error AS lastError, answer, created_at AS createdAt,
  updated_at AS updatedAt`

const CURSORS = cursorsOf('deliveries')
/** Above so many rows the count stops. */
const MOST_COUNTED = 10_000

export type OutboxStore = ReturnType<typeof createOutboxStore>

/**
 * The rows of the outbox. Callers hold the transaction.
 * @NOTE the long lists of states are those of the index `outbox_unsettled`, which is used for the very same words only.
 */
export function createOutboxStore({ db, now, maskValue }: Deps & Pick<Masking, 'maskValue'>) {
  const at = () => now().toISOString()
  const byId = db.prepare<[string], Message>(`SELECT ${COLUMNS} FROM outbox WHERE id = ?`)
  const put = db.prepare(
    `INSERT INTO outbox (id, user_id, run_id, call_id, door, address, body, state, next_attempt_at, created_at, updated_at)
     VALUES (@id, @userId, @runId, @callId, @door, @address, @body, 'queued', @at, @at, @at)
     ON CONFLICT (id) DO UPDATE SET state = 'queued', address = excluded.address, next_attempt_at = excluded.next_attempt_at,
       updated_at = excluded.updated_at`,
  )
  const begin = db.prepare(
    `UPDATE outbox SET state = 'sending', attempts = attempts + 1, next_attempt_at = NULL, updated_at = ?
     WHERE id = ? AND state = 'queued'`,
  )
  const count = db.prepare(
    `UPDATE outbox SET attempts = attempts + 1 WHERE id = ? AND door = 'email' AND state = 'queued'`,
  )
  const change = db.prepare(
    `UPDATE outbox SET state = @state, next_attempt_at = @nextAttemptAt, last_status = @lastStatus, last_error = @lastError,
       answer = @answer, updated_at = @at WHERE id = @id`,
  )
  const due = db.prepare<[string], { id: string; address: string; door: Draft['door'] }>(
    `SELECT min(id) AS id, address, door FROM outbox INDEXED BY outbox_due
     WHERE state = 'queued' AND next_attempt_at <= ? GROUP BY address ORDER BY min(next_attempt_at)`,
  )
  const next = db.prepare<[string], { at: string | null }>(
    `SELECT min(next_attempt_at) AS at FROM outbox WHERE state = 'queued' AND next_attempt_at > ?`,
  )
  const again = db.prepare(
    `UPDATE outbox SET state = 'queued', next_attempt_at = @at, last_error = @error, updated_at = @at
     WHERE state IN ('queued', 'sending', 'uncertain') AND state = 'sending' AND door = @door AND call_id IS NULL`,
  )
  const lost = db.prepare(
    `UPDATE outbox SET state = 'uncertain', last_error = ?, updated_at = ?
     WHERE state IN ('queued', 'sending', 'uncertain') AND state = 'sending' AND EXISTS (
       SELECT 1 FROM steps JOIN runs ON runs.id = steps.run_id WHERE steps.id = call_id AND steps.status = 'started'
         AND runs.status IN ('queued', 'running', 'waiting', 'paused'))`,
  )
  const sending = db.prepare<[], Message>(
    `SELECT ${COLUMNS} FROM outbox WHERE state IN ('queued', 'sending', 'uncertain') AND state = 'sending' ORDER BY id`,
  )
  const failQueued = db.prepare<object, { id: string }>(
    `UPDATE outbox SET state = 'failed', next_attempt_at = NULL, last_error = @error, updated_at = @at
     WHERE state = 'queued' AND (address = @address OR run_id = @runId) RETURNING id`,
  )
  const empty = db.prepare("UPDATE outbox SET body = '' WHERE id = ?")
  const uncopied = db.prepare<[], { id: string }>(
    "SELECT id FROM outbox WHERE door = 'email' AND state = 'delivered' AND body <> '' ORDER BY id",
  )
  const last = db.prepare<[string], Message>(
    `SELECT ${COLUMNS} FROM outbox WHERE address = (SELECT ?) ORDER BY id DESC LIMIT 1`,
  )
  const page = db.prepare<[string, string, number], Message>(
    `SELECT ${COLUMNS} FROM outbox WHERE address = (SELECT ?) AND id < ? ORDER BY id DESC LIMIT ?`,
  )
  const howMany = db.prepare<[string], { n: number }>(
    `SELECT count(*) AS n FROM (SELECT 1 FROM outbox WHERE address = ? LIMIT ${MOST_COUNTED})`,
  )
  const unsettled = db.prepare<[], { state: OutboxState; n: number }>(
    `SELECT state, count(*) AS n FROM outbox WHERE state IN ('queued', 'sending', 'uncertain') GROUP BY state`,
  )

  return {
    find: (id: string): Message | undefined => byId.get(id),

    /** Queued and due at once. A row that is there already keeps its body: a repeat repeats the same words. */
    put: (draft: Draft): void => void put.run({ ...draft, at: at() }),

    /** Written before the request goes out; false when somebody else has it in hand. */
    begin: (id: string): boolean => begin.run(at(), id).changes === 1,

    /** An attempt that came to nothing before a mail itself had begun to leave is one as well. */
    count: (id: string): void => void count.run(id),

    change(id: string, to: Change): void {
      const { lastError = null, answer = null } = to
      const said = { lastError: maskValue(lastError), answer: maskValue(answer) }
      change.run({ nextAttemptAt: null, lastStatus: null, ...to, ...said, id, at: at() })
    },

    /** The oldest due row of each address, the most overdue address first. */
    due: (): { id: string; address: string; door: Draft['door'] }[] => due.all(at()),
    /** When the next row that is not due yet will be. */
    nextDue: (): string | null => next.get(at())?.at ?? null,

    /** What was on its way by a door whose own words may be said again, when the process ended, goes out again. */
    sendAgain: (door: Draft['door'], error: string): void => void again.run({ door, error, at: at() }),

    sending: (): Message[] => sending.all(),

    /** What was on its way when the process ended, of calls whose runs will ask about it; how many that were. */
    markLost: (error: string): number => lost.run(error, at()).changes,
    /** Answers the ids of those. */
    failQueued: (of: { address: string } | { runId: string }, error: string): string[] =>
      failQueued.all({ address: null, runId: null, ...of, error, at: at() }).map(({ id }) => id),

    /** What it said is kept no longer. */
    empty: (id: string): void => void empty.run(id),
    /** Mails that were delivered and still hold what the sender's own copy is made of. */
    uncopied: (): string[] => uncopied.all().map(({ id }) => id),

    last: (address: string): Message | undefined => last.get(address),

    /** Newest first. */
    list(address: string, { limit, cursor }: { limit: number; cursor?: string | undefined }) {
      const rows = page.all(address, CURSORS.from(cursor) ?? '~', limit + 1)
      const items = rows.slice(0, limit)
      const total = howMany.get(address)!.n
      return {
        items,
        next_cursor: rows.length > limit ? CURSORS.to(items.at(-1)!.id) : null,
        total,
        ...(total === MOST_COUNTED ? { total_is_min: true } : {}),
      }
    },

    counts(): { queued: number; sending: number; uncertain: number } {
      const found = Object.fromEntries(unsettled.all().map(({ state, n }) => [state, n]))
      return { queued: 0, sending: 0, uncertain: 0, ...found }
    },
  }
}
