import { createHash } from 'node:crypto'
import { isAbsolute } from 'node:path'
import type { Db } from '../../db/open.ts'
import type { Actor, Audit } from '../audit.ts'
import type { Credentials } from '../credentials.ts'
import { cursorsOf } from '../cursors.ts'
import { AppError, invalidField } from '../errors.ts'
import { given } from '../given.ts'
import { isPrivateLiteral, normaliseUrl } from '../outgoing/addresses.ts'
import { SERVER_NAME } from './names.ts'
import { createServerRows, type EnvValue, type Server, type Transport } from './rows.ts'

export type ServerChange = {
  name?: string | undefined
  transport?: Transport | undefined
  command?: string | null | undefined
  args?: string[] | undefined
  env?: Record<string, EnvValue> | undefined
  url?: string | null | undefined
  credential?: string | null | undefined
  timeout_s?: number | undefined
  enabled?: boolean | undefined
  stays_in_house?: boolean | undefined
}
export type ServerDraft = ServerChange & { name: string; transport: Transport }

export type ServersDeps = {
  db: Db
  now: () => Date
  newId: () => string
  audit: Pick<Audit, 'record'>
  credentials: Pick<Credentials, 'find'>
  isAdmin: (userId: string) => boolean
  looksSecret: (text: string) => boolean
  /** Called after a change was committed; `moved`: it may be another server now. */
  onChange: (id: string, moved: boolean) => void
}

const MOST_SERVERS = 30
const CURSORS = cursorsOf('tool servers')
const SECRET_NAME = /key|token|secret|passw|credential|auth/i
const FRESH = {
  command: null,
  args: [] as string[],
  env: {} as Record<string, EnvValue>,
  url: null,
  credential: null,
  timeoutS: 60,
  enabled: true,
  staysInHouse: false,
}

export type Servers = ReturnType<typeof createServers>

/**
 * The tool servers of each user. A command, a credential of the house, or an address inside it may be named only by an
 * administrator, and only works while its user still is one. No secret is kept here: credentials are named by their key.
 */
