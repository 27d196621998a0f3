import type { Db } from '../../db/open.ts'
import type { Effect } from '../agent/tool.ts'
import type { Definition } from './definitions.ts'

export type Transport = 'stdio' | 'http' | 'sse'
/** A value as it is, or the key of the credential that holds it. */
export type EnvValue = string | { credential: string }

export type Server = {
  id: string
  userId: string
  name: string
  transport: Transport
  command: string | null
  args: string[]
  env: Record<string, EnvValue>
  url: string | null
  credential: string | null
  timeoutS: number
  enabled: boolean
  staysInHouse: boolean
  createdAt: string
  updatedAt: string
}

/** `new`: never accepted. `changed`: no longer what was accepted. `gone`: the server has it no more. */
export type ToolState = 'accepted' | 'new' | 'changed' | 'gone'

export type ServerTool = {
  id: string
  serverId: string
  name: string
  remoteName: string
  effect: Effect
  /** The owner's switch; a tool is offered only where its state is `accepted` too. */
  enabled: boolean
  state: ToolState
  accepted: Definition | null
  offered: Definition
  acceptedHash: string | null
  offeredHash: string
  changedAt: string
}

type ServerRow = Omit<Server, 'args' | 'env' | 'enabled' | 'staysInHouse'> & {
  args: string
  env: string
  enabled: number
  staysInHouse: number
}
export type ToolRow = Omit<ServerTool, 'enabled' | 'state' | 'accepted' | 'offered'> & {
  enabled: number
  gone: number
  accepted: string | null
  offered: string
}

const SERVER = `id, user_id AS userId, name, transport, command, args, env, url, credential, timeout_s AS timeoutS, enabled,
  stays_in_house AS staysInHouse, created_at AS createdAt, updated_at AS updatedAt`
export const TOOL = `t.id, t.server_id AS serverId, t.name, t.remote_name AS remoteName, t.effect, t.enabled, t.gone, t.accepted,
  t.offered, t.accepted_hash AS acceptedHash, t.offered_hash AS offeredHash, t.changed_at AS changedAt`

/** The statements about servers. Callers hold the transaction. */
export function createServerRows(db: Pick<Db, 'prepare'>) {
  const byId = db.prepare<[string], ServerRow>(`SELECT ${SERVER} FROM mcp_servers WHERE id = ?`)
  const byName = db.prepare<[string, string], ServerRow>(
    `SELECT ${SERVER} FROM mcp_servers WHERE user_id = ? AND name = ?`,
  )
  const page = db.prepare<[string, string, number], ServerRow>(
    `SELECT ${SERVER} FROM mcp_servers WHERE user_id = ? AND name > ? ORDER BY name LIMIT ?`,
  )
  const count = db.prepare<[string], { n: number }>('SELECT count(*) AS n FROM mcp_servers WHERE user_id = ?')
  const insert = db.prepare(
    `INSERT INTO mcp_servers (id, user_id, name, transport, command, args, env, url, credential, timeout_s, enabled, stays_in_house, created_at, updated_at)
     VALUES (@id, @userId, @name, @transport, @command, @args, @env, @url, @credential, @timeoutS, @enabled, @staysInHouse, @at, @at)`,
  )
  const update = db.prepare(
    `UPDATE mcp_servers SET name = @name, transport = @transport, command = @command, args = @args, env = @env, url = @url,
       credential = @credential, timeout_s = @timeoutS, enabled = @enabled, stays_in_house = @staysInHouse, updated_at = @at WHERE id = @id`,
  )
  const drop = db.prepare('DELETE FROM mcp_servers WHERE id = ?')

  const bound = (server: Omit<Server, 'createdAt' | 'updatedAt'>, at: string) => ({
    ...server,
    args: JSON.stringify(server.args),
    env: JSON.stringify(server.env),
    enabled: Number(server.enabled),
    staysInHouse: Number(server.staysInHouse),
    at,
  })

  return {
    find: (id: string): Server | undefined => toServer(byId.get(id)),
    findByName: (userId: string, name: string): Server | undefined => toServer(byName.get(userId, name)),
    page: (userId: string, after: string, limit: number): Server[] =>
      page.all(userId, after, limit).map((row) => toServer(row)!),
    count: (userId: string): number => count.get(userId)!.n,
    insert: (server: Omit<Server, 'createdAt' | 'updatedAt'>, at: string): void => void insert.run(bound(server, at)),
    update: (server: Server, at: string): void => void update.run(bound(server, at)),
    drop: (id: string): void => void drop.run(id),
  }
}

function toServer(row: ServerRow | undefined): Server | undefined {
  return (
    row && {
      ...row,
      args: JSON.parse(row.args) as string[],
      env: JSON.parse(row.env) as Record<string, EnvValue>,
      enabled: row.enabled === 1,
      staysInHouse: row.staysInHouse === 1,
    }
  )
}

export function toServerTool({ gone, ...row }: ToolRow): ServerTool {
  return {
    ...row,
    enabled: row.enabled === 1,
    state: gone === 1 ? 'gone' : stateOf(row),
    accepted: row.accepted === null ? null : (JSON.parse(row.accepted) as Definition),
    offered: JSON.parse(row.offered) as Definition,
  }
}

function stateOf({ acceptedHash, offeredHash }: Pick<ToolRow, 'acceptedHash' | 'offeredHash'>): ToolState {
  if (acceptedHash === null) return 'new'
  return acceptedHash === offeredHash ? 'accepted' : 'changed'
}
