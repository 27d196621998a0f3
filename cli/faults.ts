import { ConfigError } from '../services/config.ts'
import { AppError } from '../services/errors.ts'

/** Whether an error's message is a sentence for the one who asked. */
export const isMeantForPeople = (error: unknown): error is Error =>
  error instanceof ConfigError || error instanceof AppError
