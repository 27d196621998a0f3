import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { WebSocketServer, type WebSocket } from 'ws'

/** A server that speaks Steward's language and says whatever a test wants: what an attacker in its place could do. */

export type FakeSteward = AsyncDisposable & {
  url: string
  /** Every request, with what it carried. */
  requests: { method: string; path: string; headers: IncomingMessage['headers']; body: string }[]
  /** Told of each socket that opens, with its path. */
  onConnection: (visit: Visit) => void
  /** Answers by path, as JSON; a function writes its own. */
  answers: Record<string, unknown>
}

type Visit = (path: string, tell: (frame: object) => void) => unknown
type Script = (message: any, tell: (frame: object) => void, socket: WebSocket) => unknown

export async function fakeSteward(onMessage: Script = () => {}): Promise<FakeSteward> {
  const requests: FakeSteward['requests'] = []
  const answers: Record<string, unknown> = {}
  let visit: Visit = () => {}
  const server = createServer((req, res) => void answer(req, res))
  const sockets = new WebSocketServer({ server })
  sockets.on('connection', (socket, req) => {
    const tell = (frame: object) => socket.send(JSON.stringify({ run_id: 'r', ...frame }))
    socket.send(JSON.stringify({ type: 'models', models: [], default: '' }))
    socket.on('message', (data) => onMessage(JSON.parse(String(data)), tell, socket))
    visit(req.url ?? '', tell)
  })

  async function answer(req: IncomingMessage, res: ServerResponse): Promise<void> {
    let body = ''
    for await (const chunk of req) body += String(chunk)
    const path = req.url!.split('?')[0]!
    requests.push({ method: req.method!, path, headers: req.headers, body })
    const value = path === '/api/ws-ticket' ? { ticket: 't' } : answers[path]
    if (typeof value === 'function') return void (value as (res: ServerResponse) => void)(res)
    res.writeHead(value === undefined ? 404 : 200, { 'content-type': 'application/json' })
    res.end(JSON.stringify(value ?? { error: 'There is nothing.', code: 'not_found' }))
  }

  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    onConnection: (heard) => void (visit = heard),
    answers,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets.clients) socket.terminate()
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
