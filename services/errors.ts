/**
 * What went wrong, in one word. Services know these words only; `routes/errors.ts` holds the one map to HTTP.
 * The list is part of the API (`code` in every error answer and error frame).
 */
export type ErrorCode =
  | 'invalid'
  | 'unauthorized'
  | 'invalid_credentials'
  | 'totp_required'
  | 'forbidden'
  | 'cross_origin'
  | 'setup_required'
  | 'password_required'
  | 'not_found'
  | 'method_not_allowed'
  | 'conflict'
  | 'approval_required'
  | 'expired'
  | 'precondition_failed'
  | 'too_large'
  | 'unsupported_media_type'
  | 'range_not_satisfiable'
  | 'misdirected'
  | 'rate_limited'
  | 'upstream_refused'
  | 'upstream_failed'
  | 'unavailable'
  | 'internal'

/** One field that was not as it should be; `path` names it as the caller wrote it (`schedule`, `attachments.0.data`). */
export type FieldProblem = { path: string; message: string }

/**
 * An error meant for the person or program that asked. The message is one plain sentence that says what to do; it is
 * shown as it is, so it never holds a secret. Everything that is not an AppError is a bug and goes to the log.
 */
export class AppError extends Error {
  readonly code: ErrorCode
  readonly detail: unknown
  /** Seconds after which trying again makes sense; answered as `Retry-After`. */
  readonly retryAfter: number | undefined

  constructor(
    code: ErrorCode,
    message: string,
    options: { detail?: unknown; retryAfter?: number; cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = 'AppError'
    this.code = code
    this.detail = options.detail
    this.retryAfter = options.retryAfter
  }
}

/** The 400 for one field. */
export function invalidField(path: string, message: string): AppError {
  return new AppError('invalid', message, { detail: [{ path, message }] satisfies FieldProblem[] })
}

/** The words of an unknown thrown value, for logs and for the model; never a stack. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
