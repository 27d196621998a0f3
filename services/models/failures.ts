/** Whose models these are, for sentences to the owner. `credential` is absent where no key is needed. */
export type Vendor = {
  provider: string
  label: string
  credential?: string
  apiKey: () => string | undefined
}

/**
 * A call that the vendor refused or that broke; never leaves this folder (`withRetry` makes an AppError of it).
 * The message is a sentence for the owner and holds no key.
 */
export class VendorError extends Error {
  readonly status: number | undefined
  readonly retryable: boolean
  readonly retryAfterMs: number | undefined

  constructor(
    message: string,
    options: { retryable: boolean; status?: number; retryAfterMs?: number | undefined; cause?: unknown },
  ) {
    super(message, { cause: options.cause })
    this.name = 'VendorError'
    this.status = options.status
    this.retryable = options.retryable
    this.retryAfterMs = options.retryAfterMs
  }
}

/** What both SDKs throw; the same shape, so neither has to be loaded to read it. */
type ApiFailure = Error & {
  status: number | undefined
  headers: Headers | undefined
  error?: unknown
  type?: string | null
  code?: string | number | null
}

/** Errors inside a stream carry a type instead of a status. */
const STATUS_OF_TYPE: Record<string, number> = {
  invalid_request_error: 400,
  authentication_error: 401,
  billing_error: 402,
  permission_error: 403,
  not_found_error: 404,
  request_too_large: 413,
  rate_limit_error: 429,
  rate_limit_exceeded: 429,
  api_error: 500,
  server_error: 500,
  timeout_error: 504,
  overloaded_error: 529,
}

/** The VendorError behind whatever an SDK or the network threw. What is neither is a bug and comes back unchanged. */
export function failureOf(error: unknown, vendor: Vendor, model: string): unknown {
  if (!isApiFailure(error)) return isNetworkFailure(error) ? broken(vendor, error) : error
  const status = statusOf(error)
  if (status === undefined) return unreachable(vendor, error)
  return new VendorError(sentence(status, wordsOf(error, vendor), vendor, model), {
    status,
    retryable: isRetryable(status),
    retryAfterMs: retryAfterMs(error.headers),
    cause: error,
  })
}

/** The failure of a stream that ended before the vendor said that it was done. */
export function broken(vendor: Vendor, cause?: unknown): VendorError {
  return new VendorError(`The connection to ${vendor.label} broke off in the middle of the answer. Try again.`, {
    retryable: true,
    cause,
  })
}

/** The sentence for a key that the vendor does not accept. */
export function refusedKey({ label, credential }: Vendor): string {
  return credential
    ? `${label} refused the API key. Check ${credential} under Settings → Credentials.`
    : `${label} asks for a sign-in that Steward cannot give it.`
}

/** The sentence for a vendor whose key nobody has given yet. */
export function missingKey({ label, credential }: Vendor): string {
  return `There is no ${label} API key yet. Add it under Settings → Credentials as ${credential}.`
}

function isApiFailure(error: unknown): error is ApiFailure {
  return error instanceof Error && 'status' in error && 'headers' in error
}

function isNetworkFailure(error: unknown): boolean {
  if (error instanceof SyntaxError) return true
  if (error instanceof TypeError) return error.cause !== undefined || error.message === 'terminated'
  const { code } = (error ?? {}) as { code?: unknown }
  return error instanceof Error && /^(UND_ERR_|HPE_|E[A-Z]{3,})/.test(String(code))
}

function statusOf({ status, error, type, code }: ApiFailure): number | undefined {
  if (status !== undefined) return status
  if (error === undefined) return undefined
  const named = STATUS_OF_TYPE[type ?? ''] ?? STATUS_OF_TYPE[String(code)] ?? Number(code)
  return named >= 400 && named <= 599 ? named : 500
}

function isRetryable(status: number): boolean {
  return status === 408 || status === 409 || status === 429 || status >= 500
}

function unreachable({ label }: Vendor, error: Error): VendorError {
  const cause = error.cause as { code?: string; cause?: { code?: string } } | undefined
  const code = cause?.cause?.code ?? cause?.code
  return new VendorError(`${label} could not be reached${code ? ` (${code})` : ''}. Check the network and try again.`, {
    retryable: true,
    cause: error,
  })
}

function sentence(status: number, words: string, vendor: Vendor, model: string): string {
  const { label } = vendor
  // OpenRouter's and OpenAI's 403 speak of the request or the country, not of the key.
  if (status === 401 || (status === 403 && vendor.provider === 'anthropic')) return refusedKey(vendor)
  if (status === 404) return `${label} does not know the model ${model}. Pick another one in the model picker.`
  if (status === 413) return `The conversation is too large for ${label}. Start a new one or send smaller attachments.`
  if (status === 429) return `${label} is limiting how fast requests may come (rate limited).`
  if (status === 503 || status === 529) return `${label} is overloaded right now. Try again in a few minutes.`
  if (isRetryable(status)) return `${label} failed with error ${status}. Try again in a few minutes.`
  return `${label} refused the request: ${words}`
}

/** What the vendor said, on one line, short, and without the key even where the vendor repeats it. */
function wordsOf(error: ApiFailure, { apiKey }: Vendor): string {
  const body = error.error as { message?: unknown; error?: { message?: unknown } } | undefined
  const said = body?.error?.message ?? body?.message ?? error.message
  const line = String(said)
    .replace(/\s+/g, ' ')
    .replace(/\bsk-[\w*-]{6,}/g, '[key]')
  const key = apiKey()
  return (key ? line.replaceAll(key, '[key]') : line).slice(0, 300)
}

/** A date is read against the vendor's own clock, the `Date` header, so ours need not be right. */
function retryAfterMs(headers: Headers | undefined): number | undefined {
  const exact = Number(headers?.get('retry-after-ms') ?? Number.NaN)
  if (exact >= 0) return exact
  const value = headers?.get('retry-after')
  if (!value) return undefined
  const seconds = Number(value)
  const wait = seconds >= 0 ? seconds * 1000 : Date.parse(value) - Date.parse(headers?.get('date') ?? '')
  return wait >= 0 ? wait : undefined
}
