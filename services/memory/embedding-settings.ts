import type { Db } from '../../db/open.ts'
import type { Actor, Audit } from '../audit.ts'
import { AppError, invalidField } from '../errors.ts'
import type { Settings } from '../settings.ts'
import type { Vectors, VectorState } from './vectors.ts'

export type EmbeddingValues = { embedding_model: string | null } & VectorState

/** Which model memory is also searched with. The choice says that this provider may be told all of it. */
export function createEmbeddingSettings({
  db,
  settings,
  audit,
  vectors,
}: {
  db: Db
  settings: Settings
  audit: Pick<Audit, 'record'>
  vectors: Vectors
}) {
  return {
    get: (): EmbeddingValues => ({ embedding_model: settings.get('embedding_model'), ...vectors.state() }),

    /** Throws `invalid` for a model of a provider that has none, is not set up, or may hear only what is public. */
    change(model: string | null, by: Actor): void {
      const before = settings.get('embedding_model')
      if (model === before) return
      try {
        if (model !== null) vectors.check(model)
      } catch (error) {
        throw error instanceof AppError ? invalidField('embedding_model', error.message) : error
      }
      db.transact(() => {
        settings.change({ embedding_model: model })
        const subject = `${before ?? 'none'} → ${model ?? 'none'}`
        audit.record({ kind: 'setting', action: 'embedding model changed', subject, by })
      })
    },
  }
}
