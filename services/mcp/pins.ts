import type { Db } from '../../db/open.ts'
import type { Effect } from '../agent/tool.ts'
import type { Actor, Audit } from '../audit.ts'
import { AppError } from '../errors.ts'
import type { Offered } from './definitions.ts'
import { toolName } from './names.ts'
import { TOOL, toServerTool, type Server, type ServerTool, type ToolRow } from './rows.ts'

export type PinsDeps = { db: Db; now: () => Date; newId: () => string; audit: Pick<Audit, 'record'> }

export type Pins = ReturnType<typeof createPins>

/**
 * The tools of servers as the owner accepted them. What a server says otherwise later is kept beside that; until the owner has
 * accepted it, the tool is not offered and cannot be called.
 */
export function createPins({ db, now, newId, audit }: PinsDeps) {
  const ofServer = db.prepare<[string], ToolRow>(
    `SELECT ${TOOL} FROM mcp_tools AS t WHERE t.server_id = ? ORDER BY t.gone, t.name`,
  )
  const usable = db.prepare<[string], ToolRow>(
    `SELECT ${TOOL} FROM mcp_tools AS t JOIN mcp_servers AS s ON s.id = t.server_id
     WHERE s.user_id = ? AND s.enabled = 1 AND t.enabled = 1 AND t.gone = 0 AND t.accepted_hash = t.offered_hash ORDER BY t.name`,
  )
  const byName = db.prepare<[string, string], ToolRow>(
    `SELECT ${TOOL} FROM mcp_tools AS t JOIN mcp_servers AS s ON s.id = t.server_id WHERE s.user_id = ? AND t.name = ?`,
  )
  const insert = db.prepare(
    `INSERT INTO mcp_tools (id, server_id, name, remote_name, offered, offered_hash, created_at, changed_at)
     VALUES (@id, @serverId, @name, @remoteName, @offered, @hash, @at, @at)`,
  )
  const offer = db.prepare(
    'UPDATE mcp_tools SET offered = @offered, offered_hash = @hash, gone = 0, changed_at = @at WHERE id = @id',
  )
  const lose = db.prepare('UPDATE mcp_tools SET gone = 1, changed_at = ? WHERE id = ?')
  const drop = db.prepare('DELETE FROM mcp_tools WHERE id = ?')
  const accept = db.prepare('UPDATE mcp_tools SET accepted = offered, accepted_hash = offered_hash WHERE id = ?')
  const doubt = db.prepare('UPDATE mcp_tools SET accepted = NULL, accepted_hash = NULL WHERE server_id = ?')
  const set = db.prepare('UPDATE mcp_tools SET effect = @effect, enabled = @enabled WHERE id = @id')

  const at = () => now().toISOString()
  const list = (serverId: string): ServerTool[] => ofServer.all(serverId).map(toServerTool)

  function get(server: Server, name: string): ServerTool {
    const found = byName.get(server.userId, name)
    if (found?.serverId === server.id) return toServerTool(found)
    throw new AppError('not_found', `${server.name} has no such tool.`)
  }

  function keep(
    server: Server,
    { remoteName, definition, hash }: Offered,
    known: readonly ServerTool[],
    taken: Set<string>,
  ): boolean {
    const offered = JSON.stringify(definition)
    const row = known.find((one) => one.remoteName === remoteName)
    if (row) {
      if (row.offeredHash === hash && row.state !== 'gone') return false
      offer.run({ id: row.id, offered, hash, at: at() })
      return true
    }
    const name = toolName(server.name, remoteName, taken)
    taken.add(name)
    insert.run({ id: newId(), serverId: server.id, name, remoteName, offered, hash, at: at() })
    return true
  }

  /** What the server no longer has is forgotten, unless it was accepted once. */
  function miss(tool: ServerTool): boolean {
    if (tool.state === 'gone') return false
    if (tool.acceptedHash === null) drop.run(tool.id)
    else lose.run(at(), tool.id)
    return true
  }

  function noted(action: string, server: Server, tool: ServerTool, by: Actor, more: object): void {
    const words = JSON.stringify({ tool: tool.name, ...more })
    audit.record({ kind: 'mcp_server', action, subject: server.name, arguments: words, by })
  }

  return {
    list,
    get,
    /** Those that a user's runs may call now. */
    usable: (userId: string): ServerTool[] => usable.all(userId).map(toServerTool),
    find: (userId: string, name: string): ServerTool | undefined => {
      const row = byName.get(userId, name)
      return row && toServerTool(row)
    },

    /** Takes in what a server says that its tools are; returns the names of those that want to be looked at since. */
    sync(server: Server, offers: readonly Offered[]): string[] {
      return db.transact(() => {
        const known = list(server.id)
        const names = new Set(offers.map(({ remoteName }) => remoteName))
        const lost = known.filter((tool) => !names.has(tool.remoteName) && miss(tool))
        const kept = known.filter((tool) => tool.acceptedHash !== null || !lost.includes(tool))
        const taken = new Set(kept.map(({ name }) => name))
        const changed = offers.filter((one) => keep(server, one, known, taken)).map(({ remoteName }) => remoteName)
        if (lost.length + changed.length === 0) return []
        const by = { userId: server.userId, name: `mcp:${server.name}` }
        const words = JSON.stringify({ changed: changed.slice(0, 20), lost: lost.map(({ name }) => name).slice(0, 20) })
        audit.record({ kind: 'mcp_server', action: 'tools changed', subject: server.name, arguments: words, by })
        return list(server.id)
          .filter((tool) => changed.includes(tool.remoteName) && (tool.state === 'new' || tool.state === 'changed'))
          .map(({ name }) => name)
      })
    },

    /** It may be another server now: nothing that was accepted counts any more. */
    doubt: (serverId: string): void => void doubt.run(serverId),

    /** The owner looked at each of these as it is by its hash. Throws `conflict` where it has changed since. */
    accept(server: Server, seen: readonly { name: string; hash: string }[], by: Actor): void {
      db.transact(() => {
        for (const { name, hash } of seen) {
          const tool = get(server, name)
          if (tool.offeredHash !== hash)
            throw new AppError('conflict', `${name} has changed once more. Look at it again before you accept it.`)
          if (tool.offered.problem !== null)
            throw new AppError('conflict', `${name} cannot be used. ${tool.offered.problem}`)
          accept.run(tool.id)
          noted('tool accepted', server, tool, by, { hash: hash.slice(0, 12) })
        }
      })
    },

    set(
      server: Server,
      name: string,
      change: { effect?: Effect | undefined; enabled?: boolean | undefined },
      by: Actor,
    ): void {
      db.transact(() => {
        const tool = get(server, name)
        const { effect = tool.effect, enabled = tool.enabled } = change
        set.run({ id: tool.id, effect, enabled: Number(enabled) })
        noted('tool changed', server, tool, by, { effect, enabled })
      })
    },
  }
}
