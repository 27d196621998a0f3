import type { Deps } from '../deps.ts'
import type { EmailAccount } from './account-rows.ts'
import type { Bookmarks } from './bookmarks.ts'
import { createListener, type Listener, type ListenerDeps } from './listener.ts'

export type AccountStatus = { status: 'connected' | 'connecting' | 'off' | 'error'; last_error: string | null }

export type ListenersDeps = Omit<ListenerDeps, 'heavy' | 'bookmarks'> &
  Deps & {
    bookmarks: Bookmarks
    accounts: {
      find(id: string): EmailAccount | undefined
      all(): EmailAccount[]
      onChange(listener: (id: string) => void): void
    }
    mayWork: (userId: string) => boolean
  }

export type Listeners = ReturnType<typeof createListeners>

/** What no other part tells of (a user who is deactivated) is seen after so long at the latest. */
const LOOK_MS = 10_000

const OFF: AccountStatus = { status: 'off', last_error: null }

/**
 * A listener for every enabled account that has an IMAP server. An account that its owner turned off begins anew when it is
 * listened to again; what comes while its owner is deactivated, or everything is paused, is kept.
 */
export function createListeners(deps: ListenersDeps) {
  const { accounts, bookmarks } = deps
  const going = new Map<string, Listener>()
  const heavy = oneAtATime()
  let timer: NodeJS.Timeout | undefined
  let isOpen = false
  /** Ends of listeners that are still under way. */
  const ending = new Set<Promise<void>>()

  /** Also without a rule yet: whoever sets an account up sees that it works, and a first rule fits the mail that comes next. */
  const isWanted = (account: EmailAccount): boolean => account.enabled && account.imap !== undefined

  function begin(account: EmailAccount): void {
    const listener = createListener(account, { ...deps, heavy })
    going.set(account.id, listener)
    listener.start()
  }

  function end(id: string): void {
    const stopped = going.get(id)?.stop()
    going.delete(id)
    if (!stopped) return
    ending.add(stopped)
    void stopped.finally(() => ending.delete(stopped))
  }

  function settle(account: EmailAccount): void {
    const wanted = isWanted(account)
    if (!wanted) bookmarks.drop(account.id)
    const goes = wanted && deps.mayWork(account.userId)
    if (goes === going.has(account.id)) return
    if (goes) begin(account)
    else end(account.id)
  }

  function look(): void {
    if (!isOpen) return
    try {
      const all = accounts.all()
      const ids = new Set(all.map(({ id }) => id))
      for (const id of going.keys()) if (!ids.has(id)) end(id)
      all.forEach(settle)
    } catch (error) {
      deps.log.error({ err: error }, 'the mail accounts could not be looked through')
    }
  }

  /** Whatever was changed, it is listened to as it is now, at once. */
  function changed(id: string): void {
    if (!isOpen) return
    end(id)
    look()
  }

  accounts.onChange(changed)

  return {
    start(): void {
      isOpen = true
      look()
      timer = setInterval(look, LOOK_MS).unref()
    },

    /** Something that listening depends on may have changed, such as its user. */
    look,

    statusOf: (id: string): AccountStatus => going.get(id)?.state() ?? OFF,

    /** How many accounts are in which state. */
    counts(): Record<AccountStatus['status'], number> {
      const counts = { connected: 0, connecting: 0, off: 0, error: 0 }
      for (const { id } of accounts.all()) counts[(going.get(id)?.state() ?? OFF).status]++
      return counts
    },

    /** After this nothing is submitted any more. */
    async close(): Promise<void> {
      isOpen = false
      clearInterval(timer)
      for (const id of [...going.keys()]) end(id)
      await Promise.all(ending)
    },
  }
}

/** Runs what it is given one after the other. */
function oneAtATime() {
  let turn: Promise<unknown> = Promise.resolve()
  return <T>(work: () => Promise<T>): Promise<T> => {
    const result = turn.then(work)
    turn = result.catch(() => {})
    return result
  }
}
