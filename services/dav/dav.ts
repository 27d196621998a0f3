import { resolveSrv } from 'node:dns/promises'
import type { Actor } from '../audit.ts'
import { AppError, messageOf } from '../errors.ts'
import type { LookupService, NetworkEdge } from '../outgoing/connect.ts'
import { createOwnServers } from '../outgoing/own-servers.ts'
import { usable, type Collection, type CollectionKind, type DavAccount } from './account-rows.ts'
import { createDavAccounts, type DavAccountsDeps } from './accounts.ts'
import { discover, lookAtCollection } from './discovery.ts'
import { createWire, type Wire } from './wire.ts'

export type DavDeps = DavAccountsDeps & {
  version: string
  edge?: NetworkEdge | undefined
  isAdmin: (userId: string) => boolean
}

/** What a test found of one kind; `error` says which step failed and what to do. */
export type DavCheck = Record<'calendars' | 'address_books', { ok: boolean; error?: string; names: string[] }>

/** A calendar or address book that a tool may use, with the way to its server. */
export type Place = { account: DavAccount; collection: Collection; wire: Wire }

const FRESH_MS = 6 * 3_600_000
const KINDS: readonly CollectionKind[] = ['calendar', 'address_book']

export type Dav = ReturnType<typeof createDav>

/** Servers of calendars and address books and the way to them, put together. */
export function createDav(deps: DavDeps) {
  const accounts = createDavAccounts(deps)
  const { allowedPrivateHosts } = deps.config
  const servers = createOwnServers({ ...deps.edge, allowedPrivateHosts, version: deps.version })
  const lookupService: LookupService = deps.edge?.lookupService ?? resolveSrv

  function wireTo(account: DavAccount, signal: AbortSignal): Wire {
    const anywhere = deps.isAdmin(account.userId)
    return createWire(account, { servers, anywhere, password: accounts.passwordOf(account.id), signal })
  }

  /** Looks for everything anew. What of one kind cannot be found leaves the other as it is. */
  async function lookAround(
    account: DavAccount,
    signal: AbortSignal,
  ): Promise<Record<CollectionKind, AppError | undefined>> {
    const wire = wireTo(account, signal)
    const addresses = new Set<string>()
    const failed: Partial<Record<CollectionKind, AppError>> = {}
    for (const kind of KINDS) {
      try {
        const found = await discover(account, kind, { wire, lookupService })
        accounts.found(account, kind, found.collections)
        for (const address of found.addresses) addresses.add(address)
      } catch (error) {
        signal.throwIfAborted()
        failed[kind] =
          error instanceof AppError ? error : new AppError('upstream_failed', messageOf(error), { cause: error })
      }
    }
    const both = failed.calendar && failed.address_book
    accounts.checked(account.id, both ? failed.calendar!.message : null, both ? null : [...addresses])
    return { calendar: failed.calendar, address_book: failed.address_book }
  }

  /** Where there is nothing known, or what is known is old; a server that is away then takes nothing from what is known. */
  async function refreshed(account: DavAccount, kind: CollectionKind, signal: AbortSignal): Promise<DavAccount> {
    const age = account.checkedAt === null ? Infinity : deps.now().getTime() - Date.parse(account.checkedAt)
    const known = accounts.collections(account.id).filter((one) => one.kind === kind)
    if (age < FRESH_MS && (known.length > 0 || account.lastError === null)) return account
    const failed = await lookAround(account, signal)
    if (failed[kind] && known.length === 0 && failed[kind].code !== 'not_found')
      throw new AppError(failed[kind].code, `${account.label}: ${failed[kind].message}`)
    return accounts.find(account.id) ?? account
  }

  return {
    accounts,
    wireTo,

    /** Everything that may be used of one kind, account by account. Throws where a server that was never reached cannot be. */
    async places(userId: string, kind: CollectionKind, signal: AbortSignal): Promise<Place[]> {
      const all: Place[] = []
      for (const one of accounts.list(userId).filter(({ enabled }) => enabled)) {
        const account = await refreshed(one, kind, signal)
        const wire = wireTo(account, signal)
        for (const collection of usable(accounts.collections(account.id), kind)) all.push({ account, collection, wire })
      }
      return all
    },

    /** A calendar or address book of the user by its id. Throws `not_found`, also for one that is not to be used. */
    place(userId: string, collectionId: string, signal: AbortSignal): Place {
      const collection = accounts.collection(collectionId)
      const account = collection && accounts.find(collection.accountId)
      if (!account || account.userId !== userId || !account.enabled || !collection.used)
        throw new AppError('not_found', 'There is nothing with that id. Take ids from a list or a search.')
      return { account, collection, wire: wireTo(account, signal) }
    },

    /** The same as the server has it at this moment: whether others see it may have changed. */
    async now({ account, collection, wire }: Place): Promise<Place> {
      const found = await lookAtCollection(collection.url, collection.kind, wire)
      if (!found)
        throw new AppError('not_found', `${account.label} has no such ${collection.kind.replace('_', ' ')} any more.`)
      accounts.seen(account, found)
      return { account, collection: accounts.collection(collection.id) ?? collection, wire }
    },

    /** Signs in, and says what is there or which step failed. */
    async check(userId: string, id: string, by: Actor): Promise<DavCheck> {
      const account = accounts.get(userId, id)
      accounts.tested(account, by)
      const failed = await lookAround(account, AbortSignal.timeout(120_000))
      const all = accounts.collections(id).filter(({ there }) => there)
      const half = (kind: CollectionKind) => {
        const error = failed[kind]
        const names = all.filter((one) => one.kind === kind).map(({ name }) => name)
        return error ? { ok: false, error: error.message, names: [] } : { ok: true, names }
      }
      return { calendars: half('calendar'), address_books: half('address_book') }
    },
  }
}
