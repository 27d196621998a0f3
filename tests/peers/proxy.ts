import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'

/** A TCP proxy on loopback that lets through, cuts, or swallows what goes through it, as a test wants it. */
export type Proxy = AsyncDisposable & {
  port: number
  /** How many connections were made through it so far. */
  connections: () => number
  /** How many are open. */
  open: () => number
  /** From now on everything that is sent either way is lost, on the connections there are and on new ones; nobody is told. */
  swallow: () => void
  /** Connections that are made from now on are let through; those that were swallowed stay silent. */
  heal: () => void
  /** Cuts all connections, at once. */
  cut: () => void
  /** Cuts the next connection that brings so many bytes, once. */
  cutAfter: (bytes: number) => void
  /** Told of what the server says and what the client says, piece by piece. */
  onData: (listener: (from: 'client' | 'server', text: string) => void) => void
}

/** `without`: a word that the server is not heard to say, such as a capability; it becomes one of the same length. */
export async function startProxy(to: number, { without }: { without?: string } = {}): Promise<Proxy> {
  let swallows = false
  let made = 0
  let limit = Infinity
  const pairs = new Set<{ sockets: [Socket, Socket]; isDead: boolean }>()
  const listeners = new Set<(from: 'client' | 'server', text: string) => void>()

  const server = createServer((client) => {
    made++
    const target = connect(to, '127.0.0.1')
    const pair = { sockets: [client, target] as [Socket, Socket], isDead: swallows }
    pairs.add(pair)
    let brought = 0
    const end = () => {
      if (pair.isDead) return
      pairs.delete(pair)
      client.destroy()
      target.destroy()
    }
    for (const socket of pair.sockets) socket.on('error', end).on('close', end)
    client.on('data', (chunk) => {
      if (pair.isDead) return
      for (const tell of listeners) tell('client', chunk.toString('latin1'))
      target.write(chunk)
    })
    target.on('data', (chunk) => {
      if (pair.isDead) return
      for (const tell of listeners) tell('server', chunk.toString('latin1'))
      brought += chunk.length
      if (without !== undefined)
        return void client.write(chunk.toString('latin1').replaceAll(without, 'X'.repeat(without.length)), 'latin1')
      if (brought < limit) return void client.write(chunk)
      limit = Infinity
      client.write(chunk.subarray(0, chunk.length / 2), end)
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')

  function cut(): void {
    for (const pair of pairs) for (const socket of pair.sockets) socket.destroy()
    pairs.clear()
  }

  return {
    port: (server.address() as AddressInfo).port,
    connections: () => made,
    open: () => pairs.size,
    swallow() {
      swallows = true
      for (const pair of pairs) pair.isDead = true
    },
    heal: () => void (swallows = false),
    cut,
    cutAfter: (bytes) => void (limit = bytes),
    onData: (listener) => void listeners.add(listener),
    async [Symbol.asyncDispose]() {
      cut()
      server.close()
    },
  }
}
