import type { CallToolResult } from '@modelcontextprotocol/client'
import { UncertainError } from '../agent/tool.ts'
import { AppError } from '../errors.ts'
import { createConnect, type ConnectDeps, type Link } from './connect.ts'
import { explained, isRefusal, neverHappened } from './faults.ts'
import type { Pins } from './pins.ts'
import type { Server, ServerTool } from './rows.ts'

/** `error`: the last attempt failed. `idle`: it is started when it is needed. */
export type Status = {
  status: 'running' | 'idle' | 'error' | 'off'
  lastError: string | null
  lastSeenAt: string | null
}

export type ConnectionsDeps = ConnectDeps & {
  now: () => Date
  pins: Pins
  /** Tools that the owner has to look at before they can be used. */
  onUnseen: (server: Server, names: string[]) => void
  onFault: (error: unknown) => void
}

const IDLE_MS = 5 * 60_000
const PROOF_MS = 30_000
const PING_MS = 5_000
const LOOK_AGAIN_MS = 60_000
const MOST_FAILURES = 3
const FAILURES_MS = 60_000

/** `leave` takes it out of its place, where another one has not taken that. */
type Live = {
  link: Link
  leave: () => void
  /** Whether its user was an administrator when it was opened. */
  asAdmin: boolean
  ended: boolean
  provenAt: number
  listedAt: number
  busy: number
  idle?: NodeJS.Timeout
}
type Known = { live?: Promise<Live>; failures: number[]; lastError: string | null; lastSeenAt: string | null }

export type Connections = ReturnType<typeof createConnections>

/**
 * One connection to each server, opened when it is first needed and closed when nobody used it for five minutes. Before a call
 * it is known to live (a ping where it was silent for a while), and its tools are known to be the accepted ones.
 * A server that failed three times within a minute is left alone for the rest of it.
 */
