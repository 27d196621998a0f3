import type {
  Client,
  JsonSchemaValidatorResult,
  jsonSchemaValidator,
  RequestOptions,
  Transport,
} from '@modelcontextprotocol/client'
import type { Config } from '../config.ts'
import type { Credentials } from '../credentials.ts'
import { AppError } from '../errors.ts'
import { hostKey } from '../outgoing/addresses.ts'
import type { NetworkEdge } from '../outgoing/connect.ts'
import { openStreamFetch } from '../outgoing/stream.ts'
import { orAborted } from '../runs/attempt.ts'
import { offeredFrom, type Offered } from './definitions.ts'
import type { Server } from './rows.ts'
import { openStdio } from './stdio.ts'

/** A standing connection to one server. */
export type Link = {
  client: Client
  /** What a program wrote before it ended; '' for a service. */
  lastWords: () => string
  close: () => Promise<void>
}

export type ConnectDeps = {
  config: Pick<Config, 'allowedPrivateHosts' | 'programPath'>
  version: string
  credentials: Pick<Credentials, 'find' | 'mask'>
  isAdmin: (userId: string) => boolean
  edge?: NetworkEdge | undefined
}

/** No answer of a server is read beyond this. */
const MOST_BYTES = 8 * 1024 * 1024
const MOST_TOOLS = 100
const MOST_PAGES = 10
const START_MS = 30_000
const POLITE_MS = 2_000

/** What a server says of its results is not checked: they are text of others either way, and compiling its schemas is its work. */
const UNCHECKED: jsonSchemaValidator = {
  getValidator: <T>() => {
    return (data: unknown): JsonSchemaValidatorResult<T> => ({ valid: true, data: data as T, errorMessage: undefined })
  },
}

type Ways = { transport: Transport; lastWords: () => string; close: () => Promise<void> }

/** Opens connections to tool servers. The library is loaded with the first one. */
export function createConnect({ config, version, credentials, isAdmin, edge }: ConnectDeps) {
  function secret(key: string): string {
    const value = credentials.find(key)
    if (value !== undefined) return value
    throw new AppError('unavailable', `The credential ${key} that the server needs is not there any more.`)
  }

  function assertAdmin({ userId, name }: Server): void {
    if (!isAdmin(userId)) throw new AppError('forbidden', `${name} may only be used by an administrator.`)
  }

  async function program(server: Server): Promise<Ways> {
    assertAdmin(server)
    const env = Object.fromEntries(
      Object.entries(server.env).map(([name, value]) => [
        name,
        typeof value === 'string' ? value : secret(value.credential),
      ]),
    )
    const { args, command } = server
    const transport = await openStdio({ command: command!, args, env, path: config.programPath, maxBytes: MOST_BYTES })
    return { transport, lastWords: transport.lastWords, close: () => transport.close() }
  }

  async function service(server: Server): Promise<Ways> {
    const { SSEClientTransport, StreamableHTTPClientTransport } = await import('@modelcontextprotocol/client')
    const url = new URL(server.url!)
    if (server.credential !== null) assertAdmin(server)
    const within = server.staysInHouse && isAdmin(server.userId) ? [hostKey(url.href)] : []
    const opened = await openStreamFetch({
      origin: url.origin,
      allowedPrivateHosts: new Set([...config.allowedPrivateHosts, ...within]),
      headers: () => (server.credential === null ? {} : { authorization: `Bearer ${secret(server.credential)}` }),
      maxBytes: MOST_BYTES,
      edge,
    })
    const options = { fetch: opened.fetch }
    const transport =
      server.transport === 'sse'
        ? new SSEClientTransport(url, options)
        : new StreamableHTTPClientTransport(url, {
            ...options,
            reconnectionOptions: {
              maxRetries: 2,
              initialReconnectionDelay: 1_000,
              maxReconnectionDelay: 10_000,
              reconnectionDelayGrowFactor: 2,
            },
          })
    const close = async () => {
      if ('terminateSession' in transport)
        await orAborted(transport.terminateSession(), AbortSignal.timeout(POLITE_MS)).catch(() => {})
      await transport.close().catch(() => {})
      await opened.close()
    }
    return { transport, lastWords: () => '', close }
  }

  return {
    /** Opens one and shakes hands. `onClose` is called when it ends by itself; `onTools` when its tools are others now. */
    async open(server: Server, on: { close: () => void; tools: () => void }): Promise<Link> {
      const { Client } = await import('@modelcontextprotocol/client')
      const ways = server.transport === 'stdio' ? await program(server) : await service(server)
      const lastWords = () => credentials.mask(ways.lastWords())
      const client = new Client(
        { name: 'Steward', version },
        {
          jsonSchemaValidator: UNCHECKED,
          listMaxPages: MOST_PAGES,
          versionNegotiation: { mode: server.transport === 'http' ? 'auto' : 'legacy' },
          listChanged: { tools: { autoRefresh: false, onChanged: on.tools } },
        },
      )
      client.onerror = () => {}
      client.onclose = on.close
      try {
        await orAborted(client.connect(ways.transport, { timeout: START_MS }), AbortSignal.timeout(2 * START_MS))
      } catch (error) {
        await ways.close()
        throw Object.assign(error as Error, { lastWords: lastWords() })
      }
      const close = async () => {
        client.onclose = undefined as never
        await ways.close()
        await client.close().catch(() => {})
      }
      return { client, lastWords, close }
    },

    /** What it says that its tools are. */
    async tools({ client }: Link, options: RequestOptions = {}): Promise<Offered[]> {
      if (!client.getServerCapabilities()?.tools) return []
      const { tools } = await client.listTools(undefined, { timeout: START_MS, cacheMode: 'refresh', ...options })
      if (tools.length > MOST_TOOLS)
        throw new AppError('too_large', `It has ${tools.length} tools; at most ${MOST_TOOLS} are taken.`)
      const byName = new Map(tools.map((tool) => [tool.name, tool]))
      return [...byName.values()].map(offeredFrom)
    },
  }
}
