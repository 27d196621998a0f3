import { randomBytes } from 'node:crypto'
import type { Actor, Audit } from '../audit.ts'
import { cursorsOf } from '../cursors.ts'
import type { Deps } from '../deps.ts'
import { AppError, invalidField } from '../errors.ts'
import { given } from '../given.ts'
import type { OutboxStore } from '../outbox/store.ts'
import { isPrivateLiteral, normaliseUrl } from '../outgoing/addresses.ts'
import type { Vault } from '../vault.ts'

export type Target = {
  id: string
  userId: string
  name: string
  url: string
  description: string
  /** The owner's own device or service. */
  owner: boolean
  enabled: boolean
  createdAt: string
  updatedAt: string
}

export type TargetChange = {
  name?: string | undefined
  url?: string | undefined
  description?: string | undefined
  owner?: boolean | undefined
  enabled?: boolean | undefined
}
export type TargetDraft = TargetChange & { name: string; url: string }

type Row = Omit<Target, 'owner' | 'enabled'> & { owner: number; enabled: number }

const COLUMNS = `id, user_id AS userId, name, url, description, owner, enabled, created_at AS createdAt, updated_at AS updatedAt`
const CURSORS = cursorsOf('webhook targets')
const PREFIX = 'whsec_'
const SECRET_BYTES = 32

export type WebhookTargets = ReturnType<typeof createWebhookTargets>

/**
 * Where messages may be posted to, a list for each user. The signing secret is given out once, when it is made, and is
 * masked everywhere else. What waits for a target fails when the target is removed.
 */
