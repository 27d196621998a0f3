import { randomBytes, timingSafeEqual } from 'node:crypto'
import { once } from 'node:events'
import { createServer, request, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { hostKey, hostKeys, normaliseUrl } from './addresses.ts'
import { lookupAll, openSocket, type Lookup } from './connect.ts'
import { reasonOf } from './faults.ts'

/** Whoever goes out through the proxy. */
export type Guest = {
  /** Whether a host (spelled as `hostKey` does) was decided on for this guest. */
  mayReach: (host: string) => boolean | Promise<boolean>
  /** Told of every host that was not reached, with a sentence. */
  onRefused: (host: string, reason: string) => void
  /** How many bytes it may bring in, all together. */
  mostBytes: number
}

/** What a guest signs in with; `cut` ends its open connections to hosts that are no longer decided on. */
export type Pass = { username: string; password: string; cut: () => Promise<void>; leave: () => void }

type Known = Guest & { password: Buffer; bytes: number; open: Map<Duplex, string> }
type Target = { host: string; port: number; key: string }

/** Of one connection and no further; what a proxy must not hand on (RFC 9110, 7.6.1). */
const OF_THIS_HOP =
  /^(proxy-.*|connection|keep-alive|te|trailer|transfer-encoding|upgrade|forwarded|x-forwarded-.*|via)$/
const IDLE_MS = 120_000
/** Why a host was not reached that nothing is wrong with. */
export const NOT_DECIDED = 'It was not decided on.'

export type Proxy = ReturnType<typeof createProxy>

/**
 * A proxy on loopback (plain requests and CONNECT, RFC 9110) for programs that fetch by themselves. Each guest has a name and
 * a secret, so that no other program of this machine can use it; reaches only the hosts that were decided on for it; and
 * of these no private address unless `allowedPrivateHosts` names it. Names are resolved here, and what was checked is what
 * is connected to. It listens once the first guest is there.
 */
export function createProxy({
  allowedPrivateHosts,
  lookup = lookupAll,
  deadlineMs = 20_000,
}: {
  allowedPrivateHosts: ReadonlySet<string>
  lookup?: Lookup
  deadlineMs?: number
}) {
  const always = hostKeys(allowedPrivateHosts)
  const guests = new Map<string, Known>()
  let listening: Promise<Server> | undefined

  function guestOf(header: string | undefined): Known | undefined {
    const encoded = /^Basic ([A-Za-z0-9+/=]{1,200})$/.exec(header ?? '')?.[1]
    const [name, ...rest] = Buffer.from(encoded ?? '', 'base64')
      .toString('latin1')
      .split(':')
    const known = guests.get(name ?? '')
    const given = Buffer.from(rest.join(':'))
    return known && given.length === known.password.length && timingSafeEqual(given, known.password) ? known : undefined
  }

  /** A connection to a host that may be reached; undefined, and the guest told why, for every other. */
  async function reach(guest: Known, target: Target): Promise<Socket | undefined> {
    if (!(await guest.mayReach(target.key))) {
      guest.onRefused(target.key, NOT_DECIDED)
      return undefined
    }
    try {
      const socket = await openSocket(target, always, lookup, deadlineMs)
      socket.setTimeout(IDLE_MS, () => socket.destroy())
      return socket
    } catch (error) {
      guest.onRefused(target.key, reasonOf(error, `http://${target.key}/`))
      return undefined
    }
  }

  function meter(guest: Known, upstream: Duplex, target: Target): void {
    guest.open.set(upstream, target.key)
    upstream.on('close', () => guest.open.delete(upstream))
    upstream.on('data', (chunk: Buffer) => {
      guest.bytes += chunk.length
      if (guest.bytes <= guest.mostBytes) return
      guest.onRefused(target.key, 'It brought in more than a page may.')
      upstream.destroy()
    })
  }

  async function tunnel(message: IncomingMessage, client: Duplex, head: Buffer): Promise<void> {
    client.on('error', () => client.destroy())
    const guest = guestOf(message.headers['proxy-authorization'])
    if (!guest) return refuse(client, '407 Proxy Authentication Required', SIGN_IN)
    const target = targetOf(`http://${message.url ?? ''}`)
    const upstream = target && (await reach(guest, target))
    if (!target || !upstream) return refuse(client, '403 Forbidden')
    if (client.destroyed) return void upstream.destroy()
    meter(guest, upstream, target)
    upstream.on('error', () => client.destroy()).on('close', () => client.destroy())
    client.on('close', () => upstream.destroy())
    client.write('HTTP/1.1 200 Connection established\r\n\r\n')
    upstream.write(head)
    upstream.pipe(client).pipe(upstream)
  }

  async function forward(message: IncomingMessage, response: ServerResponse): Promise<void> {
    const guest = guestOf(message.headers['proxy-authorization'])
    if (!guest) return void response.writeHead(407, { 'proxy-authenticate': SIGN_IN }).end()
    const url = normaliseUrl(message.url ?? '')
    const target = url?.startsWith('http:') ? targetOf(url) : undefined
    const socket = target && (await reach(guest, target))
    // @NOTE no answer at all: whatever stood in one of ours would count as the page's.
    if (!url || !target || !socket) return void message.socket.destroy()
    meter(guest, socket, target)
    const { pathname, search, host } = new URL(url)
    const outgoing = request({
      createConnection: () => socket,
      method: message.method,
      path: pathname + search,
      headers: { ...handedOn(message.headers), host, connection: 'close' },
    })
    outgoing.on('response', (answer) => {
      response.writeHead(answer.statusCode ?? 502, handedOn(answer.headers))
      answer.on('error', () => response.destroy()).pipe(response)
    })
    outgoing.on('error', (error) => {
      guest.onRefused(target.key, reasonOf(error, url))
      message.socket.destroy()
    })
    response.on('close', () => outgoing.destroy())
    message.pipe(outgoing)
  }

  async function listen(): Promise<Server> {
    const server = createServer((message, response) => {
      forward(message, response).catch(() => message.socket.destroy())
    })
    server.on('connect', (message, client, head) => {
      tunnel(message, client, head).catch(() => client.destroy())
    })
    server.on('clientError', (_error, client) => client.destroy())
    server.unref().listen(0, '127.0.0.1')
    await once(server, 'listening')
    return server
  }

  return {
    /** Where it listens; nobody is let in there without a pass. */
    async url(): Promise<string> {
      const server = await (listening ??= listen())
      return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    },

    admit(guest: Guest): Pass {
      const username = randomBytes(9).toString('hex')
      const password = randomBytes(24).toString('hex')
      const known: Known = { ...guest, password: Buffer.from(password), bytes: 0, open: new Map() }
      guests.set(username, known)
      return {
        username,
        password,
        async cut() {
          for (const [socket, key] of known.open) if (!(await guest.mayReach(key))) socket.destroy()
        },
        leave() {
          guests.delete(username)
          for (const socket of known.open.keys()) socket.destroy()
        },
      }
    },

    async close(): Promise<void> {
      const server = await listening
      for (const { open } of guests.values()) for (const socket of open.keys()) socket.destroy()
      guests.clear()
      server?.closeAllConnections()
      server?.close()
    },
  }
}

const SIGN_IN = 'Basic realm="steward"'

function refuse(client: Duplex, status: string, signIn?: string): void {
  const header = signIn === undefined ? '' : `Proxy-Authenticate: ${signIn}\r\n`
  client.end(`HTTP/1.1 ${status}\r\n${header}Content-Length: 0\r\nConnection: close\r\n\r\n`)
}

function targetOf(text: string): Target | undefined {
  const url = normaliseUrl(text)
  if (url === undefined) return undefined
  const { hostname, port } = new URL(url)
  return { host: hostname, port: Number(port || 80), key: hostKey(url) }
}

function handedOn(headers: IncomingMessage['headers']): IncomingMessage['headers'] {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !OF_THIS_HOP.test(name)))
}
