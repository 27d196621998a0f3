import { signal } from '@preact/signals'
import type { JSX } from 'preact'
import { useEffect } from 'preact/hooks'
import { fullTime } from '../format.ts'
import type { When } from './types.ts'

type Describe = (expression: string) => string | null

const describe = signal<Describe | null>(null)

/** The describing library is fetched with the first schedule that is shown. */
async function load(): Promise<void> {
  if (describe.value) return
  const { default: cronstrue } = await import('cronstrue')
  describe.value = (expression) => {
    try {
      return cronstrue.toString(expression, { use24HourTimeFormat: true, verbose: false })
    } catch {
      return null
    }
  }
}

/** A cron expression in words; null while they are not known, and for what is none. */
export function useWords(expression: string): string | null {
  useEffect(() => void load().catch(() => undefined), [])
  return expression.trim() ? (describe.value?.(expression.trim()) ?? null) : null
}

/** When something starts, in words: "At 08:00", "Once, on …", "Only by hand". */
export function ScheduleWords({ when }: { when: When }): JSX.Element {
  const words = useWords(when.schedule ?? '')
  if (when.run_at) return <>Once, {fullTime(when.run_at)}</>
  if (!when.schedule) return <>Only by hand</>
  return <span title={`${when.schedule} (${when.timezone})`}>{words ?? <code>{when.schedule}</code>}</span>
}
