import { createHash } from 'node:crypto'
import type { Deps } from './deps.ts'
import { AppError } from './errors.ts'
import type { Masking } from './policy/masking.ts'

export type StoredAnswer = { status: number; body: unknown }
type Row = { request: string; status: number; answer: string | null; answerId: string | null }

const KEPT_MS = 24 * 3600_000

export type Idempotency = ReturnType<typeof createIdempotency>

/**
 * Lets a client repeat a creating request without creating twice. The stored answer is written in the transaction of the
 * effect, so both exist or neither.
 */
export function createIdempotency({ db, now, maskValue }: Deps & Pick<Masking, 'maskValue'>) {
  const find = db.prepare<[string, string, string], Row>(
    'SELECT request, status, answer, answer_id AS answerId FROM idempotency_keys WHERE user_id = ? AND key = ? AND created_at > ?',
  )
  const put = db.prepare(
    `INSERT OR REPLACE INTO idempotency_keys (user_id, key, request, status, answer, answer_id, created_at)
     VALUES (?, ?, ?, ?, ?, ?, ?)`,
  )
  const sweep = db.prepare('DELETE FROM idempotency_keys WHERE created_at <= ?')
  const oldest = () => new Date(now().getTime() - KEPT_MS).toISOString()

  function replay(row: Row, request: string): StoredAnswer {
    if (row.request !== request) {
      throw new AppError('conflict', 'This Idempotency-Key was already used for another request. Use a new one.')
    }
    if (row.answer === null) {
      throw new AppError('conflict', 'This was already done, and its answer held a secret that is shown only once.', {
        detail: { id: row.answerId },
      })
    }
    return { status: row.status, body: JSON.parse(row.answer) }
  }

  return {
    /** Does `work` once for this user and key; a repeat gets the stored answer. `work` must be synchronous. */
    once(options: {
      userId: string
      key: string
      request: string
      showsSecret: boolean
      work: () => StoredAnswer
    }): StoredAnswer {
      const { userId, key, showsSecret } = options
      const request = createHash('sha256').update(options.request).digest('hex')
      return db.transact(() => {
        const row = find.get(userId, key, oldest())
        if (row) return replay(row, request)
        const answer = options.work()
        const id = (answer.body as { id?: string }).id ?? null
        put.run(
          userId,
          key,
          request,
          answer.status,
          showsSecret ? null : JSON.stringify(maskValue(answer.body)),
          id,
          now().toISOString(),
        )
        return answer
      })
    },
    sweep: (): void => void sweep.run(oldest()),
  }
}
