import type { Db } from '../../db/open.ts'

export type DavAccount = {
  id: string
  userId: string
  label: string
  url: string
  username: string
  /** PEM; null for the system's authorities. */
  tlsCa: string | null
  enabled: boolean
  /** Mail addresses that are the owner's own at this server. */
  addresses: string[]
  /** When the server was last asked what there is; null before that. */
  checkedAt: string | null
  lastError: string | null
  createdAt: string
  updatedAt: string
}

export type CollectionKind = 'calendar' | 'address_book'

/** What a server says of one calendar or address book. */
export type Found = { kind: CollectionKind; url: string; name: string; readOnly: boolean; shared: boolean }

export type Collection = Omit<Found, 'shared'> & {
  id: string
  accountId: string
  /** Others see it: as the owner says, else as the server does. */
  shared: boolean
  /** What the owner says of that; null for nothing. */
  marked: boolean | null
  used: boolean
  there: boolean
}

type Flat = Omit<DavAccount, 'enabled' | 'addresses'> & { enabled: number; addresses: string }
type FlatCollection = Omit<Collection, 'shared' | 'marked' | 'used' | 'there' | 'readOnly'> &
  Record<'seenShared' | 'used' | 'there' | 'readOnly', number> & { marked: number | null }

const COLUMNS = `id, user_id AS userId, label, url, username, tls_ca AS tlsCa, enabled, addresses, checked_at AS checkedAt,
  last_error AS lastError, created_at AS createdAt, updated_at AS updatedAt`
const OF_COLLECTION = `id, account_id AS accountId, kind, url, name, read_only AS readOnly, seen_shared AS seenShared,
  shared AS marked, used, there`

/** The rows of dav_accounts and dav_collections. Callers hold the transaction. */
export function createDavRows({ db }: { db: Db }) {
  const byId = db.prepare<[string], Flat>(`SELECT ${COLUMNS} FROM dav_accounts WHERE id = ?`)
  const byLabel = db.prepare<[string, string], { id: string }>(
    'SELECT id FROM dav_accounts WHERE user_id = ? AND label = ?',
  )
  const ofUser = db.prepare<[string], Flat>(
    `SELECT ${COLUMNS} FROM dav_accounts WHERE user_id = ? ORDER BY created_at, id`,
  )
  const put = db.prepare(
    `INSERT INTO dav_accounts (id, user_id, label, url, username, tls_ca, enabled, sealed, created_at, updated_at)
     VALUES (@id, @userId, @label, @url, @username, @tlsCa, @enabled, @sealed, @createdAt, @updatedAt)
     ON CONFLICT (id) DO UPDATE SET label = excluded.label, url = excluded.url, username = excluded.username,
       tls_ca = excluded.tls_ca, enabled = excluded.enabled, sealed = excluded.sealed, updated_at = excluded.updated_at`,
  )
  const drop = db.prepare('DELETE FROM dav_accounts WHERE id = ?')
  const sealed = db.prepare<[string], { sealed: string }>('SELECT sealed FROM dav_accounts WHERE id = ?')
  const labels = db.prepare<[], { id: string; label: string }>('SELECT id, label FROM dav_accounts')
  const checked = db.prepare(
    `UPDATE dav_accounts SET checked_at = @at, last_error = @error, addresses = coalesce(@addresses, addresses) WHERE id = @id`,
  )
  const collection = db.prepare<[string], FlatCollection>(`SELECT ${OF_COLLECTION} FROM dav_collections WHERE id = ?`)
  const collections = db.prepare<[string], FlatCollection>(
    `SELECT ${OF_COLLECTION} FROM dav_collections WHERE account_id = ? ORDER BY kind DESC, name, id`,
  )
  const found = db.prepare(
    `INSERT INTO dav_collections (id, account_id, kind, url, name, read_only, seen_shared, found_at)
     VALUES (@id, @accountId, @kind, @url, @name, @readOnly, @shared, @at)
     ON CONFLICT (account_id, url) DO UPDATE SET kind = excluded.kind, name = excluded.name, read_only = excluded.read_only,
       seen_shared = excluded.seen_shared, found_at = excluded.found_at, there = 1`,
  )
  const missed = db.prepare('UPDATE dav_collections SET there = 0 WHERE account_id = ? AND kind = ? AND found_at < ?')
  const forget = db.prepare('DELETE FROM dav_collections WHERE account_id = ?')
  const marks = db.prepare('UPDATE dav_collections SET used = ?, shared = ? WHERE id = ?')

  return {
    find(id: string): DavAccount | undefined {
      const row = byId.get(id)
      return row && toAccount(row)
    },
    idOfLabel: (userId: string, label: string): string | undefined => byLabel.get(userId, label)?.id,
    list: (userId: string): DavAccount[] => ofUser.all(userId).map(toAccount),
    put: (account: DavAccount, sealedPassword: string): void =>
      void put.run({ ...account, enabled: Number(account.enabled), addresses: null, sealed: sealedPassword }),
    drop: (id: string): void => void drop.run(id),
    sealedOf: (id: string): string | undefined => sealed.get(id)?.sealed,
    labels: (): { id: string; label: string }[] => labels.all(),

    collection(id: string): Collection | undefined {
      const row = collection.get(id)
      return row && toCollection(row)
    },
    collections: (accountId: string): Collection[] => collections.all(accountId).map(toCollection),
    mark: (id: string, used: boolean, shared: boolean | null): void =>
      void marks.run(Number(used), shared === null ? null : Number(shared), id),
    /** Another server has other collections. */
    forget: (accountId: string): void => void forget.run(accountId),

    see: (id: string, accountId: string, one: Found, at: string): void =>
      void found.run({ id, accountId, ...one, readOnly: Number(one.readOnly), shared: Number(one.shared), at }),
    /** Those of a kind that were not found since. */
    missed: (accountId: string, kind: CollectionKind, at: string): void => void missed.run(accountId, kind, at),
    checked: (id: string, at: string | null, error: string | null, addresses: readonly string[] | null): void =>
      void checked.run({ id, at, error, addresses: addresses && JSON.stringify(addresses) }),
  }
}

/** The calendars or address books that tools may use. */
export function usable(all: readonly Collection[], kind: CollectionKind): Collection[] {
  return all.filter((one) => one.kind === kind && one.used && one.there)
}

function toAccount(row: Flat): DavAccount {
  return { ...row, enabled: row.enabled === 1, addresses: JSON.parse(row.addresses) as string[] }
}

function toCollection({ seenShared, marked, ...row }: FlatCollection): Collection {
  return {
    ...row,
    readOnly: row.readOnly === 1,
    shared: (marked ?? seenShared) === 1,
    marked: marked === null ? null : marked === 1,
    used: row.used === 1,
    there: row.there === 1,
  }
}
