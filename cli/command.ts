import type { Output } from './output.ts'

/** How a command ends, for scripts. */
export const EXIT = {
  ok: 0,
  /** What was asked for did not work, or what was looked at is not in order. */
  failed: 1,
  /** The command line was not understood. */
  usage: 2,
  /** Steward does not answer. */
  unreachable: 3,
  /** Not signed in, a key that is not good for it, or refused by the policy. */
  notAllowed: 4,
  /** Ctrl-C. */
  interrupted: 130,
} as const

/** Ends a command with a sentence on stderr. */
export class CommandError extends Error {
  readonly exit: number

  constructor(exit: number, message: string) {
    super(message)
    this.exit = exit
  }
}

export const usageError = (message: string): CommandError => new CommandError(EXIT.usage, message)

/** An option as `util.parseArgs` takes it, with what the help says of it. `value` names what it takes. */
export type Option = { type: 'string' | 'boolean'; short?: string; value?: string; help: string }
export type Values = Record<string, string | boolean | undefined>

/** What a command is given. Nothing else of the process is its business. */
export type Call = {
  values: Values
  words: string[]
  env: Record<string, string | undefined>
  /** Where relative paths of the command line start. */
  cwd: string
  out: Output
}

/** A command is a value: what it is called with, what the help says, and what it does. It answers its exit status. */
export type Command = {
  usage: string
  help: string
  options: Record<string, Option>
  /** Fewest and most words. */
  words: readonly [number, number]
  run: (call: Call) => Promise<number>
}

export const command = (definition: Command): Command => definition

export const textOf = (values: Values, name: string): string | undefined => {
  const value = values[name]
  return typeof value === 'string' ? value : undefined
}

/** What every command that asks the server takes. */
export const SERVER_OPTIONS = {
  url: { type: 'string', value: 'URL', help: 'where Steward is (STEWARD_URL; else this machine, with PORT)' },
  'key-file': {
    type: 'string',
    value: 'FILE',
    help: 'a file with an API key (STEWARD_API_KEY, STEWARD_API_KEY_FILE; else who signed in by `steward login`)',
  },
} satisfies Record<string, Option>
