import { connect, type Socket } from 'node:net'

/** Many keep-alive clients as cheap as they can be made here, so that what is measured is the other end. */

const LONGEST_ANSWER_MS = 30_000
const LENGTH = /\r\ncontent-length: (\d+)\r\n/i

/** What came of a load: milliseconds of each answer, and answers that were none of 200. */
export type Load = { ms: number[]; failed: number; perSecond: number }

type Client = { socket: Socket; ask: () => Promise<number> }

/** `count` clients, each asking again as soon as it was answered, until `requests` were answered. */
export async function load(
  url: string,
  headers: Record<string, string>,
  count: number,
  requests: number,
): Promise<Load> {
  const clients = await Promise.all(Array.from({ length: count }, () => open(url, headers)))
  const result: Load = { ms: [], failed: 0, perSecond: 0 }
  let left = requests
  const started = performance.now()
  await Promise.all(
    clients.map(async ({ ask }) => {
      while (left-- > 0) {
        const begun = performance.now()
        const status = await ask().catch(() => 0)
        result.ms.push(performance.now() - begun)
        if (status !== 200) result.failed++
      }
    }),
  )
  result.perSecond = (result.ms.length / (performance.now() - started)) * 1000
  for (const { socket } of clients) socket.destroy()
  return result
}

async function open(url: string, headers: Record<string, string>): Promise<Client> {
  const { hostname, port, pathname, search, host } = new URL(url)
  const lines = Object.entries({ host, ...headers }).map(([name, value]) => `${name}: ${value}\r\n`)
  const request = Buffer.from(`GET ${pathname}${search} HTTP/1.1\r\n${lines.join('')}\r\n`)
  const socket = connect({ host: hostname, port: Number(port), noDelay: true })
  await new Promise<void>((resolve, reject) => socket.once('connect', resolve).once('error', reject))
  return { socket, ask: () => answered(socket, request) }
}

/** Resolves with the status once the whole answer is there. */
function answered(socket: Socket, request: Buffer): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>()
  let head = ''
  let got = 0
  let wanted = Infinity
  const take = (piece: Buffer): void => {
    got += piece.length
    if (wanted === Infinity) {
      head += piece.toString('latin1')
      const end = head.indexOf('\r\n\r\n')
      if (end < 0) return
      wanted = end + 4 + Number(LENGTH.exec(head)?.[1] ?? 0)
    }
    if (got >= wanted) resolve(Number(head.slice(9, 12)))
  }
  const fail = (): void => reject(new Error('the connection ended'))
  const timer = setTimeout(fail, LONGEST_ANSWER_MS)
  socket.on('data', take).once('close', fail).write(request)
  return promise.finally(() => {
    clearTimeout(timer)
    socket.off('data', take).off('close', fail)
  })
}
