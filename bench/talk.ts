import { randomUUID } from 'node:crypto'
import { WebSocket } from 'ws'
import type { Steward } from '../tests/steward.ts'

/** Sockets as cheap as they can be made here, so that what is measured is the other end. */

const TEXT = Buffer.from('{"type":"text"')
const DONE = Buffer.from('{"type":"done"')
const ERROR = Buffer.from('{"type":"error"')
const LONGEST_ANSWER_MS = 60_000

/** One of the two that are compared: opens a socket on a fresh conversation. */
export type Side = { name: string; pid: number; open: () => Promise<WebSocket> }

export function sideOf(name: string, { url, pid }: { url: string; pid: number }): Side {
  return { name, pid, open: () => openSocket(url, {}) }
}

export function stewardSide({ url, process, owner }: Steward): Side {
  return { name: 'Steward', pid: process.pid!, open: () => openSocket(url, owner.headers()) }
}

/** Resolves with the first frame: from then on it may be talked to. */
function openSocket(url: string, headers: Record<string, string>): Promise<WebSocket> {
  const socket = new WebSocket(`${url.replace('http', 'ws')}/ws/${randomUUID()}`, { headers, perMessageDeflate: false })
  return new Promise((resolve, reject) => {
    socket.once('message', () => resolve(socket))
    socket.on('error', reject)
    socket.on('close', () => reject(new Error('the socket was closed')))
  })
}

export async function openMany(side: Side, count: number, atOnce = 50): Promise<WebSocket[]> {
  const sockets: WebSocket[] = []
  while (sockets.length < count) {
    const next = Math.min(atOnce, count - sockets.length)
    sockets.push(...(await Promise.all(Array.from({ length: next }, side.open))))
  }
  return sockets
}

export async function closeAll(sockets: readonly WebSocket[]): Promise<void> {
  await Promise.all(
    sockets.map((socket) => {
      const closed = new Promise((resolve) => socket.once('close', resolve))
      socket.close()
      return closed
    }),
  )
}

/** Asks, and resolves with the milliseconds and the text frames up to the `done` frame. */
export function ask(socket: WebSocket, content: string): Promise<{ ms: number; deltas: number }> {
  const { promise, resolve, reject } = Promise.withResolvers<{ ms: number; deltas: number }>()
  let deltas = 0
  const started = performance.now()
  const take = (data: Buffer): void => {
    if (startsWith(data, TEXT)) deltas++
    else if (startsWith(data, DONE)) resolve({ ms: performance.now() - started, deltas })
    else if (startsWith(data, ERROR)) reject(new Error(`answered with ${String(data)}`))
  }
  const timer = setTimeout(() => reject(new Error('there was no answer in time')), LONGEST_ANSWER_MS)
  socket.on('message', take).send(JSON.stringify({ type: 'message', content }))
  return promise.finally(() => {
    clearTimeout(timer)
    socket.off('message', take)
  })
}

function startsWith(data: Buffer, prefix: Buffer): boolean {
  return data.length >= prefix.length && data.compare(prefix, 0, prefix.length, 0, prefix.length) === 0
}
