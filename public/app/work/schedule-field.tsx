import type { JSX } from 'preact'
import { useEffect, useId, useState } from 'preact/hooks'
import { api, ApiError, fieldError } from '../api.ts'
import { Button } from '../ui/button.tsx'
import { CheckField, ChoiceField, TextField } from '../ui/field.tsx'
import { useWords } from './cron.tsx'
import type { ChangeDraft, Draft } from './draft.ts'
import { HERE, timeIn, zones } from './zone.ts'

const STARTS = [
  ['hand', 'Only when I start it'],
  ['schedule', 'Again and again, on a schedule'],
  ['once', 'Once, at a certain time'],
] as const

const EXAMPLES = [
  ['0 8 * * *', 'Every morning'],
  ['0 8 * * 1-5', 'Weekdays'],
  ['0 * * * *', 'Every hour'],
  ['0 9 * * 1', 'Mondays'],
  ['0 9 1 * *', 'First of the month'],
] as const

type ScheduleFieldProps = { draft: Draft; change: ChangeDraft; error: unknown }

/** When it starts by itself: a cron expression with its meaning and the next times, or one time, or never. */
export function ScheduleField({ draft, change, error }: ScheduleFieldProps): JSX.Element {
  const { starts } = draft
  return (
    <>
      <ChoiceField label="It starts" value={starts} options={STARTS} onChange={(next) => change({ starts: next })} />
      {starts === 'schedule' && <Expression draft={draft} change={change} error={error} />}
      {starts === 'once' && (
        <TextField
          label="Date and time"
          type="datetime-local"
          hint={`On a clock in ${draft.timezone || HERE}.`}
          value={draft.run_at}
          onInput={(run_at) => change({ run_at })}
          error={fieldError(error, 'run_at')}
          required
        />
      )}
      {starts !== 'hand' && <ZoneField draft={draft} change={change} error={error} />}
      {starts !== 'hand' && (
        <CheckField
          label="Catch up"
          hint="If Steward was off when it was due, start it once when Steward is back. Otherwise it is noted as missed."
          checked={draft.catch_up}
          onChange={(catch_up) => change({ catch_up })}
        />
      )}
    </>
  )
}

function Expression({ draft, change, error }: ScheduleFieldProps) {
  const words = useWords(draft.schedule)
  const { preview, problem } = usePreview(draft.schedule, draft.timezone)
  const wrong = preview ? undefined : (refusalOf(problem) ?? fieldError(error, 'schedule'))
  return (
    <>
      <div class="examples" role="group" aria-label="Examples">
        {EXAMPLES.map(([schedule, name]) => (
          <Button key={schedule} small pressed={draft.schedule === schedule} onClick={() => change({ schedule })}>
            {name}
          </Button>
        ))}
      </div>
      <TextField
        label="Cron expression"
        hint={words ?? 'Minute, hour, day of the month, month, day of the week. “0 8 * * 1-5” is 8:00 on weekdays.'}
        value={draft.schedule}
        onInput={(schedule) => change({ schedule })}
        error={wrong}
        mono
        required
      />
      {preview && !wrong && <NextTimes preview={preview} />}
    </>
  )
}

function NextTimes({ preview }: { preview: Preview }) {
  if (!preview.next.length) return <p class="notice">This time never comes.</p>
  return (
    <div class="next-times">
      <p class="small muted">The next times ({preview.timezone})</p>
      <ol class="plain-list">
        {preview.next.map((at) => (
          <li key={at}>
            <time dateTime={at}>{timeIn(at, preview.timezone)}</time>
          </li>
        ))}
      </ol>
    </div>
  )
}

function ZoneField({ draft, change, error }: ScheduleFieldProps) {
  const list = useId()
  const { problem } = usePreview(draft.starts === 'schedule' ? draft.schedule : '0 0 * * *', draft.timezone)
  return (
    <>
      <TextField
        label="Time zone"
        hint="Empty: the time zone of the house."
        value={draft.timezone}
        onInput={(timezone) => change({ timezone })}
        error={fieldError(error, 'timezone') ?? fieldError(problem, 'timezone')}
        list={list}
        placeholder={HERE}
      />
      <datalist id={list}>
        {zones().map((zone) => (
          <option key={zone} value={zone} />
        ))}
      </datalist>
    </>
  )
}

type Preview = { timezone: string; next: string[] }
type Previewed = { preview: Preview | null; problem: unknown }

const PAUSE = 350

/** The next times as the server counts them, a moment after the last key. */
function usePreview(schedule: string, zone: string): Previewed {
  const [state, setState] = useState<Previewed>({ preview: null, problem: null })
  useEffect(() => {
    let wanted = true
    const ask = async () => {
      const timezone = zone.trim() ? { timezone: zone.trim() } : {}
      const next = await api.post<Preview>('/api/schedules/preview', { schedule: schedule.trim(), ...timezone }).then(
        (preview) => ({ preview, problem: null }),
        (problem: unknown) => ({ preview: null, problem }),
      )
      if (wanted) setState(next)
    }
    const timer = schedule.trim() ? setTimeout(() => void ask(), PAUSE) : undefined
    return () => {
      wanted = false
      clearTimeout(timer)
    }
  }, [schedule, zone])
  return state
}

/** What is wrong with the expression; a remark on the zone alone is not about it. */
function refusalOf(problem: unknown): string | undefined {
  const own = fieldError(problem, 'schedule')
  const aboutZone = fieldError(problem, 'timezone') !== undefined
  const refused = problem instanceof ApiError && problem.code === 'invalid'
  return own ?? (refused && !aboutZone ? problem.message : undefined)
}
