import { createHmac } from 'node:crypto'
import type { Deps } from './deps.ts'
import { AppError } from './errors.ts'
import type { Masking } from './policy/masking.ts'
import type { Vault } from './vault.ts'

/** One request of a user. Its stored answer is found again by the key, and is only given for the same `request`. */
export type AskedOnce = { userId: string; key: string; request: string; showsSecret: boolean }

export type StoredAnswer = { status: number; body: unknown }
type Row = { request: string; status: number; answer: string | null; answerId: string | null }

const KEPT_MS = 24 * 3600_000

export type Idempotency = ReturnType<typeof createIdempotency>

type IdempotencyDeps = Deps & Pick<Masking, 'maskValue'> & { vault: Pick<Vault, 'derive'> }

/**
 * Lets a client repeat a creating request without creating twice. Where `work` is synchronous, the stored answer is written
 * in the transaction of the effect, so both exist or neither. Of the request only an HMAC is kept.
 */
export function createIdempotency({ db, now, maskValue, vault }: IdempotencyDeps) {
  const find = db.prepare<[string, string, string], Row>(
    'SELECT request, status, answer, answer_id AS answerId FROM idempotency_keys WHERE user_id = ? AND key = ? AND created_at > ?',
  )
  const put = db.prepare(
    `INSERT OR REPLACE INTO idempotency_keys (user_id, key, request, status, answer, answer_id, created_at)
     VALUES (?, ?, ?, ?, ?, ?, ?)`,
  )
  const sweep = db.prepare('DELETE FROM idempotency_keys WHERE created_at <= ?')
  const oldest = () => new Date(now().getTime() - KEPT_MS).toISOString()

  /** Requests whose answer is not there yet. */
  const going = new Set<string>()

  const digestOf = ({ request }: AskedOnce): string =>
    createHmac('sha256', vault.derive('idempotency')).update(request).digest('hex')

  /** What was answered before; throws `conflict` where it may not be said again. */
  function replay(asked: AskedOnce): StoredAnswer | undefined {
    const row = find.get(asked.userId, asked.key, oldest())
    if (!row) return undefined
    if (row.request !== digestOf(asked))
      throw new AppError('conflict', 'This Idempotency-Key was already used for another request. Use a new one.')
    if (row.answer !== null) return { status: row.status, body: JSON.parse(row.answer) }
    throw new AppError('conflict', 'This was already done, and its answer held a secret that is shown only once.', {
      ...(row.answerId === null ? {} : { detail: { id: row.answerId } }),
    })
  }

  function store(asked: AskedOnce, { status, body }: StoredAnswer): void {
    const id = (body as { id?: string } | null)?.id ?? null
    const answer = asked.showsSecret ? null : JSON.stringify(maskValue(body))
    put.run(asked.userId, asked.key, digestOf(asked), status, answer, id, now().toISOString())
  }

  /** A synchronous effect and its answer are one transaction; a later answer is stored when it is there. */
  async function work(asked: AskedOnce, act: () => StoredAnswer): Promise<StoredAnswer> {
    const answer = db.transact(() => {
      const acted = act()
      if (!(acted.body instanceof Promise)) store(asked, acted)
      return acted
    })
    if (!(answer.body instanceof Promise)) return answer
    const later = { status: answer.status, body: (await answer.body) as unknown }
    store(asked, later)
    return later
  }

  return {
    /**
     * Prepares and acts once for this user and key; a repeat gets the stored answer, and `conflict` while the first is still
     * going. What fails is not stored: the next attempt acts.
     */
    async once<I>(asked: AskedOnce, prepare: () => Promise<I>, act: (input: I) => StoredAnswer): Promise<StoredAnswer> {
      const before = replay(asked)
      if (before) return before
      const place = JSON.stringify([asked.userId, asked.key])
      if (going.has(place))
        throw new AppError('conflict', 'The first request with this Idempotency-Key is still going. Ask again soon.')
      going.add(place)
      try {
        const input = await prepare()
        return await work(asked, () => act(input))
      } finally {
        going.delete(place)
      }
    },
    sweep: (): number => sweep.run(oldest()).changes,
  }
}
