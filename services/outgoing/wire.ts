import type { Dispatcher } from 'undici'

type Answer = Pick<Response, 'ok' | 'status' | 'statusText' | 'headers' | 'url' | 'text' | 'json'> & { body: unknown }

const IDLE_MS = 30_000

let agent: Promise<{ request: (url: string, init: RequestInit) => Promise<Dispatcher.ResponseData> }> | undefined

/**
 * `fetch` for the SDKs of model vendors, without the web streams of the global one: what a request and the reading of its
 * stream cost is halved by that (`npm run bench -- engine`). It answers what the SDKs read of a Response, with the body as an
 * async iterable of bytes. An answer that leads elsewhere is left to the global `fetch`. Rejects with the
 * network's own error (its `code` says what), and with the signal's reason where it was aborted.
 */
export const wireFetch = (async (input: string | URL | Request, init: RequestInit = {}) => {
  const url = input instanceof Request ? input.url : String(input)
  const { request } = await (agent ??= connect())
  const { statusCode, headers, body } = await request(url, init)
  if (statusCode >= 300 && statusCode < 400) {
    await body.dump()
    return fetch(url, init)
  }
  return answered(url, statusCode, headers, body) as unknown as Response
}) as typeof fetch

async function connect() {
  const { default: undici } = await import('undici')
  const dispatcher = new undici.Agent({ keepAliveTimeout: IDLE_MS })
  return {
    request: (url: string, { method, headers, body, signal }: RequestInit) =>
      undici.request(url, {
        dispatcher,
        method: (method ?? 'GET') as Dispatcher.HttpMethod,
        headers: { ...plain(headers), 'accept-encoding': 'identity' },
        body: body as string | Buffer | null,
        signal: signal ?? null,
      }),
  }
}

function plain(headers: RequestInit['headers']): Record<string, string> {
  return headers === undefined ? {} : Object.fromEntries(headers instanceof Headers ? headers : new Headers(headers))
}

function answered(url: string, status: number, sent: Dispatcher.ResponseData['headers'], body: Body): Answer {
  const headers = new Headers()
  for (const [name, value] of Object.entries(sent)) if (value !== undefined) headers.set(name, String(value))
  return {
    ok: status >= 200 && status < 300,
    status,
    statusText: '',
    url,
    headers,
    body,
    text: () => body.text(),
    json: () => body.json(),
  }
}

type Body = Dispatcher.ResponseData['body']
