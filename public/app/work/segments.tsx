import type { JSX } from 'preact'
import { useId } from 'preact/hooks'

type SegmentsProps<T extends string> = {
  label: string
  value: T
  options: readonly (readonly [T, string])[]
  onChange: (value: T) => void
}

/** A few words side by side of which one is chosen. */
export function Segments<T extends string>({ label, value, options, onChange }: SegmentsProps<T>): JSX.Element {
  const name = useId()
  return (
    <div class="segments" role="radiogroup" aria-label={label}>
      {options.map(([key, text]) => (
        <label key={key}>
          <input type="radio" name={name} checked={key === value} onChange={() => onChange(key)} />
          <span>{text}</span>
        </label>
      ))}
    </div>
  )
}
