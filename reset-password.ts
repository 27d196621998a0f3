import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { DatabaseRefused } from './db/open.ts'
import { ConfigError, readConfig } from './services/config.ts'
import { readEnvironment } from './services/environment.ts'
import { AppError } from './services/errors.ts'
import { rescue, whomToRescue, type Rescued } from './services/rescue.ts'
import { pipedLine, typedUnseen } from './terminal.ts'

/**
 * `npm run reset-password -- [--user NAME] [--disable-two-factor]`: sets a password by whoever has the machine, whether
 * Steward runs or not. The password is typed twice, unseen, or comes as the first line of what is piped in.
 */

const HERE = import.meta.dirname
const PROGRAM_DIR = HERE.endsWith('dist') ? join(HERE, '..') : HERE

/** A fault of the question. */
class Refused extends Error {}

function options() {
  try {
    return parseArgs({
      options: { user: { type: 'string' }, 'disable-two-factor': { type: 'boolean', default: false } },
    }).values
  } catch (error) {
    throw new Refused(
      `${(error as Error).message}. Use: npm run reset-password -- [--user NAME] [--disable-two-factor]`,
    )
  }
}

async function newPassword(username: string): Promise<string> {
  if (!process.stdin.isTTY) return pipedLine()
  const typed = await typedUnseen([`New password for ${username}: `, 'Once more: '])
  if (!typed) throw new Refused('Nothing was changed.')
  if (typed[0] !== typed[1]) throw new Refused('The two differ. Nothing was changed.')
  return typed[0]!
}

function words({ username, twoFactor, passkeys, apiKeys }: Rescued): string {
  const ways = [
    ...(passkeys > 0 ? [`${passkeys} passkey${passkeys === 1 ? '' : 's'}`] : []),
    ...(apiKeys > 0 ? [`${apiKeys} API key${apiKeys === 1 ? '' : 's'}`] : []),
  ]
  return [
    `${username} has a new password, and all their sessions have ended.`,
    ...(twoFactor ? ['A code is still due at sign-in; --disable-two-factor turns that off.'] : []),
    ...(ways.length > 0
      ? [`Still good for coming in: ${ways.join(' and ')}. Remove under Settings what is not theirs.`]
      : []),
  ].join('\n')
}

async function main(): Promise<void> {
  const { user, 'disable-two-factor': disableTwoFactor } = options()
  const config = readConfig(readEnvironment(process.env))
  const username = whomToRescue(config, PROGRAM_DIR, user)
  const password = await newPassword(username)
  const done = await rescue(config, PROGRAM_DIR, { username, password, disableTwoFactor })
  process.stdout.write(`${words(done)}\n`)
}

try {
  process.umask(0o077)
  await main()
} catch (error) {
  const expected = [ConfigError, DatabaseRefused, AppError, Refused].some((kind) => error instanceof kind)
  process.stderr.write(
    `${expected ? (error as Error).message : error instanceof Error ? error.stack : String(error)}\n`,
  )
  process.exitCode = 1
}
