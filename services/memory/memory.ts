import type { Audit } from '../audit.ts'
import type { createCloseStack } from '../close.ts'
import type { Deps } from '../deps.ts'
import type { Log } from '../log.ts'
import type { Models } from '../models/index.ts'
import type { Settings } from '../settings.ts'
import { createMemoryRows } from './entries.ts'
import { createErase } from './erase.ts'
import { createEmbeddingSettings } from './embedding-settings.ts'
import { createMemories } from './memories.ts'
import { createRecall } from './recall.ts'
import { createSearch } from './search.ts'
import { createMemorySettings } from './settings.ts'
import { createTransfer } from './transfer.ts'
import { createVectors } from './vectors.ts'

export type BrainDeps = Deps & {
  newId: () => string
  log: Pick<Log, 'warn'>
  audit: Pick<Audit, 'record'>
  settings: Settings
  credentials: { mask: (text: string) => string; onChange: (listener: () => void) => void }
  models: () => Pick<Models, 'embedder'>
  closing: ReturnType<typeof createCloseStack>
}

export type Brain = ReturnType<typeof createBrain>

/** Long-term memory, put together. */
export function createBrain(deps: BrainDeps) {
  const { db, now, closing, credentials } = deps
  const base = { ...deps, mask: credentials.mask }
  const rows = createMemoryRows({ db })
  const erase = createErase(db)
  const vectors = createVectors(deps)
  const memories = createMemories({ ...base, rows, erase, onWritten: vectors.look })
  const settings = createMemorySettings(deps)
  credentials.onChange(vectors.look)
  closing.add('memory', () => vectors.close())
  setImmediate(vectors.look)
  return {
    memories,
    settings,
    embeddings: createEmbeddingSettings({ ...deps, vectors }),
    search: createSearch({ memories, rows, vectors }),
    transfer: createTransfer({ ...base, rows, onWritten: vectors.look }),
    recall: createRecall({ db, now, rows, settings }),
  }
}
