import { spawn } from 'node:child_process'
import { createRequire } from 'node:module'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { createMcpHandler } from '@modelcontextprotocol/server'
import { endDaemon, freePort } from './daemons.ts'
import { scripted, type Script } from './mcp-server.ts'

const require = createRequire(import.meta.url)
const programOf = (name: string): string => join(dirname(require.resolve(`${name}/package.json`)), 'dist', 'index.js')

/** The official reference servers, as commands. */
export const EVERYTHING = { command: process.execPath, args: [programOf('@modelcontextprotocol/server-everything')] }
export const filesystemServer = (folder: string) => ({
  command: process.execPath,
  args: [programOf('@modelcontextprotocol/server-filesystem'), folder],
})

export type HttpPeer = AsyncDisposable & { url: string }

/** The official server-everything over HTTP, on loopback only. */
export async function startEverything(mode: 'streamableHttp' | 'sse'): Promise<HttpPeer> {
  const port = await freePort()
  const shim = join(import.meta.dirname, 'loopback.mjs')
  const child = spawn(process.execPath, ['--import', shim, ...EVERYTHING.args, mode], {
    env: { PATH: process.env.PATH, PORT: String(port) },
    stdio: 'ignore',
  })
  const base = `http://127.0.0.1:${port}`
  for (let tries = 0; ; tries++) {
    const up = await fetch(`${base}/nothing`).then(
      () => true,
      () => false,
    )
    if (up) break
    if (tries > 400) throw new Error('server-everything did not start')
    await new Promise((resolve) => setTimeout(resolve, 25))
  }
  return {
    url: `${base}/${mode === 'sse' ? 'sse' : 'mcp'}`,
    [Symbol.asyncDispose]: () => endDaemon(child),
  }
}

export type Tiny = Disposable & {
  command: string
  args: string[]
  /** From now on its tools are these. */
  become: (script: Script) => void
  /** What it was asked, oldest first. */
  calls: () => { name: string; arguments: Record<string, unknown> }[]
  /** The processes that it was started as. */
  pids: () => number[]
}

/** The small server as a program, with a script that the test may change while it runs. */
export function tinyProgram(script: Script): Tiny {
  const dir = mkdtempSync(join(tmpdir(), 'tiny-'))
  const [file, log] = [join(dir, 'script.json'), join(dir, 'calls.log')]
  const become = (next: Script) => writeFileSync(file, JSON.stringify(next))
  const lines = () => (existsSync(log) ? readFileSync(log, 'utf8').split('\n').filter(Boolean) : [])
  become(script)
  return {
    command: process.execPath,
    args: [join(import.meta.dirname, 'mcp-server.ts'), file, log],
    become,
    calls: () => lines().flatMap((line) => (line.startsWith('{') ? [JSON.parse(line)] : [])),
    pids: () => lines().flatMap((line) => (line.startsWith('started ') ? [Number(line.slice(8))] : [])),
    [Symbol.dispose]: () => rmSync(dir, { recursive: true, force: true }),
  }
}

export type TinyHttp = HttpPeer & {
  become: (script: Script) => void
  calls: string[]
  wants: (token: string | null) => void
}

/** The small server over streamable HTTP, which may want a bearer token. */
export async function tinyService(script: Script): Promise<TinyHttp> {
  let now = script
  let token: string | null = null
  const calls: string[] = []
  const handler = createMcpHandler(() =>
    scripted(
      () => now,
      (line) => calls.push(line),
    ),
  )
  const server = createServer(async (req, res) => {
    if (token !== null && req.headers.authorization !== `Bearer ${token}`) return void res.writeHead(401).end()
    const body = req.method === 'POST' ? await text(req) : undefined
    const headers = Object.fromEntries(Object.entries(req.headers).map(([name, value]) => [name, String(value)]))
    const request = new Request(`http://127.0.0.1${req.url}`, {
      method: req.method ?? 'GET',
      headers,
      ...(body === undefined ? {} : { body }),
    })
    const answer = await handler.fetch(request)
    res.writeHead(answer.status, Object.fromEntries(answer.headers))
    res.flushHeaders()
    if (answer.body === null) return void res.end()
    Readable.fromWeb(answer.body as never)
      .on('error', () => res.destroy())
      .pipe(res)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`,
    calls,
    become: (next) => void (now = next),
    wants: (wanted) => void (token = wanted),
    async [Symbol.asyncDispose]() {
      await handler.close()
      server.closeAllConnections()
      server.close()
    },
  }
}
