import { pino, type Logger } from 'pino'
import type { LogLevel } from './config.ts'
import { presentRequestId } from './request-context.ts'

export type Log = Logger

/**
 * JSON lines on stdout; `mask` takes known secrets out of every line before it is written. What is done for a request says
 * for which.
 */
export function createLog(level: LogLevel, mask: (line: string) => string): Log {
  const write = (line: string) => void process.stdout.write(mask(line))
  return pino(
    {
      level,
      base: null,
      timestamp: () => `,"time":"${new Date().toISOString()}"`,
      formatters: { level: (label) => ({ level: label }) },
      mixin: () => {
        const id = presentRequestId()
        return id === undefined ? {} : { request_id: id }
      },
    },
    { write },
  )
}
