import { Agent, request } from 'node:http'
import type { Answer } from '../steward.ts'

/** Requests that go out letter by letter: any path, any Host, any header, any body. */

const kept = new Agent({ keepAlive: true })

export type RawRequest = {
  method?: string
  path: string
  headers?: Record<string, string>
  body?: string | Buffer
}

/** Sends it to 127.0.0.1 at the port of `url`, and resolves with whatever comes back. */
export function send(url: string, { method = 'GET', path, headers = {}, body }: RawRequest): Promise<Answer> {
  const { port } = new URL(url)
  const length = body === undefined ? {} : { 'content-length': String(Buffer.byteLength(body)) }
  // @NOTE a body that is refused unread leaves its connection useless.
  const agent = body !== undefined && body.length > 64 * 1024 ? false : kept
  const options = { host: '127.0.0.1', port, path, method, headers: { ...length, ...headers }, agent }
  return new Promise((resolve, reject) => {
    const call = request(options, (response) => {
      let text = ''
      response.on('data', (chunk) => (text += String(chunk)))
      response.on('end', () =>
        resolve({ status: response.statusCode!, text, headers: known(response.headers), body: json(text) }),
      )
      response.on('error', reject)
    })
    call.on('error', reject).end(body)
  })
}

/** Closes what was kept open for the next request. */
export const hangUp = (): void => kept.destroy()

function known(headers: Record<string, string | string[] | undefined>): Headers {
  const pairs = Object.entries(headers).flatMap(([name, value]) =>
    [value ?? []].flat().map((one) => [name, one] as [string, string]),
  )
  return new Headers(pairs)
}

function json(text: string): any {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
