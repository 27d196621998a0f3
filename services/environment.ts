import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseEnv } from 'node:util'

/** What is really set, completed by the file `.env` in `cwd`; NAME_FILE counts as setting NAME. */
export function readEnvironment(
  set: Record<string, string | undefined>,
  cwd = process.cwd(),
): Record<string, string | undefined> {
  const dotEnv = join(cwd, '.env')
  const file = existsSync(dotEnv) ? parseEnv(readFileSync(dotEnv, 'utf8')) : {}
  const real = Object.fromEntries(Object.entries(set).filter(([, value]) => value !== undefined && value.trim() !== ''))
  const rest = Object.entries(file).filter(([name]) => real[`${name}_FILE`] === undefined)
  return { ...Object.fromEntries(rest), ...real }
}
