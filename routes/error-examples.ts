import type { ErrorCode } from '../services/errors.ts'

/** What each code of an error means, and a sentence that comes with it: for the API's document. */
export const ERRORS: Record<ErrorCode, { means: string; error: string; detail?: unknown }> = {
  invalid: {
    means: 'What was sent is not as it should be; `detail` names the fields.',
    error: 'schedule: Write it as a cron expression.',
    detail: [{ path: 'schedule', message: 'Write it as a cron expression' }],
  },
  unauthorized: { means: 'Nobody is signed in, or the API key is not valid.', error: 'Sign in first.' },
  invalid_credentials: { means: 'The name, password or code is wrong.', error: 'That name or password is wrong.' },
  totp_required: {
    means: 'A code of the authenticator app, or a recovery code, is due beside the password.',
    error: 'Give the code of your authenticator app, or a recovery code.',
  },
  forbidden: {
    means: 'The role or the scopes of the key do not reach.',
    error: 'This API key lacks the scope admin.',
  },
  cross_origin: {
    means: 'A browser sent it from a page of another site.',
    error: 'This request came from another site and was refused.',
  },
  setup_required: {
    means: 'Nobody has set Steward up yet.',
    error: 'Steward is not set up yet. Open the set-up link that it printed when it started.',
  },
  password_required: {
    means: 'The password must be given again first, by POST /api/auth/confirm.',
    error: 'Give your password again to see this.',
  },
  not_found: { means: 'There is none, or it is another user’s.', error: 'There is no such agent.' },
  method_not_allowed: {
    means: 'The path has no such method; `Allow` lists those it has.',
    error: '/api/pause takes POST.',
  },
  precondition_failed: {
    means: 'The file is another by now than If-Match or If-Unmodified-Since says.',
    error: 'The file has changed since.',
  },
  range_not_satisfiable: {
    means: 'The range lies outside of the file; `Content-Range` tells its size.',
    error: 'The file has 120 bytes; the range lies outside of them.',
  },
  conflict: {
    means: 'It is there already, or the Idempotency-Key was used for something else or is still at work.',
    error: 'This Idempotency-Key was already used for another request. Use a new one.',
  },
  approval_required: {
    means: 'It is only done with your yes, and nobody is asked here; `detail.rule` says which rule wants it.',
    error: 'It needs your yes: It would run code.',
    detail: { run_id: '019a9d2e-7c1a-7000-8000-000000000004', rule: '4' },
  },
  expired: { means: 'Its time is over.', error: 'That question has expired.' },
  too_large: { means: 'The body is larger than `x-body-limit` says.', error: 'That is too large.' },
  unsupported_media_type: {
    means: 'The body is of another media type than it should be.',
    error: 'Send the body as application/json.',
  },
  misdirected: {
    means: 'The request named a host that is not ours.',
    error: 'Steward does not answer under the name "example.com". Add it to ALLOWED_HOSTS if it is yours.',
  },
  upstream_refused: { means: 'A service behind Steward said no.', error: 'The mail server refused the password.' },
  rate_limited: {
    means: 'Too many attempts; `Retry-After` says how many seconds to wait.',
    error: 'Too many attempts. Wait a minute, then try again.',
  },
  internal: {
    means: 'A fault of ours.',
    error: 'Something went wrong. The log on the server has the details.',
  },
  upstream_failed: {
    means: 'A service behind Steward did not answer.',
    error: 'The mail server could not be reached.',
  },
  unavailable: {
    means: 'It cannot be done now.',
    error: 'The disk is full. Free some space, then try again.',
  },
}
