import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** A small web site on loopback. Opened to tools by ALLOWED_PRIVATE_HOSTS, it stands for the whole web. */
export type Site = AsyncDisposable & {
  url: string
  /** `127.0.0.1:port` (or the address it was given), as ALLOWED_PRIVATE_HOSTS wants it. */
  host: string
  /** What was asked for, path and query, in order. */
  seen: string[]
  /** Puts a page at a path; a function answers by itself. */
  page: (path: string, content: string | ((res: ServerResponse) => void)) => void
  redirect: (path: string, to: string) => void
  /** Takes requests at this path and never answers them. */
  hang: (path: string) => void
  /** Forgets its pages. */
  clear: () => void
  /** Answers searches like SearXNG does. */
  searchResults: (...results: { title: string; url: string; content?: string }[]) => void
}

export async function startSite(address = '127.0.0.1'): Promise<Site> {
  const pages = new Map<string, (res: ServerResponse) => void>()
  const seen: string[] = []
  const server = createServer((req, res) => {
    const path = req.url ?? '/'
    seen.push(path)
    const answer = pages.get(path) ?? pages.get(path.split('?')[0]!)
    if (answer) return answer(res)
    res.writeHead(404, { 'content-type': 'text/plain' }).end('No such page')
  })
  server.listen(0, address)
  await once(server, 'listening')
  const host = `${address}:${(server.address() as AddressInfo).port}`

  const html = (body: string) => (res: ServerResponse) =>
    void res.writeHead(200, { 'content-type': 'text/html; charset=utf-8' }).end(pageOf(body))

  return {
    url: `http://${host}`,
    host,
    seen,
    page: (path, content) => void pages.set(path, typeof content === 'string' ? html(content) : content),
    redirect: (path, to) => void pages.set(path, (res) => void res.writeHead(302, { location: to }).end()),
    hang: (path) => void pages.set(path, () => {}),
    searchResults(...results) {
      pages.set('/search', (res) => {
        res.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ results }))
      })
    },
    clear: () => pages.clear(),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      server.close()
    },
  }
}

function pageOf(body: string): string {
  return `<!doctype html><html><head><title>A page</title></head><body><main><article><h1>A page</h1>${body}</article></main></body></html>`
}