export function createWebhookTargets({
  db,
  now,
  newId,
  vault,
  audit,
  outbox,
  alsoMask,
}: Deps & {
  newId: () => string
  vault: Pick<Vault, 'seal' | 'open'>
  audit: Pick<Audit, 'record'>
  outbox: Pick<OutboxStore, 'failQueued' | 'last'>
  alsoMask: (source: () => Iterable<[string, string]>) => () => void
}) {
  const byId = db.prepare<[string], Row>(`SELECT ${COLUMNS} FROM webhook_targets WHERE id = ?`)
  const byName = db.prepare<[string, string], Row>(
    `SELECT ${COLUMNS} FROM webhook_targets WHERE user_id = ? AND name = ?`,
  )
  const names = db.prepare<[string], { name: string }>(
    'SELECT name FROM webhook_targets WHERE user_id = (SELECT ?) AND enabled = 1 ORDER BY name LIMIT 100',
  )
  const page = db.prepare<[string, string, number], Row>(
    `SELECT ${COLUMNS} FROM webhook_targets WHERE user_id = ? AND name > ? ORDER BY name LIMIT ?`,
  )
  const count = db.prepare<[string], { n: number }>('SELECT count(*) AS n FROM webhook_targets WHERE user_id = ?')
  const insert = db.prepare(
    `INSERT INTO webhook_targets (id, user_id, name, url, description, owner, enabled, sealed, created_at, updated_at)
     VALUES (@id, @userId, @name, @url, @description, @owner, @enabled, @sealed, @at, @at)`,
  )
  const update = db.prepare(
    `UPDATE webhook_targets SET name = @name, url = @url, description = @description, owner = @owner, enabled = @enabled,
       updated_at = @at WHERE id = @id`,
  )
  const reseal = db.prepare('UPDATE webhook_targets SET sealed = ?, updated_at = ? WHERE id = ?')
  const drop = db.prepare('DELETE FROM webhook_targets WHERE id = ?')
  const sealedOf = db.prepare<[string], { sealed: string }>('SELECT sealed FROM webhook_targets WHERE id = ?')
  const all = db.prepare<[], { id: string; name: string }>('SELECT id, name FROM webhook_targets')
  const roleOf = db.prepare<[string], { role: string }>('SELECT role FROM users WHERE id = ?')

  const at = () => now().toISOString()
  const place = (id: string) => ({ table: 'webhook_targets', row: id, field: 'secret' })
  const secretOf = (id: string): string => vault.open(sealedOf.get(id)!.sealed, place(id))
  const makerMayReachPrivate = ({ userId }: Pick<Target, 'userId'>): boolean => roleOf.get(userId)?.role === 'admin'
  const secretsChanged = alsoMask(() => all.all().flatMap(maskedForms))

  /** The secret is worth masking without its prefix too. One row that cannot be opened must not take others along. */
  function maskedForms({ id, name }: { id: string; name: string }): [string, string][] {
    try {
      const secret = secretOf(id)
      return [secret, secret.slice(PREFIX.length)].map((form) => [`webhook:${name}`, form])
    } catch {
      return []
    }
  }

  function get(userId: string, id: string): Target {
    const target = toTarget(byId.get(id))
    if (target?.userId !== userId) throw new AppError('not_found', 'There is no such webhook target.')
    return target
  }

  function address(text: string, userId: string): string {
    const url = normaliseUrl(text)
    if (url === undefined)
      throw invalidField('url', 'Give a whole address that starts with https:// or http:// and holds no password.')
    if (isPrivateLiteral(url) && !makerMayReachPrivate({ userId }))
      throw invalidField('url', 'Only an administrator may send to addresses inside the house.')
    return url
  }

  function assertFree(userId: string, name: string, self?: string): void {
    const known = byName.get(userId, name)
    if (known && known.id !== self)
      throw new AppError('conflict', `There is a webhook target named ${known.name} already.`)
  }

  /** @NOTE only the origin of the address: its path and query may be all that keeps strangers out. */
  function noted(action: string, { name, url }: Pick<Target, 'name' | 'url'>, by: Actor): void {
    const where = JSON.stringify({ origin: new URL(url).origin })
    audit.record({ kind: 'webhook_target', action, subject: name, arguments: where, by })
  }

  function sealNew(id: string): { secret: string; sealed: string } {
    const secret = PREFIX + randomBytes(SECRET_BYTES).toString('base64')
    return { secret, sealed: vault.seal(secret, place(id)) }
  }

  return {
    get,
    find: (id: string): Target | undefined => toTarget(byId.get(id)),
    findByName: (userId: string, name: string): Target | undefined => toTarget(byName.get(userId, name)),
    names: (userId: string): string[] => names.all(userId).map(({ name }) => name),
    secretOf,
    /** Decided by what its maker may do today. */
    makerMayReachPrivate,

    /** By name. */
    list(userId: string, { limit, cursor }: { limit: number; cursor?: string | undefined }) {
      const rows = page.all(userId, CURSORS.from(cursor) ?? '', limit + 1)
      const items = rows.slice(0, limit).map((row) => toTarget(row)!)
      const next_cursor = rows.length > limit ? CURSORS.to(items.at(-1)!.name) : null
      return { items, next_cursor, total: count.get(userId)!.n }
    },

    lastDelivery: (id: string) => outbox.last(id),

    create(userId: string, draft: TargetDraft, by: Actor): { target: Target; secret: string } {
      const id = newId()
      const { secret, sealed } = sealNew(id)
      return db.transact(() => {
        const { name, description = '', owner = false, enabled = true } = draft
        const url = address(draft.url, userId)
        assertFree(userId, name)
        const flags = { owner: Number(owner), enabled: Number(enabled) }
        insert.run({ id, userId, name, url, description, ...flags, sealed, at: at() })
        noted('created', { name, url }, by)
        db.afterCommit(secretsChanged)
        return { target: get(userId, id), secret }
      })
    },

    change(userId: string, id: string, change: TargetChange, by: Actor): void {
      db.transact(() => {
        const present = get(userId, id)
        const next = { ...present, ...given(change) }
        if (change.url !== undefined) next.url = address(change.url, userId)
        assertFree(userId, next.name, id)
        update.run({ ...next, owner: Number(next.owner), enabled: Number(next.enabled), at: at() })
        noted('changed', next, by)
        db.afterCommit(secretsChanged)
      })
    },

    remove(userId: string, id: string, by: Actor): void {
      db.transact(() => {
        const target = get(userId, id)
        drop.run(id)
        outbox.failQueued({ address: id }, 'The webhook target was removed.')
        noted('removed', target, by)
        db.afterCommit(secretsChanged)
      })
    },

    /** A new secret; the old one is worth nothing from now on. */
    rotate(userId: string, id: string, by: Actor): { target: Target; secret: string } {
      return db.transact(() => {
        const target = get(userId, id)
        const { secret, sealed } = sealNew(id)
        reseal.run(sealed, at(), id)
        noted('rotated', target, by)
        db.afterCommit(secretsChanged)
        return { target: get(userId, id), secret }
      })
    },
  }
}

function toTarget(row: Row | undefined): Target | undefined {
  return row && { ...row, owner: row.owner === 1, enabled: row.enabled === 1 }
}
