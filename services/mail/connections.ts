import { AppError } from '../errors.ts'
import { orAborted } from '../runs/attempt.ts'
import type { EmailAccount } from './account-rows.ts'
import { mailFault } from './faults.ts'
import { openImap, type ImapFlow } from './imap.ts'
import type { ResolveHost } from './resolver.ts'

export type ConnectionsDeps = {
  passwordOf: (id: string, half: 'imap' | 'smtp') => string | undefined
  resolve: ResolveHost
  version: string
  /** Told after every change of an account, with its id. */
  onChange: (listener: (id: string) => void) => void
  /** How long a connection that nobody uses stays open. */
  idleMs?: number
}

/** `again`: it changes nothing, so that a connection that had died unnoticed is simply made anew. */
export type Use = { signal: AbortSignal; again: boolean }

type Line = { client: ImapFlow | undefined; tail: Promise<unknown>; waiting: number; timer: NodeJS.Timeout | undefined }

const IDLE_MS = 20_000
const SILENT_MS = 30_000
const MOST_WAITING = 20
const GONE = new Set(['NoConnection', 'EConnectionClosed', 'StateLogout', 'ECONNRESET', 'EPIPE'])

export type Connections = ReturnType<typeof createConnections>

/**
 * One connection an account for what tools do there, opened when it is needed and closed after some seconds of quiet. Whoever
 * uses it has it alone until done; whoever is called off while using it takes it along.
 */
export function createConnections(deps: ConnectionsDeps) {
  const { idleMs = IDLE_MS } = deps
  const lines = new Map<string, Line>()
  let closed = false

  function lineOf(id: string): Line {
    const line = lines.get(id) ?? { client: undefined, tail: Promise.resolve(), waiting: 0, timer: undefined }
    lines.set(id, line)
    return line
  }

  function drop(line: Line): void {
    line.client?.close()
    line.client = undefined
  }

  /** The connection of the line, and whether it was there already. */
  async function connected(account: EmailAccount, line: Line): Promise<{ client: ImapFlow; used: boolean }> {
    if (line.client?.usable) return { client: line.client, used: true }
    drop(line)
    const password = deps.passwordOf(account.id, 'imap')
    line.client = await openImap(account, password, deps, { socketTimeoutMs: SILENT_MS })
    return { client: line.client, used: false }
  }

  async function work<T>(
    account: EmailAccount,
    line: Line,
    { signal, again }: Use,
    task: (client: ImapFlow) => Promise<T>,
  ): Promise<T> {
    const { client, used } = await connected(account, line)
    signal.throwIfAborted()
    try {
      return await task(client)
    } catch (error) {
      const gone = !client.usable || GONE.has((error as { code?: string }).code ?? '')
      if (gone) drop(line)
      signal.throwIfAborted()
      if (gone && used && again) return work(account, line, { signal, again }, task)
      throw error
    }
  }

  /** Whoever is called off takes the connection along, so that what is going on there ends soon. */
  async function taken<T>(line: Line, signal: AbortSignal, task: () => Promise<T>): Promise<T> {
    signal.throwIfAborted()
    const end = () => drop(line)
    signal.addEventListener('abort', end, { once: true })
    try {
      return await task()
    } finally {
      signal.removeEventListener('abort', end)
    }
  }

  function rest(line: Line): void {
    line.waiting--
    if (line.waiting > 0) return
    line.timer = setTimeout(() => void goodbye(line), idleMs).unref()
  }

  async function goodbye(line: Line): Promise<void> {
    const { client } = line
    line.client = undefined
    await client?.logout().catch(() => client.close())
  }

  deps.onChange((id) => {
    const line = lines.get(id)
    if (line) drop(line)
    if (line?.waiting === 0) lines.delete(id)
  })

  return {
    /**
     * Waits for its turn, then does something with the account's connection. Throws what went wrong in words for the owner,
     * or the reason of the signal.
     */
    async use<T>(account: EmailAccount, use: Use, task: (client: ImapFlow) => Promise<T>): Promise<T> {
      const { imap } = account
      if (!imap) throw new AppError('conflict', `${account.label} can send, but has no mailbox to look into.`)
      if (closed) throw new AppError('unavailable', 'Steward is stopping.')
      const line = lineOf(account.id)
      if (line.waiting >= MOST_WAITING)
        throw new AppError('unavailable', `Too much waits for ${account.label}. Try again.`)
      line.waiting++
      clearTimeout(line.timer)
      const turn = line.tail.then(() => taken(line, use.signal, () => work(account, line, use, task)))
      line.tail = turn.catch(() => {}).finally(() => rest(line))
      try {
        return await orAborted(turn, use.signal)
      } catch (error) {
        use.signal.throwIfAborted()
        throw mailFault('imap', imap, error)
      }
    },

    /** Says goodbye everywhere. */
    async close(): Promise<void> {
      closed = true
      const all = [...lines.values()]
      for (const { timer } of all) clearTimeout(timer)
      for (const line of all.filter(({ waiting }) => waiting > 0)) drop(line)
      await Promise.allSettled(all.map(goodbye))
    },
  }
}
