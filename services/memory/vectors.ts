import type { Db } from '../../db/open.ts'
import { AppError, messageOf } from '../errors.ts'
import type { Log } from '../log.ts'
import type { Models } from '../models/index.ts'
import { assertMayBeTold } from '../policy/told.ts'
import type { Settings } from '../settings.ts'

export type VectorsDeps = {
  db: Db
  log: Pick<Log, 'warn'>
  settings: Pick<Settings, 'get' | 'onChange'>
  models: () => Pick<Models, 'embedder'>
}

export type VectorState = { total: number; done: number; problem: string | null }

const AT_ONCE = 32
const WORK_MS = 60_000
const QUERY_MS = 3_000
const AGAIN_MS = [30_000, 120_000, 600_000, 1_800_000]
const LONGEST = 2_000

export type Vectors = ReturnType<typeof createVectors>

/**
 * What the embeddings model of the owner's choice makes of memories. Made in the background from what has none of this model
 * yet, so that a crash, a new model or a server that was away leaves nothing out. Nothing is asked while the house is
 * paused, nor of a provider that may hear only what is public.
 */
export function createVectors({ db, log, settings, models }: VectorsDeps) {
  const missing = db.prepare<[string, number], { number: number; text: string }>(
    `SELECT m.number, m.text FROM memories AS m LEFT JOIN memory_vectors AS v ON v.memory_number = m.number AND v.model = ?
     WHERE v.memory_number IS NULL ORDER BY m.number LIMIT ?`,
  )
  const put = db.prepare(
    `INSERT INTO memory_vectors (memory_number, model, vector) SELECT number, @model, @vector FROM memories WHERE number = @number AND text = @text
     ON CONFLICT (memory_number) DO UPDATE SET model = excluded.model, vector = excluded.vector`,
  )
  const ofUser = db.prepare<[string, string], { number: number; vector: Buffer }>(
    `SELECT v.memory_number AS number, v.vector FROM memories AS m JOIN memory_vectors AS v ON v.memory_number = m.number
     WHERE m.user_id = ? AND v.model = ?`,
  )
  const counts = db.prepare<[string], { total: number; done: number }>(
    'SELECT (SELECT count(*) FROM memories) AS total, (SELECT count(*) FROM memory_vectors WHERE model = ?) AS done',
  )
  const dropAll = db.prepare('DELETE FROM memory_vectors')
  let going: Promise<void> | undefined
  let timer: NodeJS.Timeout | undefined
  let failures = 0
  let problem: string | null = null
  let isOver = false
  const closing = new AbortController()

  /** Throws where there is none, or where it may not be told. */
  function embedder() {
    const id = settings.get('embedding_model')
    if (id === null) return undefined
    const { provider, embed } = models().embedder(id)
    assertMayBeTold(provider, 'private', settings.get('public_only_providers'))
    return { id, embed }
  }

  async function work(): Promise<void> {
    while (!isOver && !settings.get('paused')) {
      const model = embedder()
      if (!model) return
      const rows = missing.all(model.id, AT_ONCE)
      if (rows.length === 0) return
      const signal = AbortSignal.any([closing.signal, AbortSignal.timeout(WORK_MS)])
      const texts = rows.map(({ text }) => text.slice(0, LONGEST))
      const vectors = await model.embed(texts, signal)
      db.transact(() => rows.forEach((row, at) => put.run({ ...row, model: model.id, vector: bytesOf(vectors[at]!) })))
      problem = null
      failures = 0
    }
  }

  /** Looks for what is to be done; what cannot be done now is tried again later. */
  function look(): void {
    if (isOver || going || settings.get('embedding_model') === null) return
    clearTimeout(timer)
    going = work()
      .catch(later)
      .finally(() => (going = undefined))
  }

  function later(error: unknown): void {
    if (isOver) return
    problem = messageOf(error)
    const wait = AGAIN_MS[Math.min(failures++, AGAIN_MS.length - 1)]!
    log.warn({ reason: problem, seconds: wait / 1_000 }, 'memories could not be embedded; trying again later')
    timer = setTimeout(look, wait).unref()
  }

  settings.onChange((changed) => {
    if (changed.embedding_model === null) dropAll.run()
    if (changed.embedding_model !== undefined) failures = 0
    if (changed.embedding_model !== undefined || changed.public_only_providers || changed.paused === false) look()
  })

  return {
    look,

    state(): VectorState {
      const id = settings.get('embedding_model')
      return id === null ? { total: 0, done: 0, problem: null } : { ...counts.get(id)!, problem }
    },

    /** Throws `invalid` for a model that cannot be used, before it is chosen. */
    check(id: string): void {
      const { provider } = models().embedder(id)
      assertMayBeTold(provider, 'private', settings.get('public_only_providers'))
    },

    /**
     * The memories of a user that are nearest to a question, the nearest first; undefined without a model, while paused, and
     * where nothing was embedded yet. Throws AppError where the model could not be asked.
     */
    async nearest(userId: string, query: string, limit: number, signal: AbortSignal): Promise<number[] | undefined> {
      const model = settings.get('paused') ? undefined : embedder()
      if (!model || counts.get(model.id)!.done === 0) return undefined
      const asked = AbortSignal.any([signal, closing.signal, AbortSignal.timeout(QUERY_MS)])
      const [wanted] = await model.embed([query.slice(0, LONGEST)], asked).catch((error: unknown) => {
        signal.throwIfAborted()
        throw error instanceof AppError
          ? error
          : new AppError('upstream_failed', 'The embeddings model took too long.', { cause: error })
      })
      return nearestOf(wanted!, ofUser.iterate(userId, model.id), limit)
    },

    async close(): Promise<void> {
      isOver = true
      clearTimeout(timer)
      closing.abort()
      await going
    },
  }
}

const bytesOf = (vector: Float32Array): Buffer => Buffer.from(vector.buffer, vector.byteOffset, vector.byteLength)

function floatsOf(bytes: Buffer): Float32Array {
  const aligned = bytes.byteOffset % 4 === 0 ? bytes : Buffer.from(new Uint8Array(bytes).buffer)
  return new Float32Array(aligned.buffer, aligned.byteOffset, Math.floor(aligned.byteLength / 4))
}

/** By the cosine, which of vectors of length 1 is the sum of products. */
function nearestOf(wanted: Float32Array, rows: Iterable<{ number: number; vector: Buffer }>, limit: number): number[] {
  const found: { number: number; score: number }[] = []
  for (const { number, vector } of rows) {
    const floats = floatsOf(vector)
    if (floats.length !== wanted.length) continue
    let score = 0
    for (let at = 0; at < floats.length; at++) score += floats[at]! * wanted[at]!
    found.push({ number, score })
  }
  return found
    .sort((a, b) => b.score - a.score)
    .slice(0, limit)
    .map(({ number }) => number)
}
