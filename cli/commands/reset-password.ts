import { DatabaseRefused } from '../../db/open.ts'
import { readConfig } from '../../services/config.ts'
import { rescue, whomToRescue, type Rescued } from '../../services/rescue.ts'
import { command, CommandError, EXIT, textOf, type Call } from '../command.ts'
import { programDir } from '../house.ts'
import { pipedLines, typedUnseen } from '../keyboard.ts'

export default command({
  usage: '[--user NAME] [--disable-two-factor]',
  help: `Sets a password by whoever has the machine, whether Steward runs or not, and ends all sessions of that user. The password is
typed twice, unseen, or is the first line of what is piped in.`,
  options: {
    user: { type: 'string', short: 'u', value: 'NAME', help: 'whose; where there is one administrator, theirs' },
    'disable-two-factor': { type: 'boolean', help: 'sign-in needs no code any more' },
  },
  words: [0, 0],
  run: resetPassword,
})

async function resetPassword(call: Call): Promise<number> {
  const { values, env, out } = call
  try {
    const config = readConfig(env)
    const username = whomToRescue(config, programDir(), textOf(values, 'user'))
    const password = await newPassword(username, call)
    const order = { username, password, disableTwoFactor: values['disable-two-factor'] === true }
    const done = await rescue(config, programDir(), order)
    if (out.json) out.value({ ok: true, ...done })
    else out.line(inWords(done))
    return EXIT.ok
  } catch (error) {
    throw error instanceof DatabaseRefused ? new CommandError(EXIT.failed, error.message) : error
  }
}

async function newPassword(username: string, { out }: Call): Promise<string> {
  if (!process.stdin.isTTY) return (await pipedLines())[0]!
  const [first, second] = await typedUnseen(out.ask, [`New password for ${username}: `, 'Once more: '])
  if (first === second) return first!
  throw new CommandError(EXIT.failed, 'The two differ. Nothing was changed.')
}

function inWords({ username, twoFactor, passkeys, apiKeys }: Rescued): string {
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
