import { spawn, type ChildProcess } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { WebSocket } from 'ws'

/** The real program as a process of its own, on a free port of loopback and a data folder of its own. */

const ROOT = join(import.meta.dirname, '..')
const START_MS = 15_000
/** As `npm start` and the image start it (tests/launcher.test.ts). */
export const HEAP = '--max-semi-space-size=16'

export const OWNER = { username: 'anna', password: 'correct horse battery' }

export type Answer<T = any> = { status: number; body: T; headers: Headers; text: string }
export type RequestOptions = { headers?: Record<string, string>; raw?: string | Buffer }

/** Speaks HTTP like one browser or one script: keeps the cookie it was given, or sends a key. */
export class Client {
  cookie = ''
  readonly url: string
  readonly key: string | undefined

  constructor(url: string, key?: string) {
    this.url = url
    this.key = key
  }

  headers(): Record<string, string> {
    return { ...(this.cookie ? { cookie: this.cookie } : {}), ...(this.key ? { 'x-api-key': this.key } : {}) }
  }

  async request<T = any>(
    method: string,
    path: string,
    body?: unknown,
    options: RequestOptions = {},
  ): Promise<Answer<T>> {
    const content = options.raw ?? (body === undefined ? undefined : JSON.stringify(body))
    const response = await fetch(this.url + path, {
      method,
      headers: {
        ...this.headers(),
        ...(content === undefined ? {} : { 'content-type': 'application/json' }),
        ...options.headers,
      },
      ...(content === undefined ? {} : { body: content as never }),
      redirect: 'manual',
    })
    const set = response.headers.getSetCookie().find((cookie) => cookie.startsWith('steward_session='))
    if (set) this.cookie = set.split(';')[0]!
    const text = await response.text()
    return { status: response.status, headers: response.headers, text, body: parsed(text) }
  }

  get = <T = any>(path: string, options?: RequestOptions) => this.request<T>('GET', path, undefined, options)
  post = <T = any>(path: string, body?: unknown, options?: RequestOptions) =>
    this.request<T>('POST', path, body, options)
  put = <T = any>(path: string, body?: unknown) => this.request<T>('PUT', path, body)
  patch = <T = any>(path: string, body?: unknown) => this.request<T>('PATCH', path, body)
  delete = <T = any>(path: string) => this.request<T>('DELETE', path)

  /** Opens the socket of a conversation; rejects with the HTTP status where the upgrade is refused. */
  chat(
    conversationId: string,
    options: { after?: number; query?: string; headers?: Record<string, string> } = {},
  ): Promise<Chat> {
    const query = options.query ?? (options.after === undefined ? '' : `?after=${options.after}`)
    const socket = new WebSocket(`${this.url.replace('http', 'ws')}/ws/${conversationId}${query}`, {
      headers: { ...this.headers(), ...options.headers },
    })
    return openChat(socket)
  }
}

export type Frame = { type: string; seq?: number; run_id?: string } & Record<string, any>

/** One socket with everything it was told so far. */
export type Chat = {
  socket: WebSocket
  frames: Frame[]
  send: (frame: unknown) => void
  /** The first frame, told already or later, for which this holds; each frame is given out once by `next`. */
  next: (wanted: string | ((frame: Frame) => boolean), ms?: number) => Promise<Frame>
  /** Sends a message and resolves with its `done` or `error` frame. */
  ask: (content: string, more?: Record<string, unknown>) => Promise<Frame>
  closed: Promise<{ code: number; reason: string }>
  close: () => Promise<void>
}

export class Refused extends Error {
  readonly status: number
  readonly body: any

  constructor(status: number, body: unknown) {
    super(`refused with ${status}`)
    this.status = status
    this.body = body
  }
}

function openChat(socket: WebSocket): Promise<Chat> {
  const frames: Frame[] = []
  const waiting = new Set<() => void>()
  let given = 0
  socket.on('message', (data) => {
    frames.push(JSON.parse(String(data)) as Frame)
    for (const look of waiting) look()
  })
  const closed = new Promise<{ code: number; reason: string }>((resolve) =>
    socket.on('close', (code, reason) => resolve({ code, reason: String(reason) })),
  )

  function next(wanted: string | ((frame: Frame) => boolean), ms = 10_000): Promise<Frame> {
    const fits = typeof wanted === 'string' ? (frame: Frame) => frame.type === wanted : wanted
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        waiting.delete(look)
        reject(new Error(`no such frame (${String(wanted)}) among ${JSON.stringify(frames.slice(-8)).slice(0, 2000)}`))
      }, ms)
      function look(): void {
        const index = frames.findIndex((frame, at) => at >= given && fits(frame))
        if (index < 0) return
        given = index + 1
        clearTimeout(timer)
        waiting.delete(look)
        resolve(frames[index]!)
      }
      waiting.add(look)
      look()
    })
  }

  const chat: Chat = {
    socket,
    frames,
    next,
    closed,
    send: (frame) => socket.send(typeof frame === 'string' ? frame : JSON.stringify(frame)),
    async ask(content, more = {}) {
      chat.send({ type: 'message', content, ...more })
      return next((frame) => frame.type === 'done' || frame.type === 'error')
    },
    async close() {
      socket.close()
      await closed
    },
  }
  return new Promise((resolve, reject) => {
    socket.once('open', () => resolve(chat))
    socket.on('error', reject)
    socket.once('unexpected-response', (_request, response) => {
      let text = ''
      response.on('data', (chunk) => (text += String(chunk)))
      response.on('end', () => reject(new Refused(response.statusCode ?? 0, parsed(text))))
    })
  })
}

