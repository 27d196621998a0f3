import type { Db } from '../../db/open.ts'
import type { Tool } from '../agent/tool.ts'
import type { Actor, Audit } from '../audit.ts'
import type { createCloseStack } from '../close.ts'
import type { Config } from '../config.ts'
import type { Credentials } from '../credentials.ts'
import { AppError } from '../errors.ts'
import type { Log } from '../log.ts'
import type { NotificationDraft } from '../notifications.ts'
import type { NetworkEdge } from '../outgoing/connect.ts'
import { secretShapes } from '../policy/secret-shapes.ts'
import { createConnections } from './connections.ts'
import { createPins } from './pins.ts'
import type { Server } from './rows.ts'
import { createServers } from './servers.ts'
import { toolOf } from './tool.ts'

export type McpDeps = {
  db: Db
  now: () => Date
  newId: () => string
  version: string
  config: Config
  log: Log
  audit: Pick<Audit, 'record'>
  credentials: Pick<Credentials, 'find' | 'mask' | 'onChange'>
  edge?: NetworkEdge | undefined
  closing: ReturnType<typeof createCloseStack>
  isAdmin: (userId: string) => boolean
  notify: (note: NotificationDraft) => void
}

export type Mcp = ReturnType<typeof createMcp>

/** Tool servers of the Model Context Protocol: kept, connected to when needed, and their accepted tools for the registry. */
export function createMcp(deps: McpDeps) {
  const { credentials, log, notify } = deps
  const pins = createPins(deps)
  const servers = createServers({
    ...deps,
    looksSecret: (text) => secretShapes(text).length > 0 || credentials.mask(text) !== text,
    onChange: (id, moved) => {
      if (moved) pins.doubt(id)
      connections.forget(id)
    },
  })
  const connections = createConnections({
    ...deps,
    pins,
    onUnseen: ({ userId, name }, names) =>
      notify({
        userId,
        kind: 'trouble',
        title: `${name} has tools that you have not looked at`,
        text: `${names.slice(0, 10).join(', ')}${names.length > 10 ? ', …' : ''}. They are off until you have accepted them under Settings, Tool servers.`,
      }),
    onFault: (error) => log.warn({ err: error }, 'a tool server'),
  })
  // @NOTE a server was started with the credential of back then.
  credentials.onChange((key) => void connections.close((id) => isGiven(servers.find(id), key)))
  deps.closing.add('tool servers', () => connections.close())

  const toolFrom = (server: Server, tool: ReturnType<typeof pins.usable>[number]): Tool =>
    toolOf(tool, server, { find: servers.find, connections })

  return {
    servers,
    pins,
    connections,

    coming: {
      of(userId: string): Tool[] {
        const tools = pins.usable(userId)
        const byId = new Map([...new Set(tools.map(({ serverId }) => serverId))].map((id) => [id, servers.find(id)!]))
        return tools.map((tool) => toolFrom(byId.get(tool.serverId)!, tool))
      },

      find(userId: string, name: string): Tool | undefined {
        if (!name.startsWith('mcp__')) return undefined
        const tool = pins.find(userId, name)
        const server = tool && servers.find(tool.serverId)
        const usable = server?.enabled && tool?.enabled && tool.state === 'accepted'
        return usable ? toolFrom(server, tool) : undefined
      },
    },

    /** Connects and looks at its tools. A fault is an answer, not an error. */
    async test(userId: string, id: string, by: Actor): Promise<{ ok: boolean; error?: string }> {
      const server = servers.get(userId, id)
      const outcome = await connections.test(server).then(
        () => ({ ok: true }),
        (error: unknown) => {
          if (error instanceof AppError) return { ok: false, error: error.message }
          throw error
        },
      )
      deps.audit.record({ kind: 'mcp_server', action: 'tested', subject: server.name, success: outcome.ok, by })
      return outcome
    },
  }
}

function isGiven(server: Server | undefined, key: string): boolean {
  const values = Object.values(server?.env ?? {})
  return server?.credential === key || values.some((value) => typeof value !== 'string' && value.credential === key)
}
