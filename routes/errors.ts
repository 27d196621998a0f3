import type { ErrorRequestHandler, Response } from 'express'
import { AppError, type ErrorCode } from '../services/errors.ts'
import type { Log } from '../services/log.ts'

/** The one map from what went wrong to HTTP. */
export const STATUS: Record<ErrorCode, number> = {
  invalid: 400,
  unauthorized: 401,
  invalid_credentials: 401,
  totp_required: 401,
  forbidden: 403,
  cross_origin: 403,
  setup_required: 403,
  password_required: 403,
  not_found: 404,
  method_not_allowed: 405,
  conflict: 409,
  approval_required: 409,
  expired: 410,
  precondition_failed: 412,
  too_large: 413,
  unsupported_media_type: 415,
  range_not_satisfiable: 416,
  misdirected: 421,
  upstream_refused: 422,
  rate_limited: 429,
  internal: 500,
  upstream_failed: 502,
  unavailable: 503,
}

/** Answers with an error in the one shape there is. */
export function sendError(
  res: Response,
  error: AppError,
  maskValue: (value: unknown) => unknown = (value) => value,
): void {
  if (error.retryAfter !== undefined) res.set('Retry-After', String(error.retryAfter))
  const detail = error.detail === undefined ? {} : { detail: error.detail }
  const body = { error: error.message, code: error.code, ...detail }
  res.status(STATUS[error.code]).json(maskValue(body))
}

/** Last in line: what is meant for the asker is said, everything else goes to the log and is a plain 500. */
export function errorHandler(log: Log, maskValue: (value: unknown) => unknown): ErrorRequestHandler {
  return (error: unknown, req, res, next) => {
    if (res.headersSent) return next(error)
    const said = asAppError(error, (bug) =>
      log.error({ err: bug, method: req.method, path: req.path }, 'request failed'),
    )
    sendError(res, said, maskValue)
  }
}

/** Turns anything thrown into what may be said; `onBug` hears of what nobody foresaw. */
export function asAppError(error: unknown, onBug: (error: unknown) => void): AppError {
  if (error instanceof AppError) return error
  const { code, type, status } = error as { code?: string; type?: string; status?: number }
  if (type === 'entity.too.large') return new AppError('too_large', 'That is too large.')
  if (type === 'entity.parse.failed') return new AppError('invalid', 'The body is not valid JSON.')
  if (code === 'SQLITE_FULL' || code === 'ENOSPC')
    return new AppError('unavailable', 'The disk is full. Free some space, then try again.')
  if (status === 415) return new AppError('unsupported_media_type', 'Send the body as application/json, in UTF-8.')
  if (status !== undefined && status >= 400 && status < 500) return new AppError('invalid', 'The request is malformed.')
  onBug(error)
  return new AppError('internal', 'Something went wrong. The log on the server has the details.')
}
