import { NotYet, UncertainError, type ToolContext, type ToolOutcome } from '../agent/tool.ts'
import { AppError, messageOf } from '../errors.ts'
import type { ParsedCall } from '../tools/registry.ts'

/** A tool's failure is news for the model: it becomes a value here. */
export async function attempt<T>(work: () => Promise<T>): Promise<T | AppError> {
  try {
    return await work()
  } catch (error) {
    return asFailure(error)
  }
}

/** The same for the call itself, which may also wait for another run, or not know what became of it. */
export async function carriedOut(
  work: () => Promise<ToolOutcome>,
): Promise<ToolOutcome | AppError | NotYet | UncertainError> {
  try {
    return await work()
  } catch (error) {
    return error instanceof NotYet || error instanceof UncertainError ? error : asFailure(error)
  }
}

/** Whether a call in which the process ended has happened, as far as the operation can tell. */
export async function happened(
  { operation, arguments: args }: ParsedCall,
  context: ToolContext,
): Promise<'done' | 'not_done' | 'unknown'> {
  if (operation.recovery === 'redo') return 'not_done'
  return operation.recovery === 'verify' && operation.verify ? operation.verify(args, context) : 'unknown'
}

/** Also a tool that does not listen to its signal ends when the signal does. */
export function orAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason as Error)
    if (signal.aborted) return abort()
    signal.addEventListener('abort', abort, { once: true })
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort))
  })
}

/** Why it did not succeed, in words for the model. */
export function asFailure(error: unknown): AppError {
  if (error instanceof AppError) return error
  const words = timedOut(error) ? 'It took too long and was cut off.' : messageOf(error)
  return new AppError('upstream_failed', words, { cause: error })
}

function timedOut(error: unknown): boolean {
  return error instanceof Error && error.name === 'TimeoutError'
}
