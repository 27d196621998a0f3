import type { ComponentChildren, JSX } from 'preact'
import { useId } from 'preact/hooks'

/** A length of time as people say it. `amount` is text, since it is typed. */
export type Duration = { amount: string; unit: Unit }

const UNITS = { seconds: 1, minutes: 60, hours: 3600, days: 86_400 } as const
type Unit = keyof typeof UNITS

const LARGEST_FIRST: readonly Unit[] = ['days', 'hours', 'minutes', 'seconds']

/** Seconds in the largest unit that gives a whole number. */
export function durationOf(seconds: number): Duration {
  const unit = LARGEST_FIRST.find((each) => seconds % UNITS[each] === 0) ?? 'seconds'
  return { amount: String(seconds / UNITS[unit]), unit }
}

export const secondsOf = ({ amount, unit }: Duration): number => Math.round(Number(amount) * UNITS[unit])

type DurationFieldProps = {
  label: string
  hint?: ComponentChildren
  error?: string | undefined
  value: Duration
  onChange: (value: Duration) => void
}

/** A labelled number with its unit of time. */
export function DurationField({ label, hint, error, value, onChange }: DurationFieldProps): JSX.Element {
  const id = useId()
  const remark = error ?? hint
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <div class="duration-field">
        <input
          id={id}
          class="input"
          type="number"
          min={1}
          step={1}
          required
          value={value.amount}
          onInput={(event) => onChange({ ...value, amount: event.currentTarget.value })}
          aria-invalid={error ? true : undefined}
          aria-describedby={remark ? `${id}-hint` : undefined}
        />
        <select
          class="input"
          aria-label={`Unit of: ${label}`}
          value={value.unit}
          onChange={(event) => onChange({ ...value, unit: event.currentTarget.value as Unit })}
        >
          {LARGEST_FIRST.toReversed().map((unit) => (
            <option key={unit}>{unit}</option>
          ))}
        </select>
      </div>
      {remark && (
        <small id={`${id}-hint`} class={error ? 'hint error' : 'hint'}>
          {remark}
        </small>
      )}
    </div>
  )
}
