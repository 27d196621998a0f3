import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { createServer as createTcpServer, type AddressInfo } from 'node:net'
import { Webhook } from 'standardwebhooks'

/** Whatever takes webhooks, on loopback: it keeps what it was sent, and behaves as the test says. */

export type Received = {
  /** `webhook-id`: the same in every repeat. */
  id: string
  path: string
  headers: Record<string, string>
  /** As it came over the wire. */
  text: string
  body: any
  /** Throws where the signature does not fit. */
  verify: (secret: string) => unknown
}

/**
 * `hang` takes the request and never answers, `reset` takes it and cuts the connection. `then` answers only once it
 * resolves.
 */
export type Behaviour =
  { status: number; body?: string; headers?: Record<string, string>; then?: Promise<unknown> } | 'hang' | 'reset'

export type Receiver = AsyncDisposable & {
  url: string
  received: Received[]
  /** From now on: one by one, with the last one again and again. Forgets what was received. */
  behave: (...next: Behaviour[]) => void
  /** Resolves once so many requests have come since the last `behave`. */
  arrived: (count: number) => Promise<void>
}

export async function startReceiver(): Promise<Receiver> {
  const received: Received[] = []
  let behaviours: Behaviour[] = [{ status: 204 }]
  const waiting = new Set<() => void>()

  const server = createServer(async (req, res) => {
    const index = received.push(await read(req)) - 1
    for (const look of waiting) look()
    await answer(res, behaviours[Math.min(index, behaviours.length - 1)]!)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    received,
    behave(...next) {
      received.length = 0
      behaviours = next
    },
    arrived: (count) =>
      new Promise((resolve, reject) => {
        const timer = setTimeout(() => reject(new Error(`only ${received.length} of ${count} arrived`)), 10_000)
        const look = () => {
          if (received.length < count) return
          clearTimeout(timer)
          waiting.delete(look)
          resolve()
        }
        waiting.add(look)
        look()
      }),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      server.close()
    },
  }
}

/** An address of loopback where nobody listens. */
export async function refusingUrl(): Promise<string> {
  const server = createTcpServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return `http://127.0.0.1:${port}`
}

async function read(req: IncomingMessage): Promise<Received> {
  const chunks: Buffer[] = []
  for await (const chunk of req) chunks.push(chunk)
  const text = Buffer.concat(chunks).toString()
  const headers = req.headers as Record<string, string>
  return {
    id: headers['webhook-id'] ?? '',
    path: req.url ?? '',
    headers,
    text,
    body: JSON.parse(text),
    verify: (secret) => new Webhook(secret).verify(text, headers),
  }
}

async function answer(res: ServerResponse, behaviour: Behaviour): Promise<void> {
  if (behaviour === 'hang') return
  if (behaviour === 'reset') return void res.socket?.destroy()
  await behaviour.then
  res.writeHead(behaviour.status, behaviour.headers).end(behaviour.body)
}
