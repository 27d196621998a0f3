import { askPassword } from './password.ts'
import { navigate, place } from './router.ts'

/** What the server refused, in its own sentence. `cancelled` means the reader closed the password dialog. */
export class ApiError extends Error {
  status: number
  code: string
  detail: unknown

  constructor(status: number, code: string, message: string, detail?: unknown) {
    super(message)
    this.name = 'ApiError'
    this.status = status
    this.code = code
    this.detail = detail
  }
}

type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'

/** Every call of the page to its server: JSON in, JSON out, one error class. */
export const api = {
  get: <T>(path: string) => call<T>('GET', path),
  post: <T>(path: string, body: unknown) => call<T>('POST', path, body),
  put: <T>(path: string, body: unknown) => call<T>('PUT', path, body),
  patch: <T>(path: string, body: unknown) => call<T>('PATCH', path, body),
  remove: <T>(path: string) => call<T>('DELETE', path),
}

async function call<T>(method: Method, path: string, body?: unknown): Promise<T> {
  try {
    return await once<T>(method, path, body)
  } catch (error) {
    if (!(error instanceof ApiError)) throw error
    if (error.code === 'password_required') return await afterPassword(() => once<T>(method, path, body), error)
    leadAway(error)
    throw error
  }
}

async function once<T>(method: Method, path: string, body: unknown): Promise<T> {
  const response = await reach(path, {
    method,
    headers: { Accept: 'application/json', ...(body === undefined ? {} : { 'Content-Type': 'application/json' }) },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  const answer: unknown = await response.json().catch(() => null)
  if (!response.ok) throw refusal(response.status, answer)
  return answer as T
}

async function reach(path: string, init: RequestInit): Promise<Response> {
  try {
    return await fetch(path, init)
  } catch {
    throw new ApiError(0, 'offline', 'The server cannot be reached. Check that it is running, then try again.')
  }
}

/** What the server refused, from its answer. */
export function refusal(status: number, answer: unknown): ApiError {
  const { error, code, detail } = (answer ?? {}) as { error?: string; code?: string; detail?: unknown }
  return new ApiError(status, code ?? 'unknown', error ?? `The server answered ${status} without saying why.`, detail)
}

async function afterPassword<T>(again: () => Promise<T>, refused: ApiError): Promise<T> {
  if (await askPassword()) return again()
  throw new ApiError(refused.status, 'cancelled', 'Nothing was shown: the password was not given.')
}

/** Pages for whoever is not signed in. */
const BEFORE_SIGN_IN = new Set(['/login', '/setup', '/forgot-password', '/reset-password'])

/** Goes to where the reader can mend it: to sign in, or to set up. */
export function leadAway(error: ApiError): void {
  if (error.code === 'setup_required' && place.value.path !== '/setup') navigate('/setup', { replace: true })
  if (error.code !== 'unauthorized' || BEFORE_SIGN_IN.has(place.value.path)) return
  const here = location.pathname + location.search
  navigate(here === '/' ? '/login' : `/login?next=${encodeURIComponent(here)}`, { replace: true })
}

/** The sentence to show for anything that was thrown; null when nothing was, or when the reader chose to stop. */
export function sentence(error: unknown): string | null {
  if (error === undefined || error === null) return null
  if (error instanceof ApiError && error.code === 'cancelled') return null
  return error instanceof Error ? error.message : String(error)
}

/** The error, unless every remark of it already stands at one of these fields. */
export function elsewhere(error: unknown, paths: string[]): unknown {
  const detail =
    error instanceof ApiError && error.code === 'invalid' && Array.isArray(error.detail) ? error.detail : []
  const placed = detail.length > 0 && detail.every(({ path }: { path?: string }) => paths.includes(path ?? ''))
  return placed ? null : error
}

/** The server's remark on one field of a form, if it made one. */
export function fieldError(error: unknown, path: string): string | undefined {
  const detail = error instanceof ApiError && Array.isArray(error.detail) ? error.detail : []
  return detail.find((remark: { path?: string }) => remark.path === path)?.message
}
