import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'

/** Where the program lies: the nearest folder above that has its package.json, built or not. */
export function programDir(from = import.meta.dirname): string {
  const isHere = existsSync(join(from, 'package.json')) && existsSync(join(from, 'db', 'schema.sql'))
  return isHere || dirname(from) === from ? from : programDir(dirname(from))
}

export const databaseIn = (dataDir: string): string => join(dataDir, 'steward.sqlite')
