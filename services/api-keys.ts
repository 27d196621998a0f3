import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import type { Actor, Audit } from './audit.ts'
import type { Deps } from './deps.ts'
import type { Endings } from './endings.ts'
import { AppError } from './errors.ts'
import { newId } from './ids.ts'
import type { Integrity } from './shapes/labels.ts'
import type { Scope } from './shapes/api-key.ts'

export type ApiKey = {
  id: string
  name: string
  prefix: string
  scopes: Scope[]
  input: Integrity
  expires_at: string | null
  last_used_at: string | null
  created_at: string
}

export type ApiKeyDraft = {
  name: string
  scopes: Scope[]
  input?: Integrity | undefined
  expires_at?: string | null | undefined
}

type Row = Omit<ApiKey, 'scopes'> & { scopes: string; userId: string; keyHash: string }

const COLUMNS =
  'id, name, prefix, scopes, input, expires_at, last_used_at, created_at, user_id AS userId, key_hash AS keyHash'
const KEY = /^stw_([A-Za-z0-9]{8})_[A-Za-z0-9_-]{43}$/
const USED_EVERY_MS = 60_000
const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789'

export type ApiKeys = ReturnType<typeof createApiKeys>

/** Keys for scripts: `stw_<8 characters>_<43 characters>`, of which only a SHA-256 is kept. */
export function createApiKeys({ db, now, audit, endings }: Deps & { audit: Pick<Audit, 'record'>; endings: Endings }) {
  const byPrefix = db.prepare<[string], Row>(`SELECT ${COLUMNS} FROM api_keys WHERE prefix = ?`)
  const byId = db.prepare<[string], Row>(`SELECT ${COLUMNS} FROM api_keys WHERE id = ?`)
  const ofUser = db.prepare<[string], Row>(`SELECT ${COLUMNS} FROM api_keys WHERE user_id = ? ORDER BY created_at, id`)
  const insert = db.prepare(
    `INSERT INTO api_keys (id, user_id, name, prefix, key_hash, scopes, input, expires_at, created_at)
     VALUES (@id, @userId, @name, @prefix, @keyHash, @scopes, @input, @expires_at, @created_at)`,
  )
  const remove = db.prepare<[string, string], { prefix: string }>(
    'DELETE FROM api_keys WHERE id = ? AND user_id = ? RETURNING prefix',
  )
  const renew = db.prepare<[{ id: string; prefix: string; keyHash: string; expires_at: string | null }], Row>(
    `UPDATE api_keys SET prefix = @prefix, key_hash = @keyHash, expires_at = @expires_at, last_used_at = NULL
     WHERE id = @id RETURNING ${COLUMNS}`,
  )
  const used = db.prepare('UPDATE api_keys SET last_used_at = ? WHERE id = ?')

  const valid = (row: Row | undefined) =>
    row && (row.expires_at === null || row.expires_at > now().toISOString()) ? row : undefined

  function own(userId: string, id: string): Row {
    const row = byId.get(id)
    if (row?.userId !== userId) throw new AppError('not_found', 'There is no such API key.')
    return row
  }

  function noteUse(row: Row): void {
    const at = now()
    if (row.last_used_at !== null && at.getTime() - Date.parse(row.last_used_at) < USED_EVERY_MS) return
    used.run(at.toISOString(), row.id)
  }

  return {
    list: (userId: string): ApiKey[] => ofUser.all(userId).map(toApiKey),

    /** The key is in the answer this once and nowhere else. */
    create(userId: string, draft: ApiKeyDraft, by: Actor): ApiKey & { key: string } {
      const { key, prefix, keyHash } = newKey()
      const row: Row = {
        id: newId(),
        userId,
        name: draft.name,
        prefix,
        keyHash,
        scopes: JSON.stringify([...new Set(draft.scopes)]),
        input: draft.input ?? 'third_party',
        expires_at: draft.expires_at ? new Date(draft.expires_at).toISOString() : null,
        last_used_at: null,
        created_at: now().toISOString(),
      }
      db.transact(() => {
        insert.run(row)
        audit.record({
          kind: 'api_key',
          action: 'created',
          subject: prefix,
          by,
          outcome: `scopes ${row.scopes}, input ${row.input}`,
        })
      })
      return { ...toApiKey(row), key }
    },

    /** The user's own key; throws `not_found`. */
    get(userId: string, id: string): ApiKey {
      return toApiKey(own(userId, id))
    },

    /** Another key in place of this one, which is worth nothing from now on. `expires_at` stays where none is given. */
    rotate(
      userId: string,
      id: string,
      wish: { expires_at?: string | null | undefined },
      by: Actor,
    ): ApiKey & { key: string } {
      return db.transact(() => {
        const old = own(userId, id)
        const { key, ...made } = newKey()
        const end = wish.expires_at === undefined ? old.expires_at : wish.expires_at
        const expires_at = end === null ? null : new Date(end).toISOString()
        const row = renew.get({ id, expires_at, ...made })!
        const outcome = `in place of ${old.prefix}`
        audit.record({ kind: 'api_key', action: 'rotated', subject: made.prefix, by, outcome })
        db.afterCommit(() => endings.tell({ keyId: id }))
        return { ...toApiKey(row), key }
      })
    },

    remove(userId: string, id: string, by: Actor): void {
      db.transact(() => {
        const row = remove.get(id, userId)
        if (!row) throw new AppError('not_found', 'There is no such API key.')
        audit.record({ kind: 'api_key', action: 'removed', subject: row.prefix, by })
        db.afterCommit(() => endings.tell({ keyId: id }))
      })
    },

    /** Whose key this is; undefined for a wrong, expired or removed one. Compares in constant time. */
    verify(key: string): (ApiKey & { userId: string }) | undefined {
      const row = valid(byPrefix.get(KEY.exec(key)?.[1] ?? ''))
      if (!row || !timingSafeEqual(Buffer.from(row.keyHash), Buffer.from(sha256(key)))) return undefined
      noteUse(row)
      return { ...toApiKey(row), userId: row.userId }
    },

    /** The key as it is now; undefined once it has ended. */
    find(id: string): (ApiKey & { userId: string }) | undefined {
      const row = valid(byId.get(id))
      return row && { ...toApiKey(row), userId: row.userId }
    },
  }
}

function toApiKey(row: Row): ApiKey {
  const { id, name, prefix, input, expires_at, last_used_at, created_at } = row
  return { id, name, prefix, scopes: JSON.parse(row.scopes) as Scope[], input, expires_at, last_used_at, created_at }
}

function newKey(): { key: string; prefix: string; keyHash: string } {
  const prefix = randomText(8)
  const key = `stw_${prefix}_${randomBytes(32).toString('base64url')}`
  return { key, prefix, keyHash: sha256(key) }
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}

function randomText(length: number): string {
  let text = ''
  while (text.length < length) {
    const byte = randomBytes(1)[0]!
    if (byte < 248) text += ALPHABET[byte % ALPHABET.length]
  }
  return text
}