export function createConnections(deps: ConnectionsDeps) {
  const { pins } = deps
  const connect = createConnect(deps)
  const known = new Map<string, Known>()

  function entryOf(id: string): Known {
    const entry = known.get(id) ?? { failures: [], lastError: null, lastSeenAt: null }
    known.set(id, entry)
    return entry
  }

  function failed(server: Server, error: unknown): AppError {
    const entry = entryOf(server.id)
    entry.failures.push(deps.now().getTime())
    const told = explained(server, error)
    entry.lastError = told.message
    return told
  }

  function refuseTooSoon(server: Server, entry: Known): void {
    const since = deps.now().getTime() - FAILURES_MS
    entry.failures = entry.failures.filter((at) => at > since)
    if (entry.failures.length < MOST_FAILURES) return
    const wait = Math.ceil((entry.failures[0]! - since) / 1000)
    const words = `It failed ${MOST_FAILURES} times within a minute and is left alone for ${wait} seconds.`
    throw new AppError('unavailable', `${entry.lastError} ${words}`, { retryAfter: wait })
  }

  function open(server: Server, entry: Known): Promise<Live> {
    const leave = () => {
      if (entry.live === opening) delete entry.live
    }
    const opening = opened(server, leave)
    return (entry.live = opening)
  }

  async function opened(server: Server, leave: () => void): Promise<Live> {
    const asAdmin = deps.isAdmin(server.userId)
    const fresh = { ended: false, provenAt: 0, listedAt: 0, busy: 0 }
    const live: Live = { link: undefined as never, leave, asAdmin, ...fresh }
    const onClose = () => {
      if (live.busy === 0 && live.listedAt > 0)
        failed(server, Object.assign(new Error('closed'), { code: 'CONNECTION_CLOSED' }))
      left(live)
    }
    try {
      live.link = await connect.open(server, {
        close: onClose,
        tools: () => void look(server, live).catch((error: unknown) => void (live.ended || failed(server, error))),
      })
      await look(server, live)
    } catch (error) {
      left(live)
      await live.link?.close()
      throw failed(server, error)
    }
    entryOf(server.id).lastError = null
    return live
  }

  /** Asks what its tools are, and keeps what it says. */
  async function look(server: Server, live: Live): Promise<void> {
    const offers = await connect.tools(live.link)
    proven(server, live)
    live.listedAt = deps.now().getTime()
    const unseen = pins.sync(server, offers)
    if (unseen.length > 0) deps.onUnseen(server, unseen)
  }

  function proven(server: Server, live: Live): void {
    live.provenAt = deps.now().getTime()
    entryOf(server.id).lastSeenAt = deps.now().toISOString()
  }

  async function standing(server: Server): Promise<Live> {
    const entry = entryOf(server.id)
    if (!entry.live) refuseTooSoon(server, entry)
    const present = await (entry.live ?? open(server, entry))
    const isFit = await lives(server, present)
    if (!isFit && !present.ended) await end(present)
    assertSame(server, entry)
    if (isFit) return present
    const next = await (entry.live ?? open(server, entry))
    assertSame(server, entry)
    return next
  }

  function assertSame({ id, name }: Server, entry: Known): void {
    if (known.get(id) !== entry) throw new AppError('conflict', `${name} was changed in the meantime. Try again.`)
  }

  /** @NOTE what works for another call may be slow to answer, and is not ended for that. */
  async function lives(server: Server, live: Live): Promise<boolean> {
    if (live.ended || live.asAdmin !== deps.isAdmin(server.userId)) return false
    const now = deps.now().getTime()
    try {
      if (now - live.listedAt > LOOK_AGAIN_MS) await look(server, live)
      else if (now - live.provenAt >= PROOF_MS && live.busy === 0) {
        await live.link.client.ping({ timeout: PING_MS }).catch(unlessRefused)
        proven(server, live)
      }
      return !live.ended
    } catch {
      return live.busy > 0 && !live.ended
    }
  }

  function left(live: Live): void {
    live.ended = true
    clearTimeout(live.idle)
    live.leave()
  }

  async function end(live: Live): Promise<void> {
    left(live)
    await live.link.close()
  }

  async function dropFrom(entry: Known | undefined): Promise<void> {
    const live = await entry?.live?.catch(() => undefined)
    if (live) await end(live)
  }

  /** Closes the connection of a server; the next call opens another. */
  const drop = (id: string): Promise<void> => dropFrom(known.get(id))

  function restLater(live: Live): void {
    clearTimeout(live.idle)
    live.idle = setTimeout(() => live.busy === 0 && void end(live).catch(deps.onFault), IDLE_MS)
    live.idle.unref()
  }

  async function using<T>(server: Server, work: (live: Live) => Promise<T>): Promise<T> {
    const live = await standing(server)
    live.busy++
    try {
      return await work(live)
    } finally {
      live.busy--
      if (!live.ended) restLater(live)
    }
  }

  /** Of what only reads, a failure is a failure; of anything else it may not be known whether it happened. */
  function faultOf(server: Server, tool: ServerTool, live: Live, error: unknown): Error {
    const fault = Object.assign(Object(error) as object, { lastWords: live.link.lastWords() })
    if (isRefusal(error)) {
      const said = (error as Error).message
      return new AppError(
        'upstream_refused',
        `${server.name} did not do it and says: ${JSON.stringify(said.slice(0, 500))}`,
      )
    }
    const told = failed(server, fault)
    if (tool.effect === 'read' || neverHappened(error)) return told
    return new UncertainError(`It is not known whether ${server.name} did it. ${told.message}`)
  }

  return {
    /**
     * Calls a tool as it was accepted. Throws AppError where it certainly did not happen (or only reads), UncertainError
     * where nobody knows.
     */
    async call(server: Server, wanted: ServerTool, args: Record<string, unknown>, signal: AbortSignal) {
      return using(server, async (live): Promise<CallToolResult> => {
        const tool = pins.get(server, wanted.name)
        if (tool.state !== 'accepted' || !tool.enabled || tool.acceptedHash !== wanted.acceptedHash)
          throw new AppError(
            'conflict',
            `${tool.name} is no longer what its owner accepted. They have to look at it first.`,
          )
        signal.throwIfAborted()
        const timeout = server.timeoutS * 1_000
        try {
          const params = { name: tool.remoteName, arguments: args }
          const answer = await live.link.client.request({ method: 'tools/call', params }, { signal, timeout })
          proven(server, live)
          return answer as CallToolResult
        } catch (error) {
          live.provenAt = 0
          throw faultOf(server, tool, live, error)
        }
      })
    },

    /** Connects anew and looks at its tools, however often it failed before. */
    async test(server: Server): Promise<void> {
      await drop(server.id)
      entryOf(server.id).failures = []
      await using(server, async () => {})
    },

    drop,
    /** It is another server now, or none: whoever waits for the old connection is not given it. */
    forget(id: string): void {
      const entry = known.get(id)
      known.delete(id)
      void dropFrom(entry).catch(deps.onFault)
    },

    status({ id, enabled }: Server): Status {
      const { live, lastError = null, lastSeenAt = null } = known.get(id) ?? {}
      if (!enabled) return { status: 'off', lastError: null, lastSeenAt }
      return { status: live ? 'running' : lastError === null ? 'idle' : 'error', lastError, lastSeenAt }
    },

    async close(of: (id: string) => boolean = () => true): Promise<void> {
      await Promise.allSettled([...known.keys()].filter(of).map(drop))
    },
  }
}

function unlessRefused(error: unknown): void {
  if (!isRefusal(error)) throw error
}
