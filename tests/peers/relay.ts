import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'

/**
 * A wire to a real SMTP server that loses the answer to a message: what the client says goes through to the end, but once the
 * server has said "go on" (354) nothing comes back. `cut`: and the wire breaks once the message was taken; `silent`: it stays up.
 */
export type Relay = AsyncDisposable & {
  host: string
  port: number
  lose: (how: 'cut' | 'silent' | 'nothing') => void
}

export async function startRelay(to: number): Promise<Relay> {
  let how: 'cut' | 'silent' | 'nothing' = 'nothing'
  const sockets = new Set<Socket>()

  const server = createServer((client) => {
    const mine = how
    let asked = false
    const real = connect(to, '127.0.0.1')
    for (const socket of [client, real]) {
      sockets.add(socket)
      socket.on('error', () => {}).on('close', () => sockets.delete(socket))
    }
    client.on('data', (bytes) => real.write(bytes)).on('close', () => real.end())
    real.on('close', () => client.destroy())
    real.on('data', (bytes: Buffer) => {
      const lost = asked && mine !== 'nothing'
      asked ||= /^354/m.test(bytes.toString('latin1'))
      if (!lost) client.write(bytes)
      else if (mine === 'cut') client.destroy()
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')

  return {
    host: '127.0.0.1',
    port: (server.address() as AddressInfo).port,
    lose: (next) => void (how = next),
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}
