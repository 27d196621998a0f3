import type { Deps } from './deps.ts'
import { createLists } from './audit/lists.ts'
import { createRecord, keysOf, type AuditKeys } from './audit/record.ts'
import { createRetention } from './audit/retention.ts'
import { verifyChain } from './audit/verify.ts'
import type { Settings } from './settings.ts'

export type { Actor, AuditDraft, AuditEntry } from './audit/entry.ts'
export type { AuditFilter } from './audit/lists.ts'

export type AuditDeps = Deps & { vault: AuditKeys; settings: Settings; maskValue?: (value: unknown) => unknown }

export type Audit = ReturnType<typeof createAudit>

/**
 * The append-only log of what was done. `record` joins the transaction it is called in, so an entry exists exactly when
 * the thing itself was committed. Each entry's HMAC-SHA-256 covers the entry and the one before it, and the newest is named
 * by a sealed head, so that a changed, moved or missing entry shows.
 */
export function createAudit({ db, now, vault, settings, maskValue = (value) => value }: AuditDeps) {
  const base = { db, now }
  const record = createRecord({ ...base, vault, maskValue })
  const keys = () => keysOf(vault)
  let last: Promise<unknown> = Promise.resolve()

  function alone<T>(work: () => Promise<T>): Promise<T> {
    const mine = last.then(work)
    last = mine.catch(() => {})
    return mine
  }

  return {
    record,
    ...createLists({ db }),
    retention: createRetention({ ...base, settings, record, keys, alone }),
    verify: () => alone(() => verifyChain(db, keys())),
  }
}
