import { AppError } from '../services/errors.ts'
import type { StoredAnswer } from '../services/idempotency.ts'
import type { Context } from './endpoint.ts'

/** Does what creates; with an Idempotency-Key once for this user and key, however often and wherever it is repeated. */
export async function doneOnce<I>(
  { services, who, req }: Context,
  { showsSecret }: { showsSecret: boolean },
  prepare: () => Promise<I>,
  work: (input: I) => StoredAnswer,
): Promise<StoredAnswer> {
  const key = req.get('Idempotency-Key')
  if (key === undefined) {
    const { status, body } = work(await prepare())
    return { status, body: await body }
  }
  if (key === '' || key.length > 255) throw new AppError('invalid', 'An Idempotency-Key has 1 to 255 characters.')
  // @NOTE a body that is no JSON is not read yet: its length and type stand for it.
  const sent = req.body === undefined ? [req.get('Content-Length'), req.get('Content-Type')?.split(';')[0]] : req.body
  const request = JSON.stringify([req.method, req.originalUrl, sent])
  return services.idempotency.once({ userId: who.user.id, key, request, showsSecret }, prepare, work)
}
