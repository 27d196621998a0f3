import type * as NodeCron from 'node-cron'
import { invalidField } from '../errors.ts'
import { normalised, planOf } from './plan.ts'

const EXAMPLE = 'For example, "0 8 * * 1-5" is 08:00 from Monday to Friday.'
const LONGEST = 200
const EVER = Date.UTC(2000, 0, 1)

let nodeCron: Pick<typeof NodeCron, 'validateDetailed'> | undefined

/** Loads what expressions are checked with; it takes 30 ms, so it is loaded before the first one is saved and not at start. */
export async function loadValidator(): Promise<void> {
  nodeCron ??= await import('node-cron')
}

/**
 * The expression as it is kept. Throws `invalid` for `schedule` with a sentence that says what is wrong: both node-cron
 * (where it is loaded) and croner must be able to read it, and it must come at all.
 */
export function assertExpression(expression: string): string {
  const text = normalised(expression)
  const fields = text.split(' ').length
  if (text.length > LONGEST) throw refused(`A schedule has at most ${LONGEST} characters.`)
  if (fields !== 5 && fields !== 6)
    throw refused(
      `A schedule has 5 fields (minute, hour, day, month, weekday), or 6 with seconds first; "${text}" has ${fields}.`,
    )
  const wrong = text.includes('?') ? `The schedule "${text}" cannot be read: write * instead of ?.` : problemOf(text)
  if (wrong !== undefined) throw refused(wrong)
  return text
}

/** Throws `invalid` for `timezone`. */
export function assertTimezone(timezone: string): string {
  if (!isTimezone(timezone))
    throw invalidField('timezone', `"${timezone}" is not a time zone. Give an IANA name like Europe/Berlin or UTC.`)
  return timezone
}

function problemOf(text: string): string | undefined {
  const [field] = nodeCron?.validateDetailed(text).errors ?? []
  if (field && field.value !== undefined && !field.message.includes('impossible'))
    return `"${field.value}" in the schedule is not a valid ${NAMES[field.field] ?? field.field}.`
  try {
    return planOf(text).next(EVER) === undefined
      ? `The schedule "${text}" never comes: there is no such day.`
      : undefined
  } catch (error) {
    const words = (error instanceof Error ? error.message : String(error)).replace(/^CronPattern: /, '')
    return `The schedule "${text}" cannot be read: ${words.replace(/\.$/, '')}.`
  }
}

const NAMES: Record<string, string> = { dayOfMonth: 'day of the month', dayOfWeek: 'weekday' }

const refused = (sentence: string) => invalidField('schedule', `${sentence} ${EXAMPLE}`)

function isTimezone(name: string): boolean {
  if (!/^[A-Za-z]/.test(name)) return false
  try {
    return new Intl.DateTimeFormat('en', { timeZone: name }).resolvedOptions().timeZone !== ''
  } catch {
    return false
  }
}
