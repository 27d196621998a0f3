import { createHmac, createSecretKey, type KeyObject } from 'node:crypto'
import type { Db } from '../../db/open.ts'
import { FIELDS, type Value } from './entry.ts'

/** Where the chain stands: an entry and its mac. Before the first entry it is `{ id: 0, mac: '' }`. */
export type Link = { id: number; mac: string }

/** What the chain reads; a file opened for reading has it too. */
export type Rows = Pick<Db, 'prepare'>

/** A checkpoint's own words: entries up to `up_to`, whose mac was `mac`, are gone. */
export type Checkpoint = { removed: number; up_to: number; mac: string; older_than: string }

export const HEAD = 'audit_head'
export const BEGINNING: Link = { id: 0, mac: '' }

export const asKeys = (keys: readonly Buffer[]): KeyObject[] => keys.map((key) => createSecretKey(key))

/** HMAC-SHA-256 over the mac of the entry before and the values of FIELDS, as a JSON array. */
export function macOf(key: KeyObject, before: string, values: readonly unknown[]): string {
  return createHmac('sha256', key)
    .update(JSON.stringify([before, ...values]))
    .digest('base64url')
}

/** The head as it is kept: which entry is the newest, sealed so that nobody without the key can say it is another. */
export function sealHead(key: KeyObject, { id, mac }: Link): string {
  return JSON.stringify({ id, mac, seal: sealOf(key, id, mac) })
}

/** The head with the place of its key among `keys`; undefined where none of them sealed it. */
export function openHead(keys: readonly KeyObject[], text: string | undefined): (Link & { key: number }) | undefined {
  const { id, mac, seal } = parsed(text)
  if (typeof id !== 'number' || typeof mac !== 'string') return undefined
  const key = keys.findIndex((one) => sealOf(one, id, mac) === seal)
  return key < 0 ? undefined : { id, mac, key }
}

function sealOf(key: KeyObject, id: number, mac: string): string {
  return createHmac('sha256', key)
    .update(JSON.stringify(['head', id, mac]))
    .digest('base64url')
}

function parsed(text: string | undefined): { id?: unknown; mac?: unknown; seal?: unknown } {
  try {
    return (JSON.parse(text ?? '{}') ?? {}) as object
  } catch {
    return {}
  }
}

/** An entry as the chain sees it: id, the values of FIELDS, mac. */
export type ChainRow = [id: number, ...values: Value[], mac: string]

/**
 * Walks from link to link. `keys` are the newest first: entries of before a rotation of the master key are signed by an older
 * one, and none that follows a newer key's may be.
 */
export function createWalk(keys: readonly KeyObject[], start: Link) {
  let at = start
  let key = keys.length - 1
  return {
    at: (): Link => at,

    /** Takes the next entry, or answers false and stays where it is. */
    take(row: ChainRow): boolean {
      const [id, mac] = [row[0], row.at(-1) as string]
      const values = row.slice(1, -1)
      let signer = key
      while (signer >= 0 && macOf(keys[signer]!, at.mac, values) !== mac) signer--
      if (signer < 0 || id !== at.id + 1) return false
      key = signer
      at = { id, mac }
      return true
    },
  }
}

/** Reads the chain. Every statement goes along the primary key or an index, so the size of the log does not matter. */
export function chainReader(db: Rows) {
  const after = db
    .prepare<[number, number], ChainRow>(
      `SELECT id, ${FIELDS.join(', ')}, mac FROM audit WHERE id > ? ORDER BY id LIMIT ?`,
    )
    .raw() as unknown as { all(id: number, limit: number): ChainRow[] }
  const first = db.prepare<[], { id: number }>('SELECT id FROM audit ORDER BY id LIMIT 1')
  const newestCheckpoint = db.prepare<[], { id: number; arguments: string | null }>(
    `SELECT id, arguments FROM audit INDEXED BY audit_by_kind WHERE kind = 'checkpoint' ORDER BY id DESC LIMIT 1`,
  )
  const head = db.prepare<[string], { value: string }>('SELECT value FROM settings WHERE name = ?')

  return {
    after: (id: number, limit: number): ChainRow[] => after.all(id, limit),
    first: (): number | undefined => first.get()?.id,
    head: (): string | undefined => head.get(HEAD)?.value,

    /** The newest checkpoint; what it says counts only once the walk has come past it. */
    checkpoint(): (Checkpoint & { id: number }) | undefined {
      const row = newestCheckpoint.get()
      const said = parsed(row?.arguments ?? undefined) as Partial<Checkpoint>
      return row && typeof said.up_to === 'number' && typeof said.mac === 'string'
        ? {
            id: row.id,
            removed: said.removed ?? 0,
            up_to: said.up_to,
            mac: said.mac,
            older_than: said.older_than ?? '',
          }
        : undefined
    },

    /** Whether this entry carries the mac that follows from the one that is kept before it. */
    standsAlone(keys: readonly KeyObject[], id: number): boolean {
      const [before, row] = after.all(id - 2, 2)
      if (before?.[0] !== id - 1 || !row) return true
      return createWalk(keys, { id: id - 1, mac: before.at(-1) as string }).take(row)
    },
  }
}
