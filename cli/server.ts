import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { CommandError, EXIT, textOf, usageError, type Call } from './command.ts'
import { signedInAt, signInFile } from './sign-in-file.ts'
import type { Told } from './told.ts'

const PATIENCE_MS = 30_000
const WILD: Record<string, string> = { '0.0.0.0': '127.0.0.1', '::': '::1' }

/** How a command line shows who it is. */
export type Identity =
  { by: 'key'; key: string } | { by: 'session'; cookie: string; username: string } | { by: 'nobody' }

export type Server = ReturnType<typeof connect>
export type Answer = { status: number; body: Told; headers: Headers }

/** Where the command line was told that Steward is; undefined where nobody said. */
export function namedUrl({ values, env }: Pick<Call, 'values' | 'env'>): string | undefined {
  const given = textOf(values, 'url') ?? env.STEWARD_URL
  if (given === undefined) return undefined
  const url = URL.parse(given)
  if (url && /^https?:$/.test(url.protocol) && url.pathname === '/' && !url.search && !url.username) return url.origin
  throw usageError(`${given} is not an address of Steward; expected one like http://127.0.0.1:8080.`)
}

/** Where Steward is: as the command line or STEWARD_URL says, else on this machine. */
export function urlOf(call: Pick<Call, 'values' | 'env'>): string {
  const host = WILD[call.env.HOST ?? ''] ?? call.env.HOST ?? '127.0.0.1'
  return namedUrl(call) ?? `http://${host.includes(':') ? `[${host}]` : host}:${call.env.PORT ?? '8080'}`
}

/** A key where one is given, else who signed in here. A key never stands on the command line, where others can read it. */
export function identityOf(call: Pick<Call, 'values' | 'env' | 'cwd'>): Identity {
  const key = keyOf(call)
  if (key !== undefined) return { by: 'key', key }
  const signedIn = signedInAt(signInFile(call.env), urlOf(call))
  return signedIn ? { by: 'session', ...signedIn } : { by: 'nobody' }
}

function keyOf({ values, env, cwd }: Pick<Call, 'values' | 'env' | 'cwd'>): string | undefined {
  const named = textOf(values, 'key-file')
  const file = named === undefined ? env.STEWARD_API_KEY_FILE : resolve(cwd, named)
  const key =
    named === undefined && env.STEWARD_API_KEY ? env.STEWARD_API_KEY : file === undefined ? undefined : readKey(file)
  if (key === undefined || /^[\x21-\x7e]+$/.test(key.trim())) return key?.trim()
  throw usageError('That is no API key: it looks like stw_Ab12Cd34_…, in one line.')
}

function readKey(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    throw usageError(`${file} cannot be read; expected a file that holds an API key.`)
  }
}

/** Speaks with the Steward that a command line means. Every failure is a CommandError with a sentence. */
export function connect(call: Pick<Call, 'values' | 'env' | 'cwd'>, identity = identityOf(call)) {
  const url = urlOf(call)
  const headers: Record<string, string> = {
    'user-agent': 'steward-cli',
    ...(identity.by === 'key' ? { 'x-api-key': identity.key } : {}),
    ...(identity.by === 'session' ? { cookie: identity.cookie } : {}),
  }

  async function open(method: string, path: string, body?: unknown, init: RequestInit = {}): Promise<Response> {
    const content = body === undefined ? {} : { body: JSON.stringify(body) }
    const type = body === undefined ? {} : { 'content-type': 'application/json' }
    try {
      // @NOTE a redirect is not followed: the key is for this server alone.
      return await fetch(url + path, { method, redirect: 'manual', ...content, ...init, headers: { ...headers, ...type, ...init.headers } }) // prettier-ignore
    } catch (error) {
      if (init.signal?.aborted) throw error
      throw new CommandError(EXIT.unreachable, `Steward does not answer at ${url} (${causeOf(error)}).`)
    }
  }

  /** Whatever the answer is, as long as it is Steward's. */
  async function ask(method: string, path: string, body?: unknown): Promise<Answer> {
    const response = await open(method, path, body, { signal: AbortSignal.timeout(PATIENCE_MS) }).catch(tooLate)
    const text = await response.text().catch(tooLate)
    const { status } = response
    try {
      return { status, body: JSON.parse(text) as Told, headers: response.headers }
    } catch {
      throw new CommandError(
        EXIT.failed,
        `What answers at ${url} is not Steward (HTTP ${status} to ${method} ${path}).`,
      )
    }
  }

  const tooLate = (error: unknown): never => {
    if (error instanceof CommandError) throw error
    throw new CommandError(EXIT.unreachable, `Steward at ${url} took too long to answer.`)
  }

  async function wanted<T>(method: string, path: string, body?: unknown): Promise<T> {
    const answer = await ask(method, path, body)
    if (answer.status >= 200 && answer.status < 300) return answer.body as T
    throw refusal(answer, identity)
  }

  return {
    url,
    identity,
    ask,
    get: <T>(path: string): Promise<T> => wanted<T>('GET', path),
    post: <T>(path: string, body: unknown = {}): Promise<T> => wanted<T>('POST', path, body),

    /** The body of an answer as it comes. */
    async stream(
      path: string,
      more: Record<string, string>,
      signal: AbortSignal,
    ): Promise<ReadableStream<Uint8Array> | null> {
      const response = await open('GET', path, undefined, { headers: more, signal })
      if (response.ok) return response.status === 204 ? null : response.body
      const body = (await response.json().catch(() => ({}))) as Told
      throw refusal({ status: response.status, body, headers: response.headers }, identity)
    },

    /** Where a socket of this conversation opens, once. */
    async socketUrl(conversationId: string, after?: number): Promise<string> {
      const { ticket } = await wanted<{ ticket: string }>('POST', '/api/ws-ticket', {})
      const query = new URLSearchParams({ ticket, ...(after === undefined ? {} : { after: String(after) }) })
      return `${url.replace(/^http/, 'ws')}/ws/${conversationId}?${query}`
    },
  }
}

/** What the server says, with what to do where that is known. */
export function refusal({ status, body }: Answer, identity: Identity): CommandError {
  const said = typeof body.error === 'string' ? body.error : `Steward answered ${status}.`
  if (status === 401 && identity.by === 'session')
    return new CommandError(EXIT.notAllowed, 'Your sign-in here has ended. Sign in again: steward login')
  if (status === 401 && identity.by === 'nobody') return notSignedIn()
  return new CommandError(status === 401 || status === 403 ? EXIT.notAllowed : EXIT.failed, said)
}

export const notSignedIn = (): CommandError =>
  new CommandError(
    EXIT.notAllowed,
    'Nobody is signed in here. Sign in (steward login), or give an API key: STEWARD_API_KEY_FILE or --key-file.',
  )

function causeOf(error: unknown): string {
  const { cause } = error as { cause?: { code?: string; message?: string } }
  return cause?.code ?? cause?.message ?? (error as Error).message
}
