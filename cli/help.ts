import type { Command, Option } from './command.ts'

const CODES =
  'Ends with 0 when it went well, 1 when it did not, 2 when the command line is wrong, 3 when Steward does not answer,\n4 when you may not, and 130 after Ctrl-C.'

/** What there is. */
export function overview(commands: Record<string, { summary: string }>): string {
  const rows = Object.entries(commands).map(([name, { summary }]) => `  ${name.padEnd(15)} ${summary}`)
  return [
    'steward: Steward from the command line',
    '',
    'Use: steward COMMAND [--json] [--help]',
    '',
    ...rows,
    '',
    'Data goes to stdout, everything else to stderr; --json makes the data JSON.',
    CODES,
  ].join('\n')
}

/** What one command does and takes. */
export function commandHelp(name: string, { usage, help, options }: Command): string {
  const all: Record<string, Option> = {
    ...options,
    json: { type: 'boolean', help: 'data as JSON' },
    help: { type: 'boolean', short: 'h', help: 'this' },
  }
  const rows = Object.entries(all).map(([option, one]) => [optionName(option, one), one.help] as const)
  const width = Math.max(...rows.map(([left]) => left.length))
  return [
    `Use: steward ${name} ${usage}`.trimEnd(),
    '',
    help,
    '',
    ...rows.map(([left, right]) => `  ${left.padEnd(width)}  ${right}`),
    '',
    CODES,
  ].join('\n')
}

const optionName = (name: string, { short, value }: Option): string =>
  `${short ? `-${short}, ` : ''}--${name}${value ? ` ${value}` : ''}`
