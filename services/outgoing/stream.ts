import { AppError } from '../errors.ts'
import { lookupAll, openAgent, type NetworkEdge } from './connect.ts'
import { hostKeys } from './addresses.ts'

export type StreamFetch = {
  fetch: (url: string | URL, init?: RequestInit) => Promise<Response>
  close: () => Promise<void>
}

/**
 * `fetch` for one origin that was settled beforehand, whose answers may be streams: reaches private addresses only where
 * `allowedPrivateHosts` names them, goes to no other origin, follows no redirect, and ends a body of more than `maxBytes` (of
 * server-sent events: an event). `headers` are asked for with each request.
 */
export async function openStreamFetch({
  origin,
  allowedPrivateHosts,
  headers,
  maxBytes,
  edge,
}: {
  origin: string
  allowedPrivateHosts: ReadonlySet<string>
  headers: () => Record<string, string>
  maxBytes: number
  edge?: NetworkEdge | undefined
}): Promise<StreamFetch> {
  const { default: undici } = await import('undici')
  const { lookup = lookupAll, deadlineMs = 20_000 } = edge ?? {}
  const agent = await openAgent(hostKeys(allowedPrivateHosts), lookup, deadlineMs)

  async function fetch(url: string | URL, init: RequestInit = {}): Promise<Response> {
    if (new URL(url).origin !== origin) throw new AppError('forbidden', `It wanted to be asked at another address.`)
    const all = new Headers(init.headers)
    for (const [name, value] of Object.entries(headers())) all.set(name, value)
    const options = { ...init, headers: Object.fromEntries(all), redirect: 'manual', dispatcher: agent }
    const answer = await undici.fetch(String(url), options as never)
    const isEvents = /^\s*text\/event-stream\s*(;|$)/i.test(answer.headers.get('content-type') ?? '')
    const endOfOne = isEvents ? endOfEvent() : () => -1
    const body = answer.body === null ? null : bounded(answer.body as ReadableStream<Uint8Array>, maxBytes, endOfOne)
    const { status, statusText } = answer
    return new Response(body, { status, statusText, headers: Object.fromEntries(answer.headers) })
  }

  return { fetch, close: () => agent.destroy() }
}

function bounded(
  body: ReadableStream<Uint8Array>,
  maxBytes: number,
  endOfOne: (chunk: Uint8Array) => number,
): ReadableStream<Uint8Array> {
  let held = 0
  return body.pipeThrough(
    new TransformStream<Uint8Array, Uint8Array>({
      transform(chunk, controller) {
        const end = endOfOne(chunk)
        held = end < 0 ? held + chunk.byteLength : chunk.byteLength - end
        if (held > maxBytes) controller.error(new AppError('too_large', `Its answer is larger than ${maxBytes} bytes.`))
        else controller.enqueue(chunk)
      },
    }),
  )
}

/** Where the last event that ends in a chunk does: after a blank line, whichever of the three ends of a line are used; else -1. */
function endOfEvent(): (chunk: Uint8Array) => number {
  let before = ''
  return (chunk) => {
    const text = before + Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength).toString('latin1')
    const blank = Math.max(text.lastIndexOf('\n\n'), text.lastIndexOf('\r\r'), text.lastIndexOf('\n\r'))
    const end = blank < 0 ? -1 : blank + 2 - before.length
    before = text.slice(-1)
    return end
  }
}
