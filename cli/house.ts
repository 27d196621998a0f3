import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { CommandError, EXIT } from './command.ts'

/** Where the program lies: the nearest folder above that has its package.json, built or not. */
export function programDir(from = import.meta.dirname): string {
  const isHere = existsSync(join(from, 'package.json')) && existsSync(join(from, 'db', 'schema.sql'))
  return isHere || dirname(from) === from ? from : programDir(dirname(from))
}

export const databaseIn = (dataDir: string): string => join(dataDir, 'steward.sqlite')

/** What fails for a reason that is meant for people is said behind `what` did not happen; a fault of ours stays one. */
export async function saying<T>(what: string, work: () => T | Promise<T>): Promise<T> {
  const { isMeantForPeople } = await import('./faults.ts')
  try {
    return await work()
  } catch (error) {
    if (!isMeantForPeople(error)) throw error
    throw new CommandError(EXIT.failed, `${what}: ${error.message}`)
  }
}