export function createServers(deps: ServersDeps) {
  const { db, now, newId, audit, isAdmin } = deps
  const rows = createServerRows(db)
  const at = () => now().toISOString()

  function get(userId: string, id: string): Server {
    const server = rows.find(id)
    if (server?.userId !== userId) throw new AppError('not_found', 'There is no such tool server.')
    return server
  }

  function checked(server: Server): Server {
    if (!SERVER_NAME.test(server.name))
      throw invalidField('name', 'Use small letters, digits and hyphens, a letter first, at most 24 characters.')
    const known = rows.findByName(server.userId, server.name)
    if (known && known.id !== server.id)
      throw new AppError('conflict', `There is a tool server named ${server.name} already.`)
    for (const [name, value] of Object.entries(server.env)) checkEnv(name, value, server)
    server.args.forEach((arg, index) => refuseSecret(`args.${index}`, arg))
    if (server.credential !== null) checkCredential('credential', server.credential, server.userId)
    return server.transport === 'stdio' ? program(server) : service(server)
  }

  function program(server: Server): Server {
    if (!isAdmin(server.userId))
      throw new AppError('forbidden', 'Only an administrator may add a server that runs a command on this machine.')
    const { command } = server
    if (command === null) throw invalidField('command', 'Name the command that starts the server.')
    if (!isAbsolute(command) && command.includes('/'))
      throw invalidField('command', 'Give the whole path of the command, or its name alone.')
    if (server.credential !== null)
      throw invalidField('credential', 'A command gets its credentials by `env`; `credential` is for http and sse.')
    return { ...server, url: null }
  }

  function service(server: Server): Server {
    const url = normaliseUrl(server.url ?? '')
    if (url === undefined)
      throw invalidField('url', 'Give a whole address that starts with https:// or http:// and holds no password.')
    refuseSecret('url', url)
    if (isPrivateLiteral(url) && !isAdmin(server.userId))
      throw invalidField('url', 'Only an administrator may name an address inside the house.')
    if (Object.keys(server.env).length + server.args.length > 0 || server.command !== null)
      throw invalidField('transport', '`command`, `args` and `env` are for stdio; this server has an address.')
    return { ...server, url }
  }

  function checkEnv(name: string, value: EnvValue, { userId }: Server): void {
    if (typeof value !== 'string') return checkCredential(`env.${name}`, value.credential, userId)
    if (value !== '' && SECRET_NAME.test(name))
      throw invalidField(`env.${name}`, 'Keep this under Credentials and name it here: {"credential": "its key"}.')
    refuseSecret(`env.${name}`, value)
  }

  function refuseSecret(path: string, text: string): void {
    if (deps.looksSecret(text))
      throw invalidField(path, 'This looks like a secret. Keep it under Credentials and name it by its key.')
  }

  function checkCredential(path: string, key: string, userId: string): void {
    if (!isAdmin(userId)) throw new AppError('forbidden', 'Only an administrator may give a credential to a server.')
    if (deps.credentials.find(key) === undefined)
      throw invalidField(path, `There is no credential named ${key}. Add it under Credentials first.`)
  }

  /** @NOTE of an address only its origin, of a command only its name: the rest may be all that keeps strangers out. */
  function noted(action: string, { name, transport, url, command, credential }: Server, by: Actor): void {
    const where = url === null ? { command } : { origin: new URL(url).origin }
    const words = JSON.stringify({ transport, ...where, ...(credential === null ? {} : { credential }) })
    audit.record({ kind: 'mcp_server', action, subject: name, arguments: words, by })
  }

  return {
    get,
    find: rows.find,
    findByName: rows.findByName,

    /** By name. */
    list(userId: string, { limit, cursor }: { limit: number; cursor?: string | undefined }) {
      const found = rows.page(userId, CURSORS.from(cursor) ?? '', limit + 1)
      const items = found.slice(0, limit)
      const next_cursor = found.length > limit ? CURSORS.to(items.at(-1)!.name) : null
      return { items, next_cursor, total: rows.count(userId) }
    },

    create(userId: string, draft: ServerDraft, by: Actor): Server {
      return db.transact(() => {
        if (rows.count(userId) >= MOST_SERVERS)
          throw new AppError('conflict', `There are ${MOST_SERVERS} tool servers already; remove one first.`)
        const id = newId()
        const time = { createdAt: at(), updatedAt: at() }
        const server = checked({ ...FRESH, ...fieldsOf(draft), id, userId, ...time } as Server)
        rows.insert(server, at())
        noted('created', server, by)
        return get(userId, id)
      })
    },

    change(userId: string, id: string, change: ServerChange, by: Actor): Server {
      return db.transact(() => {
        const present = get(userId, id)
        const wanted = { ...present, ...fieldsOf(change) }
        if (wanted.name !== present.name)
          throw invalidField(
            'name',
            'A server keeps its name, by which agents know its tools. Add another one instead.',
          )
        const next = checked(change.transport === undefined ? wanted : suited(wanted, change))
        rows.update(next, at())
        noted('changed', next, by)
        const moved = targetHash(next) !== targetHash(present)
        db.afterCommit(() => deps.onChange(id, moved))
        return next
      })
    },

    remove(userId: string, id: string, by: Actor): void {
      db.transact(() => {
        const server = get(userId, id)
        rows.drop(id)
        noted('removed', server, by)
        db.afterCommit(() => deps.onChange(id, true))
      })
    },
  }
}

/** What belongs to the other transport goes with it. */
function suited(server: Server, change: ServerChange): Server {
  if (server.transport === 'stdio') return { ...server, url: null, credential: change.credential ?? null }
  return { ...server, command: change.command ?? null, args: change.args ?? [], env: change.env ?? {} }
}

function fieldsOf(change: ServerChange): Partial<Server> {
  const { timeout_s: timeoutS, stays_in_house: staysInHouse, ...rest } = change
  return given({ ...rest, timeoutS, staysInHouse }) as Partial<Server>
}

/** Where a server is and what is run, in a few characters: another one is another server, whatever it is called. */
export function targetHash({ id, transport, command, args, env, url }: Server): string {
  const target = JSON.stringify([id, transport, command, args, env, url])
  return createHash('sha256').update(target).digest('hex').slice(0, 8)
}