export type StartOptions = {
  env?: Record<string, string>
  /** Used again as it is; otherwise a fresh one that goes when the process is stopped. */
  dataDir?: string
  /** The owner is set up and signed in; true unless said otherwise. */
  setUp?: boolean
}

export type Steward = AsyncDisposable & {
  url: string
  dataDir: string
  /** The owner's browser. */
  owner: Client
  process: ChildProcess
  /** What it wrote to stdout and stderr so far. */
  output: () => string
  anybody: (key?: string) => Client
  /** Ends it the polite way (SIGTERM) and resolves with its exit status. */
  stop: () => Promise<number | null>
  /** SIGKILL. */
  kill: () => Promise<void>
}

/** Starts Steward and resolves once it listens. Rejects with what it printed when it ends instead. */
export async function startSteward(options: StartOptions = {}): Promise<Steward> {
  const dataDir = options.dataDir ?? mkdtempSync(join(tmpdir(), 'steward-'))
  const child = spawn(process.execPath, [HEAP, join(ROOT, 'dist', 'server.js')], {
    cwd: mkdtempSync(join(tmpdir(), 'cwd-')),
    env: {
      PATH: process.env.PATH ?? '',
      HOME: process.env.HOME ?? '',
      PORT: '0',
      DATA_DIR: dataDir,
      LOG_LEVEL: 'warn',
      TZ: 'UTC',
      ...options.env,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  child.stdout.on('data', (chunk) => (output += String(chunk)))
  child.stderr.on('data', (chunk) => (output += String(chunk)))
  const exited = new Promise<number | null>((resolve) => child.on('exit', (code) => resolve(code)))
  const url = await listening(child, () => output)
  const owner = new Client(url)

  async function end(signal: NodeJS.Signals): Promise<number | null> {
    if (child.exitCode === null && child.signalCode === null) child.kill(signal)
    return exited
  }

  const steward: Steward = {
    url,
    dataDir,
    owner,
    process: child,
    output: () => output,
    anybody: (key) => new Client(url, key),
    stop: () => end('SIGTERM'),
    kill: async () => void (await end('SIGKILL')),
    async [Symbol.asyncDispose]() {
      await end('SIGTERM')
      if (options.dataDir === undefined) rmSync(dataDir, { recursive: true, force: true })
    },
  }
  if (options.setUp !== false) await signInOwner(steward)
  return steward
}

/** Sets the owner up, or signs them in where that was done before. */
export async function signInOwner({ owner, dataDir }: Pick<Steward, 'owner' | 'dataDir'>): Promise<void> {
  const { body } = await owner.get<{ needed: boolean }>('/api/setup')
  if (!body.needed) return void (await owner.post('/api/auth/login', OWNER))
  const token = readFileSync(join(dataDir, 'setup-token'), 'utf8').trim()
  const answer = await owner.post('/api/setup', { token, ...OWNER })
  if (answer.status !== 201) throw new Error(`set-up failed: ${answer.text}`)
}

function listening(child: ChildProcess, output: () => string): Promise<string> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`did not start:\n${output()}`)), START_MS)
    const look = () => {
      const url = /"msg":"listening","url":"([^"]+)"/.exec(output())?.[1]
      if (url === undefined) return
      clearTimeout(timer)
      resolve(url)
    }
    child.stdout!.on('data', look)
    child.on('exit', (code) => {
      clearTimeout(timer)
      reject(new Error(`ended with ${code}:\n${output()}`))
    })
  })
}

function parsed(text: string): any {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}

/** A key with these scopes, made by the owner. */
export async function makeKey(owner: Client, scopes: string[], more: Record<string, unknown> = {}): Promise<string> {
  const { body } = await owner.post<{ key: string }>('/api/api-keys', { name: scopes.join('+'), scopes, ...more })
  return body.key
}
