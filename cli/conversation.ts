import { setTimeout as wait } from 'node:timers/promises'
import { CommandError, EXIT } from './command.ts'
import type { Server } from './server.ts'
import type { Frame } from './told.ts'

/** How long to wait before each further try to come back. */
const TRIES_MS = [200, 500, 1_000, 2_000, 4_000]

export type Conversation = { send: (frame: object) => void; close: () => void }

/**
 * A conversation over its socket, each opened with a ticket. Where the connection is lost it comes back and goes on behind the
 * last frame it saw; when Steward stays away, `lost` is told why.
 */
export async function openConversation(
  server: Server,
  id: string,
  take: (frame: Frame) => void,
  lost: (error: CommandError) => void,
): Promise<Conversation> {
  let socket: WebSocket | undefined
  let seen: number | undefined
  let over = false

  async function open(): Promise<void> {
    const fresh = new WebSocket(await server.socketUrl(id, seen))
    await new Promise<void>((resolve, reject) => {
      fresh.addEventListener('open', () => resolve(), { once: true })
      fresh.addEventListener('error', () => reject(noSocket(server)), { once: true })
    })
    socket = fresh
    fresh.addEventListener('message', ({ data }) => receive(String(data)))
    fresh.addEventListener('close', ({ code }) => void comeBack(code).catch(lost), { once: true })
  }

  function receive(text: string): void {
    const frame = JSON.parse(text) as Frame
    if (typeof frame.seq === 'number') seen = frame.seq
    take(frame)
  }

  async function comeBack(code: number): Promise<void> {
    if (over) return
    // @NOTE before the first kept frame nobody knows whether the message arrived, and it must not be sent twice.
    if (seen === undefined) throw new CommandError(EXIT.unreachable, `The connection to ${server.url} was lost before Steward took the message. See ${server.url}/chat/${id}`) // prettier-ignore
    if (code === 1008) throw new CommandError(EXIT.notAllowed, 'The key or sign-in has ended. What goes on goes on.')
    for (const ms of TRIES_MS) {
      await wait(ms)
      if (over) return
      try {
        return await open()
      } catch (error) {
        if (error instanceof CommandError && error.exit !== EXIT.unreachable) throw error
      }
    }
    throw new CommandError(
      EXIT.unreachable,
      `The connection to ${server.url} was lost. The run goes on where Steward is running: ${server.url}/chat/${id}`,
    )
  }

  await open()
  return {
    send: (frame) => socket?.send(JSON.stringify(frame)),
    close() {
      over = true
      socket?.close()
    },
  }
}

const noSocket = ({ url }: Server): CommandError =>
  new CommandError(EXIT.unreachable, `${url} opens no socket. If a proxy is in front, it must pass WebSockets on.`)
