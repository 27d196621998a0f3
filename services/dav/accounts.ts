import type { Actor, Audit } from '../audit.ts'
import { cursorsOf, pageOf } from '../cursors.ts'
import type { Deps } from '../deps.ts'
import { AppError, invalidField } from '../errors.ts'
import { hostKeys } from '../outgoing/addresses.ts'
import type { DavAccountChange, DavAccountDraft } from '../shapes/dav-account.ts'
import type { Vault } from '../vault.ts'
import { createDavRows, type CollectionKind, type DavAccount, type Found } from './account-rows.ts'
import { davAddress } from './address.ts'

export type DavAccountsDeps = Deps & {
  newId: () => string
  vault: Pick<Vault, 'seal' | 'open'>
  audit: Pick<Audit, 'record'>
  credentials: { alsoMask: (source: () => Iterable<[string, string]>) => () => void }
  config: { allowedPrivateHosts: ReadonlySet<string> }
}

const CURSORS = cursorsOf('dav accounts')

export type DavAccounts = ReturnType<typeof createDavAccounts>

/**
 * The servers of each user's calendars and address books, and what was found there. A password goes in and never comes out again
 * but for the server it was given for: an account that is pointed elsewhere asks for it anew.
 */
export function createDavAccounts(deps: DavAccountsDeps) {
  const { db, now, newId, vault, audit } = deps
  const rows = createDavRows({ db })
  const privateHosts = hostKeys(deps.config.allowedPrivateHosts)
  const at = () => now().toISOString()
  const place = (id: string) => ({ table: 'dav_accounts', row: id, field: 'password' })
  const passwordOf = (id: string): string => vault.open(rows.sealedOf(id)!, place(id))
  const secretsChanged = deps.credentials.alsoMask(() => rows.labels().flatMap(masked))

  /** One that cannot be opened must not take the others along. */
  function masked({ id, label }: { id: string; label: string }): [string, string][] {
    try {
      return [[`dav:${label}`, passwordOf(id)]]
    } catch {
      return []
    }
  }

  function get(userId: string, id: string): DavAccount {
    const account = rows.find(id)
    if (account?.userId !== userId)
      throw new AppError('not_found', 'There is no such account of calendars and contacts.')
    return account
  }

  function merged(before: DavAccount, change: DavAccountChange): DavAccount {
    return {
      ...before,
      label: change.label ?? before.label,
      url: change.url === undefined ? before.url : davAddress(change.url, privateHosts),
      username: change.username ?? before.username,
      tlsCa: change.tls_ca === undefined ? before.tlsCa : change.tls_ca || null,
      enabled: change.enabled ?? before.enabled,
      updatedAt: at(),
    }
  }

  function check(account: DavAccount): void {
    const known = rows.idOfLabel(account.userId, account.label)
    if (known !== undefined && known !== account.id)
      throw new AppError('conflict', `There is an account named ${account.label} already.`)
    if (account.tlsCa !== null && !/-----BEGIN CERTIFICATE-----/.test(account.tlsCa))
      throw invalidField('tls_ca', 'Paste the certificate as PEM text: it begins with -----BEGIN CERTIFICATE-----.')
  }

  /** What was given for one server is not told to another. */
  function sealedAfter(before: DavAccount, after: DavAccount, password: string | undefined): string {
    if (password !== undefined) return vault.seal(password, place(after.id))
    const [was, is] = [new URL(before.url), new URL(after.url)]
    if (was.origin === is.origin && before.username === after.username) return rows.sealedOf(after.id)!
    throw invalidField(
      'password',
      `The password was given for ${before.username} at ${was.host}. Give it again, since it would be used otherwise from now on.`,
    )
  }

  function markAll(accountId: string, changes: DavAccountChange['collections'] = []): void {
    for (const { id, used, shared } of changes) {
      const collection = rows.collection(id)
      if (collection?.accountId !== accountId)
        throw invalidField('collections', 'There is no such calendar or address book in this account.')
      rows.mark(id, used ?? collection.used, shared === undefined ? collection.marked : shared)
    }
  }

  function noted(action: string, { label, url }: DavAccount, by: Actor, change: DavAccountChange = {}): void {
    const { collections } = change
    const facts = JSON.stringify({ url, ...(collections ? { collections } : {}) })
    audit.record({ kind: 'dav_account', action, subject: label, arguments: facts, by })
  }

  return {
    get,
    find: rows.find,
    list: rows.list,
    page: (userId: string, query: { limit: number; cursor?: string | undefined }) =>
      pageOf(rows.list(userId), query, {
        placeOf: (one) => `${one.createdAt} ${one.id}`,
        order: 'ascending',
        cursors: CURSORS,
      }),
    /** For the moment of use. */
    passwordOf,
    collection: rows.collection,
    collections: rows.collections,

    create(userId: string, draft: DavAccountDraft, by: Actor): DavAccount {
      return db.transact(() => {
        const account = merged(blank({ id: newId(), userId, at: at() }), draft)
        check(account)
        rows.put(account, vault.seal(draft.password, place(account.id)))
        noted('created', account, by)
        db.afterCommit(secretsChanged)
        return get(userId, account.id)
      })
    },

    change(userId: string, id: string, change: DavAccountChange, by: Actor): void {
      db.transact(() => {
        const before = get(userId, id)
        const after = merged(before, change)
        check(after)
        rows.put(after, sealedAfter(before, after, change.password))
        markAll(id, change.collections)
        if (before.url !== after.url || before.username !== after.username) rows.forget(id)
        if (change.url !== undefined || change.password !== undefined) rows.checked(id, null, null, null)
        noted('changed', after, by, change)
        db.afterCommit(secretsChanged)
      })
    },

    remove(userId: string, id: string, by: Actor): void {
      db.transact(() => {
        const account = get(userId, id)
        rows.drop(id)
        noted('removed', account, by)
        db.afterCommit(secretsChanged)
      })
    },

    /** Keeps what was found of one kind. Marks of the owner stay, also on what is missed. */
    found(account: DavAccount, kind: CollectionKind, all: readonly Found[]): void {
      db.transact(() => {
        if (rows.find(account.id)?.url !== account.url) return
        const moment = at()
        for (const one of all) rows.see(newId(), account.id, one, moment)
        rows.missed(account.id, kind, moment)
      })
    },

    /** Keeps what was found of one that is known. */
    seen(account: DavAccount, one: Found): void {
      db.transact(() => rows.see(newId(), account.id, one, at()))
    },

    /** Keeps how looking at the server ended. `addresses`: the owner's own there, where it said so. */
    checked(id: string, error: string | null, addresses: readonly string[] | null = null): void {
      rows.checked(id, at(), error, addresses)
    },

    tested: (account: DavAccount, by: Actor): void => noted('tested', account, by),
  }
}

function blank({ id, userId, at }: { id: string; userId: string; at: string }): DavAccount {
  return {
    id,
    userId,
    label: '',
    url: '',
    username: '',
    tlsCa: null,
    enabled: true,
    addresses: [],
    checkedAt: null,
    lastError: null,
    createdAt: at,
    updatedAt: at,
  }
}
