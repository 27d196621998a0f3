import type { Config } from '../config.ts'
import type { SettingValues } from '../settings.ts'

export const SEVERITIES = ['critical', 'warning', 'info'] as const
export type Severity = (typeof SEVERITIES)[number]

/**
 * Something the owner should know. `id` is the same for the same matter each time; `title` is one sentence, `detail` says
 * what was seen, `fix` what to do. None of them holds a secret.
 */
export type Finding = { id: string; severity: Severity; title: string; detail: string; fix: string }

/** What the doctor looks at: the machine, the data folder, the environment. */
export type House = {
  config: Config
  now: Date
  /** As `process.versions.node` has it. */
  nodeVersion: string
  /** Steward runs in a container, whose network is not the machine's. */
  inContainer: boolean
}

/** A house whose database can be read. */
export type Records = House & {
  settings: SettingValues
  /** The rows of a SELECT. */
  rows: <T>(sql: string, ...values: unknown[]) => T[]
}

/** Looks at one matter. Nothing found is an empty list. */
export type Check<H = House> = (house: H) => Finding[]

/** Up to five names, and how many more there are. */
export function named(names: readonly string[]): string {
  const more = names.length > 5 ? ` and ${names.length - 5} more` : ''
  return names.slice(0, 5).join(', ') + more
}

/** One finding about several things; none where there are none of them. */
export function about(
  names: readonly string[],
  { detail, ...rest }: Omit<Finding, 'detail'> & { detail: (names: string) => string },
): Finding[] {
  return names.length === 0 ? [] : [{ ...rest, detail: detail(named(names)) }]
}
