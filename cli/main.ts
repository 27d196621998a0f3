import { parseArgs } from 'node:util'
import { CommandError, EXIT, usageError, type Command, type Values } from './command.ts'
import { commandHelp, overview } from './help.ts'
import { createOutput, type Output } from './output.ts'

type Writable = Parameters<typeof createOutput>[0]['stdout']

/** What of the process a command line may use. */
export type Place = {
  argv: string[]
  env: Record<string, string | undefined>
  cwd: string
  stdout: Writable
  stderr: Writable
  version: () => string
}

type Entry = { summary: string; load: () => Promise<{ default: Command }> }

/** Every command. None is loaded before it is called. */
export const COMMANDS: Record<string, Entry> = {
  status: { summary: 'whether Steward runs, what goes on and what waits', load: () => import('./commands/status.ts') },
  chat: { summary: 'say something and read the answer', load: () => import('./commands/chat.ts') },
  run: { summary: 'put an agent to work', load: () => import('./commands/run.ts') },
  approvals: { summary: 'list and decide what waits for a yes', load: () => import('./commands/approvals.ts') },
  login: { summary: 'sign in here, as on the page', load: () => import('./commands/login.ts') },
  logout: { summary: 'sign out here', load: () => import('./commands/logout.ts') },
  backup: { summary: 'make a backup of the data folder', load: () => import('./commands/backup.ts') },
  restore: { summary: 'put a backup back', load: () => import('./commands/restore.ts') },
  'reset-password': { summary: 'set a forgotten password', load: () => import('./commands/reset-password.ts') },
  doctor: { summary: 'what exposes the house, and how to mend it', load: () => import('./commands/doctor.ts') },
  audit: { summary: 'verify the audit log', load: () => import('./commands/audit.ts') },
  'rotate-key': { summary: 'change the master key', load: () => import('./commands/rotate-key.ts') },
}

/** Runs one command line; answers its exit status. */
export async function main(place: Place): Promise<number> {
  const [name, ...rest] = place.argv
  const json = rest.includes('--json')
  const out = createOutput({ ...place, json })
  try {
    if (name === undefined) return (out.say(overview(COMMANDS)), EXIT.usage)
    if (['help', '--help', '-h'].includes(name)) return (out.line(overview(COMMANDS)), EXIT.ok)
    if (['version', '--version', '-V'].includes(name)) return (out.line(place.version()), EXIT.ok)
    if (!Object.hasOwn(COMMANDS, name)) throw usageError(`There is no command ${name}. See steward --help.`)
    const { default: found } = await COMMANDS[name]!.load()
    return await start(name, found, rest, place, out)
  } catch (error) {
    out.error(await wordsOf(error))
    return error instanceof CommandError ? error.exit : EXIT.failed
  }
}

async function start(name: string, command: Command, rest: string[], place: Place, out: Output): Promise<number> {
  const { values, words } = parse(name, command, rest)
  if (values.help === true) return (out.line(commandHelp(name, command)), EXIT.ok)
  const [fewest, most] = command.words
  if (words.length < fewest || words.length > most)
    throw usageError(`Use: steward ${name} ${command.usage}. See steward ${name} --help.`)
  const { env, cwd } = place
  return command.run({ values, words, env, cwd, out })
}

function parse(name: string, command: Command, args: string[]): { values: Values; words: string[] } {
  const common = { json: { type: 'boolean' }, help: { type: 'boolean', short: 'h' } } as const
  const own = Object.entries(command.options).map(([option, { type, short }]) => [option, short ? { type, short } : { type }] as const) // prettier-ignore
  try {
    const options = { ...Object.fromEntries(own), ...common }
    const { values, positionals } = parseArgs({ args, options, allowPositionals: true })
    return { values: values as Values, words: positionals }
  } catch (error) {
    throw usageError(`${(error as Error).message.split('. ')[0]}. See steward ${name} --help.`)
  }
}

/** What is meant for people is said; of a fault of ours, where it is. */
async function wordsOf(error: unknown): Promise<string> {
  if (error instanceof CommandError) return error.message
  const { isMeantForPeople } = await import('./faults.ts')
  if (isMeantForPeople(error)) return error.message.replace(/\s+/g, ' ')
  return error instanceof Error ? (error.stack ?? error.message) : String(error)
}
