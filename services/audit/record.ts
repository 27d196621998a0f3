import type { KeyObject } from 'node:crypto'
import type { Deps } from '../deps.ts'
import { asKeys, chainReader, HEAD, macOf, openHead, sealHead } from './chain.ts'
import { FIELDS, masked, SYSTEM, valuesOf, type AuditDraft } from './entry.ts'

/** Stands where the mac before would, once the head is not ours: what follows shows as broken for good. */
const BROKEN = 'broken'

/** The audit keys of the present and of earlier master keys, the newest first, and word of a change. */
export type AuditKeys = {
  derive: (purpose: string) => Buffer
  deriveAll?: (purpose: string) => Buffer[]
  onRotated?: (listener: () => void) => void
}

export type RecordDeps = Deps & {
  vault: AuditKeys
  /** Masks known secrets in whatever an entry was given. */
  maskValue: (value: unknown) => unknown
}

export const keysOf = (vault: AuditKeys): Buffer[] => vault.deriveAll?.('audit') ?? [vault.derive('audit')]

/**
 * Writes entries, each linked to the head, which is kept with every entry in the same transaction. It goes on from the head
 * and not from the last row: where the newest rows are gone, or the head is another's, all that follows does not fit.
 */
export function createRecord({ db, now, vault, maskValue }: RecordDeps) {
  const insert = db.prepare(
    `INSERT INTO audit (${FIELDS.join(', ')}, mac) VALUES (${FIELDS.map(() => '?').join(', ')}, ?)`,
  )
  const putHead = db.prepare(
    `INSERT INTO settings (name, value, updated_at) VALUES ('${HEAD}', ?, ?)
     ON CONFLICT (name) DO UPDATE SET value = excluded.value, updated_at = excluded.updated_at`,
  )
  const reader = chainReader(db)
  const lastMac = db.prepare<[], { mac: string }>('SELECT mac FROM audit ORDER BY id DESC LIMIT 1')
  let keys: KeyObject[] = asKeys(keysOf(vault))
  /** The head as this process wrote it last: then it needs no look at its seal. */
  let written: { text: string; mac: string } | undefined

  function macBefore(): string {
    const text = reader.head()
    if (written !== undefined && text === written.text) return written.mac
    return openHead(keys, text)?.mac ?? BROKEN
  }

  function append(draft: AuditDraft, before: string): void {
    const at = now().toISOString()
    const values = valuesOf(draft, at)
    const mac = macOf(keys[0]!, before, values)
    const id = Number(insert.run(...values, mac).lastInsertRowid)
    const text = sealHead(keys[0]!, { id, mac })
    putHead.run(text, at)
    written = { text, mac }
  }

  function link(draft: AuditDraft): void {
    if (db.sqlite.inTransaction) append(draft, macBefore())
    else db.transact(() => append(draft, macBefore()))
  }

  const own = (action: string, subject: string): AuditDraft => ({ kind: 'audit', action, subject, by: SYSTEM })

  /**
   * Sees to it that there is a head under the newest key. A log without one is new, or from before there was any, or it was
   * tampered with; the entry that begins the head says so.
   */
  function anchor(): void {
    const text = reader.head()
    const head = openHead(keys, text)
    if (head?.key === 0) return
    if (head) return link(own('goes on', 'under a new master key'))
    if (text !== undefined) return
    const last = lastMac.get()
    const subject = last ? 'at the last entry there is; nothing says whether there were later ones' : 'with this entry'
    db.transact(() => append(own('begins', subject), last?.mac ?? ''))
  }

  vault.onRotated?.(() => {
    keys = asKeys(keysOf(vault))
    anchor()
  })
  anchor()
  return (draft: AuditDraft): void => link(masked(draft, maskValue))
}
