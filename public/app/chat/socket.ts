import { signal, type ReadonlySignal } from '@preact/signals'
import type { ClientFrame, ServerFrame } from '../../../services/shapes/frames.ts'

/** `open` once what was missed has been told: it follows the first frame (`models`) at once, then our ping's answer. */
export type Link = 'connecting' | 'open' | 'reconnecting' | 'closed'

export type ChatSocket = {
  link: ReadonlySignal<Link>
  /** False when there is no open line; the caller decides what then. */
  send: (frame: ClientFrame) => boolean
  /** Drops the line and asks again for what came after `after()`. */
  reopen: () => void
  close: () => void
}

type SocketOptions = {
  id: string
  after: () => number
  onFrame: (frame: ServerFrame) => void
  /** The line is open and everything missed has been told. */
  onCaughtUp: () => void
  /** The line could not be opened several times in a row; perhaps one is signed out. */
  onTrouble: () => void
}

const FIRST_WAIT = 500
const LONGEST_WAIT = 15_000
const PING_EVERY = 20_000
const SILENCE = 45_000

/** The line to a conversation. It opens itself again, with growing pauses, until it is closed. */
export function openSocket(options: SocketOptions): ChatSocket {
  const link = signal<Link>('connecting')
  let socket: WebSocket | undefined
  let fails = 0
  let timer: ReturnType<typeof setTimeout> | undefined
  let heard = Date.now()
  let caughtUp = false

  function open(): void {
    clearTimeout(timer)
    caughtUp = false
    heard = Date.now()
    const mine = new WebSocket(address(options.id, options.after()))
    socket = mine
    mine.onmessage = ({ data }) => socket === mine && receive(String(data))
    mine.onclose = () => socket === mine && lost()
  }

  function receive(data: string): void {
    heard = Date.now()
    fails = 0
    const frame = JSON.parse(data) as ServerFrame
    if (frame.type === 'models') send({ type: 'ping' })
    if (frame.type !== 'pong') return options.onFrame(frame)
    if (caughtUp) return
    caughtUp = true
    link.value = 'open'
    options.onCaughtUp()
  }

  function lost(): void {
    if (link.value === 'closed') return
    link.value = 'reconnecting'
    fails += 1
    if (fails % 3 === 0) options.onTrouble()
    const wait = Math.min(LONGEST_WAIT, FIRST_WAIT * 2 ** (fails - 1))
    timer = setTimeout(open, wait * (0.7 + Math.random() * 0.6))
  }

  function send(frame: ClientFrame): boolean {
    if (socket?.readyState !== WebSocket.OPEN) return false
    socket.send(JSON.stringify(frame))
    return true
  }

  function drop(): void {
    const old = socket
    socket = undefined
    old?.close()
  }

  function reopen(): void {
    drop()
    open()
  }

  function hurry(): void {
    if (link.value === 'reconnecting' && document.visibilityState === 'visible') open()
  }

  const pulse = setInterval(() => {
    if (link.value !== 'open') return
    if (Date.now() - heard > SILENCE) return (drop(), lost())
    send({ type: 'ping' })
  }, PING_EVERY)

  function close(): void {
    link.value = 'closed'
    clearTimeout(timer)
    clearInterval(pulse)
    removeEventListener('online', hurry)
    document.removeEventListener('visibilitychange', hurry)
    drop()
  }

  addEventListener('online', hurry)
  document.addEventListener('visibilitychange', hurry)
  open()
  return { link, send, reopen, close }
}

function address(id: string, after: number): string {
  const scheme = location.protocol === 'https:' ? 'wss' : 'ws'
  return `${scheme}://${location.host}/ws/${encodeURIComponent(id)}?after=${after}`
}
